//! The world as plain rows: what the model expects, and what is found in the database, in the same words.
//!
//! Everything is named so that two runs of a history say the same: a top-up is the first, second, … of its wallet
//! (`1/sms#1`), a notice is its account, cause and channel. Times are microseconds since 1970, credits thousandths,
//! money the currency's minor unit.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use topup_rules::account::Method;
use topup_rules::ids::Service;
use topup_rules::message::{Channel, Template};
use topup_rules::settle::ReversalState;
use topup_rules::topup::{PaymentState, TopupState};

/// Microseconds since 1970.
pub(crate) type Us = i64;

/// Microseconds in a second.
pub(crate) const SECOND_US: Us = 1_000_000;

/// All rows of one history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct World {
    /// By `1/sms`.
    pub(crate) wallets: BTreeMap<String, Wallet>,
    /// By `1/sms send`: how many entries of the kind, and their sum.
    pub(crate) ledger: BTreeMap<String, (i64, i64)>,
    /// By `1/sms#1`.
    pub(crate) topups: BTreeMap<String, Topup>,
    /// By reference.
    pub(crate) payments: BTreeMap<String, Payment>,
    /// By account; what says nothing is left out.
    pub(crate) spacing: BTreeMap<i64, Spacing>,
    /// By `1/<batch>`.
    pub(crate) holds: BTreeMap<String, Hold>,
    /// By `<reference>/<reversal>`.
    pub(crate) reversals: BTreeMap<String, Reversal>,
    /// By `1/<channel>/<cause>`.
    pub(crate) notices: BTreeMap<String, Notice>,
    /// By `1/<signature>`: the token; empty once it is forgotten.
    pub(crate) cards: BTreeMap<String, String>,
    /// What waits to be published, and how often.
    pub(crate) outbox: Vec<OutboxRow>,
}

/// A wallet's row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wallet {
    pub(crate) balance: i64,
    pub(crate) held: i64,
    pub(crate) low: i64,
    pub(crate) auto: Option<Auto>,
    pub(crate) failures: i64,
    pub(crate) open: Option<String>,
}

impl Wallet {
    /// S5: the balance less open holds.
    pub(crate) const fn available(&self) -> i64 {
        self.balance - self.held
    }

    /// The settings, where they are to be acted on.
    pub(crate) fn enabled(&self) -> Option<&Auto> {
        self.auto.as_ref().filter(|auto| auto.enabled)
    }
}

/// Settings of auto top-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auto {
    pub(crate) method: Method,
    pub(crate) threshold: i64,
    pub(crate) quantity: i64,
    pub(crate) enabled: bool,
    /// Why not, where it is not.
    pub(crate) reason: Option<String>,
    /// The signature of the card.
    pub(crate) card: Option<String>,
}

/// A top-up's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topup {
    pub(crate) wallet: String,
    pub(crate) method: Method,
    pub(crate) quantity: i64,
    pub(crate) amount: Option<i64>,
    pub(crate) state: TopupState,
    pub(crate) requested_at: Us,
    pub(crate) due_at: Option<Us>,
    pub(crate) waits_for: Option<String>,
    pub(crate) woken_at: Option<Us>,
    pub(crate) settled_at: Option<Us>,
}

/// A payment's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payment {
    /// `1/sms#1`, or the purchase's id.
    pub(crate) buys: String,
    pub(crate) state: PaymentState,
    pub(crate) amount: i64,
    /// The signature of the card.
    pub(crate) card: Option<String>,
    pub(crate) intent_at: Us,
    pub(crate) retry_at: Option<Us>,
    pub(crate) ask_at: Option<Us>,
    pub(crate) asked: i64,
    pub(crate) not_known: i64,
    pub(crate) answered_at: Option<Us>,
    pub(crate) has_answer: bool,
    pub(crate) settled_at: Option<Us>,
    pub(crate) reversed: i64,
    pub(crate) taken_back: i64,
}

/// C1: an account's claim on card spacing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spacing {
    pub(crate) unsettled: Option<String>,
    pub(crate) last_settled_at: Option<Us>,
}

/// S5: leave to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    pub(crate) service: Service,
    pub(crate) credits: i64,
    pub(crate) used: i64,
    pub(crate) state: HoldState,
    pub(crate) expires_at: Us,
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HoldState {
    Open,
    Closed,
    Expired,
}

/// V1: a refund or a dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reversal {
    pub(crate) state: ReversalState,
    pub(crate) amount: i64,
    pub(crate) held: i64,
    pub(crate) taken_back: i64,
}

/// N1: a notice by one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    pub(crate) template: Template,
    pub(crate) state: NoticeState,
    pub(crate) created_at: Us,
    pub(crate) called_at: Option<Us>,
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NoticeState {
    Queued,
    Sent,
    Skipped,
    Parked,
}

/// A message that waits to be published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboxRow {
    pub(crate) queue: String,
    pub(crate) message: String,
    pub(crate) not_before: Option<Us>,
    pub(crate) created_at: Us,
}

/// The account of `1/…`.
pub(crate) fn account_of(name: &str) -> i64 {
    name.split('/')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or_default()
}

/// The service of `1/sms` and `1/sms#1`.
pub(crate) fn service_of(name: &str) -> &str {
    name.split(['/', '#']).nth(1).unwrap_or_default()
}

/// A notice's key.
pub(crate) fn notice_key(account: i64, channel: Channel, cause: &str) -> String {
    format!("{account}/{channel}/{cause}")
}

impl World {
    /// What differs, row by row; empty where nothing does.
    ///
    /// # Errors
    /// A world could not be written as JSON.
    pub(crate) fn differences(&self, found: &Self) -> Result<String> {
        let mut told = String::new();
        if self == found {
            return Ok(told);
        }
        let tables = |world: &Self| -> Result<BTreeMap<String, Value>> {
            let value = serde_json::to_value(world).context("a world as JSON")?;
            Ok(serde_json::from_value(value)?)
        };
        let (expected, found) = (tables(self)?, tables(found)?);
        for (table, rows) in &expected {
            differences(table, rows, found.get(table).unwrap_or(&Value::Null), &mut told);
        }
        Ok(told)
    }
}

/// Goes down as far as both sides are maps.
fn differences(at: &str, expected: &Value, found: &Value, told: &mut String) {
    match (expected, found) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let of =
                    |side: &serde_json::Map<String, Value>| side.get(key).cloned().unwrap_or(Value::Null);
                differences(&format!("{at} {key}"), &of(one), &of(other), told);
            }
        }
        _ if expected == found => {}
        _ => {
            let _always_fits = writeln!(told, "  {at}: the rules say {expected}, the store has {found}");
        }
    }
}
