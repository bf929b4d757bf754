//! The rules, told a second time and plainly: no SQL, no locks, no decisions shared with the product.
//!
//! A method is something that happens; it changes the [`World`] and answers with one word what came of it, which is
//! compared with what the store answers. What a rule wants published or told is a row like any other.

mod asking;
mod by_hand;
mod sends;
mod settings;
mod settling;
mod topups;

pub(crate) use asking::{Asking, Heard};
pub(crate) use settings::Wanted;
pub(crate) use settling::Told;

use crate::world::{
    Notice, NoticeState, OutboxRow, Payment, Spacing, Topup, Us, Wallet, World, account_of, notice_key,
    service_of,
};
use std::collections::{BTreeMap, BTreeSet};
use topup_rules::message::{Channel, Template};
use topup_rules::settle::PurchaseMethod;
use uuid::Uuid;

/// An account's fixed part.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) main: Option<i64>,
    pub(crate) has_mobile: bool,
    pub(crate) has_email: bool,
    /// C12: card top-ups a day.
    pub(crate) day_cap: Option<i64>,
    /// C12: card money a month.
    pub(crate) month_cap: Option<i64>,
}

/// A purchase by hand.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) wallet: String,
    pub(crate) quantity: i64,
    /// What whoever buys has seen as the price.
    pub(crate) shown: Option<i64>,
    pub(crate) method: PurchaseMethod,
}

/// What the rules say the world is like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) world: World,
    pub(crate) now: Us,
    pub(crate) accounts: BTreeMap<i64, Account>,
    /// C7.
    pub(crate) failures_to_disable: i64,
    /// By id, for a version-7 id; by id and time for any other (S2).
    sends: BTreeMap<(Uuid, Option<Us>), topup_rules::message::SmsSent>,
    by_hand: BTreeSet<Uuid>,
    pub(crate) purchases: BTreeMap<String, Purchase>,
    /// C9: our own troubles so far with each reference.
    troubles: BTreeMap<String, i64>,
    /// Rows of the outbox that were written since they were last taken.
    fresh: Vec<OutboxRow>,
}

impl Model {
    /// What was to be published since this was last asked.
    pub(crate) fn take_fresh(&mut self) -> Vec<OutboxRow> {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort();
        fresh
    }

    /// The broker has confirmed it.
    pub(crate) fn published(&mut self, row: &OutboxRow) {
        if let Some(at) = self.world.outbox.iter().position(|other| other == row) {
            self.world.outbox.remove(at);
        }
    }

    /// A row for the outbox.
    fn publish(&mut self, queue: &str, message: &str, not_before: Option<Us>) {
        let row = OutboxRow {
            queue: queue.to_owned(),
            message: message.to_owned(),
            not_before,
            created_at: self.now,
        };
        self.fresh.push(row.clone());
        self.world.outbox.push(row);
        self.world.outbox.sort();
    }

    /// A message that wakes a top-up.
    fn call(&mut self, topup: &str, not_before: Option<Us>) {
        self.publish("topup-requested", topup, not_before);
    }

    /// N1, N3: once for each channel; nobody is sent what has nowhere to go.
    fn tell(&mut self, account: i64, template: Template, cause: &str) {
        let Account {
            has_mobile,
            has_email,
            ..
        } = self.accounts.get(&account).cloned().unwrap_or_default();
        let (sms, email) = match template {
            Template::OperatorAlert | Template::SignInLink => (false, true),
            Template::PurchaseSucceeded
            | Template::PurchaseFailed
            | Template::RegistrationEnabled
            | Template::RegistrationNotEnabled
            | Template::RegistrationFailed => (has_mobile && !has_email, has_email),
            Template::TopupSucceeded
            | Template::TopupFailed
            | Template::LowCredit
            | Template::PaymentReversed
            | Template::CapReached
            | Template::CardExpiring => (has_mobile, has_email),
        };
        for (channel, goes) in [(Channel::Sms, sms), (Channel::Email, email)] {
            let key = notice_key(account, channel, cause);
            if self.world.notices.contains_key(&key) {
                continue;
            }
            let state = if goes {
                NoticeState::Queued
            } else {
                NoticeState::Skipped
            };
            let notice = Notice {
                template,
                state,
                created_at: self.now,
                called_at: None,
            };
            self.world.notices.insert(key.clone(), notice);
            if goes {
                self.publish("notifications", &key, None);
            }
        }
    }

    /// A ledger entry and its balance. L1: a debit from above the notice threshold to it or below it is told.
    fn post(&mut self, wallet: &str, kind: &str, credits: i64, cause: &str) {
        let entries = self.world.ledger.entry(format!("{wallet} {kind}")).or_default();
        *entries = (entries.0 + 1, entries.1 + credits);
        let Some(row) = self.world.wallets.get_mut(wallet) else {
            return;
        };
        let (before, low) = (row.balance, row.low);
        row.balance += credits;
        let crossed = low > 0 && before > low && row.balance <= low;
        if crossed {
            let cause = format!("low-credit:{}:{cause}", service_of(wallet));
            self.tell(account_of(wallet), Template::LowCredit, &cause);
        }
    }

    fn with_wallet(&mut self, wallet: &str, change: impl FnOnce(&mut Wallet)) {
        if let Some(row) = self.world.wallets.get_mut(wallet) {
            change(row);
        }
    }

    fn with_topup(&mut self, topup: &str, change: impl FnOnce(&mut Topup)) {
        if let Some(row) = self.world.topups.get_mut(topup) {
            change(row);
        }
    }

    fn with_payment(&mut self, reference: &str, change: impl FnOnce(&mut Payment)) {
        if let Some(row) = self.world.payments.get_mut(reference) {
            change(row);
        }
    }

    /// The account's claim on spacing; one that says nothing is no row.
    fn with_spacing(&mut self, account: i64, change: impl FnOnce(&mut Spacing)) {
        let row = self.world.spacing.entry(account).or_default();
        change(row);
        if *row == Spacing::default() {
            self.world.spacing.remove(&account);
        }
    }

    /// N1: the provider has taken a notice, or refused it for good.
    pub(crate) fn notice_ends(&mut self, key: &str, state: NoticeState) -> bool {
        let Some(notice) = self.world.notices.get_mut(key) else {
            return false;
        };
        let changes =
            matches!(notice.state, NoticeState::Queued | NoticeState::Parked) && notice.state != state;
        if changes {
            notice.state = state;
        }
        changes
    }
}

/// A top-up's reference.
pub(crate) fn reference_of(topup: &str) -> String {
    format!("topup-{}-{topup}", account_of(topup))
}
