//! The judge: whether what was promised was kept, asked of everybody who knows.
//!
//! A test tells a [`Checker`] what the broker confirmed. Once the fleet has come to rest, [`Checker::judge`] reads the
//! ledger, the queues and the lists of the world outside, and finds out in a way of its own what the fleet says of
//! itself in another: whether every event is debited once, waiting, or parked with a reason; whether every capture is
//! credited once, and no credit is without one; whether captures of an account are the spacing apart by the gateway's
//! own clock; whether everybody was told once; whether anybody was disabled without a decline. The operator's audit
//! (A1–A6) is part of the verdict.
//!
//! Deliberately absent: waiting (whoever judges knows when the fleet is at rest), and the fleet's own decisions: of
//! its code, only what an event is and which ledger key it has is used here.

mod money;
mod notices;
mod sends;
mod verdict;

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::ledger_key;
use uuid::Uuid;

use super::app::App;
use super::events::{Event, Raw};
pub use verdict::Verdict;

/// The setting that says how far apart an account's card top-ups are.
const SPACING: &str = "TOPUP__RULES__CARD_SPACING";

/// What was promised so far.
#[derive(Debug, Default)]
pub struct Checker {
    /// By ledger key; an identity that was sent with different contents has several.
    sends: HashMap<Uuid, Vec<SmsSent>>,
    /// Bodies of what is no event: to be parked.
    unusable: HashSet<Vec<u8>>,
}

impl Checker {
    /// Nothing was promised yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The broker confirmed this event. Telling it again changes nothing.
    pub fn accepted(&mut self, event: &Event) {
        self.accepted_raw(&event.message());
    }

    /// The broker confirmed this message for `sms-sent`, right or wrong. What is wrong has to be parked, and is known
    /// by its body.
    pub fn accepted_raw(&mut self, message: &Raw) {
        match read(message) {
            Some(event) => {
                let key = ledger_key(event.event_id, event.sent_at).uuid();
                let variants = self.sends.entry(key).or_default();
                if !variants.contains(&event) {
                    variants.push(event);
                }
            }
            None => {
                self.unusable.insert(message.body().to_vec());
            }
        }
    }

    /// How many messages were confirmed, repeats not counted.
    #[must_use]
    pub fn promised(&self) -> usize {
        self.sends.values().map(Vec::len).sum::<usize>() + self.unusable.len()
    }

    /// Judges a fleet that has come to rest.
    ///
    /// # Errors
    /// Somebody could not be asked. What is wrong is no error, but in the verdict.
    pub async fn judge(&self, app: &App) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        self.judge_sends(app, &mut verdict)
            .await
            .context("judging the sends")?;
        money::judge(app, spacing(app)?, &mut verdict)
            .await
            .context("judging the money")?;
        notices::judge(app, &mut verdict)
            .await
            .context("judging the notices")?;
        let audit = app.fleet.fleetctl_output(&["audit"]).await?;
        if !audit.status.success() {
            let said = [&audit.stdout[..], &audit.stderr[..]].concat();
            verdict.audit = Some(String::from_utf8_lossy(&said).trim().to_owned());
        }
        Ok(verdict)
    }
}

/// The event in a message, as a proper reader reads it.
fn read(message: &Raw) -> Option<SmsSent> {
    message::parse(
        message.body(),
        message.id(),
        message.amqp_type(),
        message.content_type.as_deref(),
    )
    .ok()
}

fn spacing(app: &App) -> Result<SignedDuration> {
    let setting = app.env().get(SPACING).with_context(|| format!("no {SPACING}"))?;
    setting.parse().with_context(|| format!("{SPACING}={setting}"))
}
