//! Which event follows from what, under which id, with which figures: what platforms hear of, beside what the account
//! holder is told (`notices`), and of the same changes.
//!
//! Credits are decimal texts, money counts in the currency's minor unit. Nothing here says who the account holder is: no
//! number, address, name or card.

use crate::account::{AutoTopup, AutoTopupSettings};
use crate::credits::Credits;
use crate::ids::{AccountId, Service, WalletKey};
use crate::message::DeclineClass;
use crate::message::event::{Event, EventType};
use crate::money::Money;
use crate::notices::{Bought, ExpiringCard, TakenBack};
use crate::topup::Topup;
use crate::wake::SkipReason;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

/// An event that is to be written with the change that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// What happened.
    pub kind: EventType,
    /// To whose wallet.
    pub account: AccountId,
    /// To which.
    pub service: Option<Service>,
    /// A stable key of what caused it, among those of its type and account.
    pub cause: String,
    /// What of it.
    pub data: Map<String, Value>,
}

impl EventDraft {
    fn new(kind: EventType, wallet: WalletKey, cause: impl ToString) -> Self {
        Self {
            kind,
            account: wallet.account,
            service: Some(wallet.service),
            cause: cause.to_string(),
            data: Map::new(),
        }
    }

    /// The same whenever it is asked for.
    #[must_use]
    pub fn id(&self) -> Uuid {
        /// What sets these ids apart from any others.
        const NAMESPACE: Uuid = Uuid::from_bytes(*b"topup-events-ids");
        let name = format!("{}/{}/{}", self.account, self.kind, self.cause);
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }

    /// As it is published.
    #[must_use]
    pub fn at(&self, occurred_at: Timestamp) -> Event {
        Event {
            event_id: self.id(),
            kind: self.kind,
            account_id: self.account,
            service: self.service,
            occurred_at,
            data: self.data.clone(),
        }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.data
            .insert(name.to_owned(), Value::String(value.to_string()));
        self
    }

    fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn with_money(mut self, money: Option<Money>) -> Self {
        if let Some(money) = money {
            self.data
                .insert("amount_minor".to_owned(), money.amount_minor.into());
            return self.with("currency", money.currency);
        }
        self
    }

    fn with_settings(self, settings: &AutoTopupSettings) -> Self {
        self.with("method", settings.method)
            .with("threshold", settings.threshold)
            .with("quantity", settings.quantity)
    }
}

fn of_topup(kind: EventType, topup: &Topup, balance: Credits) -> EventDraft {
    EventDraft::new(kind, topup.wallet, topup.id)
        .with("topup_id", topup.id)
        .with("method", topup.method)
        .with("credits", topup.quantity)
        .with("balance", balance)
}

/// C6, X4: a top-up brought credits. `balance` is the new one.
#[must_use]
pub fn topup_succeeded(topup: &Topup, balance: Credits) -> EventDraft {
    of_topup(EventType::TopupSucceeded, topup, balance).with_money(topup.price)
}

/// C7, X2: it did not; `disabled`: auto top-up ended with it.
#[must_use]
pub fn topup_failed(
    topup: &Topup,
    balance: Credits,
    reason: &str,
    decline: Option<DeclineClass>,
    disabled: bool,
) -> EventDraft {
    let mut draft = of_topup(EventType::TopupFailed, topup, balance)
        .with("reason", reason)
        .with_some("decline", decline)
        .with_money(topup.price);
    draft.data.insert("disabled".to_owned(), Value::Bool(disabled));
    draft
}

/// C3, C12: it was not wanted any more.
#[must_use]
pub fn topup_skipped(topup: &Topup, balance: Credits, reason: &SkipReason) -> EventDraft {
    of_topup(EventType::TopupSkipped, topup, balance).with("reason", reason)
}

/// E1–E8: a wallet's settings became these, at this moment. Nothing where auto top-up was never set up.
#[must_use]
pub fn settings_changed(wallet: WalletKey, auto: &AutoTopup, at: Timestamp) -> Option<EventDraft> {
    match auto {
        AutoTopup::Off => None,
        AutoTopup::Enabled(settings) => Some(
            EventDraft::new(
                EventType::AutoTopupEnabled,
                wallet,
                format!("{}:{at}", wallet.service),
            )
            .with_settings(settings),
        ),
        AutoTopup::Disabled { settings, reason } => Some(disabled(
            wallet,
            settings,
            reason,
            format!("{}:{at}", wallet.service),
        )),
    }
}

/// C7, V1: auto top-up was disabled by what `cause` names.
#[must_use]
pub fn disabled(
    wallet: WalletKey,
    settings: &AutoTopupSettings,
    reason: &str,
    cause: impl ToString,
) -> EventDraft {
    EventDraft::new(EventType::AutoTopupDisabled, wallet, cause)
        .with_settings(settings)
        .with("reason", reason)
}

fn of_purchase(kind: EventType, bought: &Bought<'_>) -> EventDraft {
    let mut draft = EventDraft::new(kind, bought.wallet, bought.id)
        .with("purchase_id", bought.id)
        .with("credits", bought.quantity)
        .with("reference", bought.reference)
        .with_money(Some(bought.amount));
    draft.data.insert("tax_minor".to_owned(), bought.tax_minor.into());
    draft
}

/// P4: what was bought by hand came. `balance` is the new one.
#[must_use]
pub fn purchase_succeeded(bought: &Bought<'_>, balance: Credits) -> EventDraft {
    of_purchase(EventType::PurchaseSucceeded, bought).with("balance", balance)
}

/// P4: it did not.
#[must_use]
pub fn purchase_failed(bought: &Bought<'_>, reason: &str, decline: Option<DeclineClass>) -> EventDraft {
    of_purchase(EventType::PurchaseFailed, bought)
        .with("reason", reason)
        .with_some("decline", decline)
}

/// V1: a payment was given back. `balance` is the new one.
#[must_use]
pub fn payment_reversed(taken: &TakenBack<'_>, balance: Credits) -> EventDraft {
    let cause = format!("{}:{}", taken.reference, taken.reversal_id);
    EventDraft::new(EventType::PaymentReversed, taken.wallet, cause)
        .with("reference", taken.reference)
        .with("reversal_id", taken.reversal_id)
        .with("credits", taken.credits)
        .with("balance", balance)
        .with_money(Some(taken.amount))
}

/// L1: a balance crossed its threshold. `cause` names what did it.
#[must_use]
pub fn credits_low(wallet: WalletKey, balance: Credits, threshold: Credits, cause: &str) -> EventDraft {
    EventDraft::new(
        EventType::CreditsLow,
        wallet,
        format!("{}:{cause}", wallet.service),
    )
    .with("balance", balance)
    .with("threshold", threshold)
}

/// A card runs out at the end of this month.
#[must_use]
pub fn card_expiring(card: &ExpiringCard<'_>) -> EventDraft {
    let month = card.expires_on.strftime("%Y-%m").to_string();
    EventDraft {
        kind: EventType::CardExpiring,
        account: card.account,
        service: None,
        cause: format!("{}:{month}", card.id),
        data: Map::new(),
    }
    .with("card_id", card.id)
    .with("expires", month)
}
