//! What the rules know of accounts and wallets: the snapshot that a decision is made on.

use crate::credits::Credits;
use crate::ids::{AccountId, TopupId, WalletKey};
use crate::money::Currency;
use crate::names::names;

/// Main, or sub of exactly one main.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Pays for itself.
    Main,
    /// May be refilled by its main.
    Sub {
        /// Its main account.
        parent: AccountId,
    },
}

/// An account, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// Main or sub.
    pub kind: AccountKind,
    /// What it pays in.
    pub currency: Currency,
    /// Limits on automatic card top-ups (C12).
    pub caps: Caps,
}

/// Optional limits on an account's automatic card top-ups (C12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caps {
    /// Card top-ups a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topups_per_day: Option<u32>,
    /// Card money a calendar month, in the currency's minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor_per_month: Option<i64>,
}

names! {
    /// How a wallet is refilled automatically.
    pub enum Method: "method of auto top-up" {
        /// A saved card is charged.
        Card = "card",
        /// Credits come from the main account's wallet of the same service.
        Transfer = "transfer",
    }
}

/// A wallet's auto top-up settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AutoTopup {
    /// Never set up.
    Off,
    /// Set up, and not to be acted on.
    Disabled {
        /// As it was.
        settings: AutoTopupSettings,
        /// Why, in words for the account holder.
        reason: String,
    },
    /// To be acted on.
    Enabled(AutoTopupSettings),
}

/// Method, threshold and quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoTopupSettings {
    /// Card or transfer.
    pub method: Method,
    /// Reaching it triggers (T1).
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
}

/// One account's credits for one service, as locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Which.
    pub key: WalletKey,
    /// Credits, open holds included.
    pub balance: Credits,
    /// Credits in open holds (S5).
    pub held: Credits,
    /// The low-credit notice threshold (L1); zero: never.
    pub low_credit_threshold: Credits,
    /// Automatic top-up.
    pub auto_topup: AutoTopup,
    /// Definite failures in a row since the last success (C7).
    pub consecutive_failures: u32,
    /// The one open top-up (T2).
    pub open_topup: Option<TopupId>,
}

impl Wallet {
    /// Balance less open holds (S5).
    #[must_use]
    pub fn available(&self) -> Credits {
        Credits::from_milli(self.balance.milli().saturating_sub(self.held.milli()))
    }
}
