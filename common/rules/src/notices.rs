//! N1, N3: which notice follows from what, under which key, with which values, and by which channels.
//!
//! Every value is a string that is ready to be read (`disabled` alone is a boolean); a value that does not apply is
//! left out. Left out of here: the texts themselves and their languages (N4), and the pauses between tries (`retry`).

mod operators;
mod payments;
mod people;
mod registrations;

pub use operators::{Alarmed, dispute_opened, operator_alert, payment_parked, refund_failed, refund_stuck};
pub use payments::{
    Bought, ExpiringCard, TakenBack, card_expiring, payment_reversed, purchase_failed, purchase_succeeded,
};
pub use people::sign_in_link;
pub use registrations::{Registering, registration_ended};

use crate::account::Method;
use crate::caps::CapPeriods;
use crate::credits::Credits;
use crate::events::{self, EventDraft};
use crate::ids::{AccountId, WalletKey};
use crate::language::Language;
use crate::message::{Channel, DeclineClass, Template};
use crate::topup::Topup;
use crate::wake::{SkipReason, WakeFailure};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A notice that is to be recorded with the change that caused it, once for each channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeDraft {
    /// Whom.
    pub account: AccountId,
    /// Which text.
    pub template: Template,
    /// A stable key of what caused it: `topup:<id>:succeeded`. N1: one notice for an account, a cause and a channel.
    pub cause: String,
    /// The text's values.
    pub params: Map<String, Value>,
    /// What platforms hear of the same change, once, whatever channels there are.
    pub event: Option<EventDraft>,
}

impl NoticeDraft {
    /// N1: the id of this notice by one channel: the same whenever it is asked for.
    #[must_use]
    pub fn id(&self, channel: Channel) -> Uuid {
        /// What sets these ids apart from any others.
        const NAMESPACE: Uuid = Uuid::from_bytes(*b"topup-notice-ids");
        let name = format!("{}/{channel}/{}", self.account, self.cause);
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }
}

/// C6, X4: credits came. `balance` is the new one.
#[must_use]
pub fn topup_succeeded(topup: &Topup, balance: Credits, card_last4: Option<&str>) -> NoticeDraft {
    NoticeDraft {
        account: topup.wallet.account,
        template: Template::TopupSucceeded,
        cause: format!("topup:{}:succeeded", topup.id),
        params: topup_params(topup, balance, card_last4),
        event: Some(events::topup_succeeded(topup, balance)),
    }
}

/// C7: they did not come, `reason` says why, `decline` what kind of refusal it was if a card was refused, and `disabled`
/// whether auto top-up has ended with it.
#[must_use]
pub fn topup_failed(
    topup: &Topup,
    balance: Credits,
    reason: &str,
    decline: Option<DeclineClass>,
    disabled: bool,
    card_last4: Option<&str>,
) -> NoticeDraft {
    let mut params = topup_params(topup, balance, card_last4);
    put(&mut params, "reason", reason);
    put_some(&mut params, "decline", decline);
    params.insert("disabled".to_owned(), Value::Bool(disabled));
    NoticeDraft {
        account: topup.wallet.account,
        template: Template::TopupFailed,
        cause: format!("topup:{}:failed", topup.id),
        params,
        event: Some(events::topup_failed(topup, balance, reason, decline, disabled)),
    }
}

/// X2: the main had too little. Told to the sub, and to its main, who alone can mend it. `balance` is the sub's,
/// `has` the main's available credits.
#[must_use]
pub fn transfer_failed(
    topup: &Topup,
    balance: Credits,
    main: AccountId,
    has: Credits,
    disabled: bool,
) -> [NoticeDraft; 2] {
    let main_key = WalletKey {
        account: main,
        service: topup.wallet.service,
    };
    let reason = WakeFailure::MainShort { main: main_key, has }.to_string();
    let mut to_sub = topup_failed(topup, balance, &reason, None, disabled, None);
    put(&mut to_sub.params, "main_account", main);
    put(&mut to_sub.params, "account", topup.wallet.account);
    put(&mut to_sub.params, "has", has);
    let mut to_main = NoticeDraft {
        account: main,
        event: None,
        ..to_sub.clone()
    };
    put(&mut to_sub.params, "who", "sub");
    put(&mut to_main.params, "who", "main");
    [to_sub, to_main]
}

/// C7, X2: everything that a failure on waking tells, to everybody whom it concerns. `balance` is the wallet's.
#[must_use]
pub fn failed_on_waking(
    topup: &Topup,
    balance: Credits,
    failure: &WakeFailure,
    disabled: bool,
) -> Vec<NoticeDraft> {
    match failure {
        WakeFailure::MainShort { main, has } => {
            transfer_failed(topup, balance, main.account, *has, disabled).into()
        }
        WakeFailure::NoCard | WakeFailure::NoMain => {
            vec![topup_failed(
                topup,
                balance,
                &failure.to_string(),
                None,
                disabled,
                None,
            )]
        }
    }
}

/// L1: the balance crossed the notice threshold. `cause_id` names the ledger entry that did it.
#[must_use]
pub fn low_credit(key: WalletKey, balance: Credits, threshold: Credits, cause_id: &str) -> NoticeDraft {
    let mut params = Map::new();
    put(&mut params, "service", key.service);
    put(&mut params, "balance", balance);
    put(&mut params, "threshold", threshold);
    NoticeDraft {
        account: key.account,
        template: Template::LowCredit,
        cause: format!("low-credit:{}:{cause_id}", key.service),
        params,
        event: Some(events::credits_low(key, balance, threshold, cause_id)),
    }
}

/// C12: a cap stopped a top-up. The cause bears the period, not the top-up, so that it is told once per period.
/// `None` where no cap did: nobody is told of such a skip (C3).
#[must_use]
pub fn cap_reached(topup: &Topup, reason: &SkipReason, periods: &CapPeriods) -> Option<NoticeDraft> {
    let (kind, limit) = match reason {
        SkipReason::DayCap { limit } => ("day", limit.to_string()),
        SkipReason::MonthCap { limit } => ("month", limit.to_string()),
        SkipReason::Disabled | SkipReason::OtherMethod | SkipReason::AboveThreshold => return None,
    };
    let period = periods.name(reason)?;
    let mut params = Map::new();
    put(&mut params, "service", topup.wallet.service);
    put(&mut params, "period", kind);
    put(&mut params, "limit", limit);
    Some(NoticeDraft {
        account: topup.wallet.account,
        template: Template::CapReached,
        cause: format!("cap:{kind}:{period}"),
        params,
        // Of the top-up that was skipped they hear anyway.
        event: None,
    })
}

/// N4: in what language a notice is written: the account's, whose tag is `tag`; of an alert the operators', whatever the
/// account's is.
#[must_use]
pub fn language(template: Template, tag: &str) -> Language {
    match template {
        Template::OperatorAlert => Language::English,
        Template::TopupSucceeded
        | Template::TopupFailed
        | Template::LowCredit
        | Template::PurchaseSucceeded
        | Template::PurchaseFailed
        | Template::RegistrationEnabled
        | Template::RegistrationNotEnabled
        | Template::RegistrationFailed
        | Template::PaymentReversed
        | Template::CapReached
        | Template::CardExpiring
        | Template::SignInLink => Language::nearest(tag),
    }
}

/// What becomes of a notice by one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// It is sent.
    Send,
    /// It is recorded as not sent, with this reason; that is no error (N3).
    Skip(&'static str),
}

/// N1, N3: one request for each channel; an account without a number or an address gets the other one. A receipt, and what
/// came of a card's registration, goes by e-mail, and by SMS only where there is no address; an alert goes to the operators' own address.
#[must_use]
pub const fn route(template: Template, has_mobile: bool, has_email: bool) -> [(Channel, Routing); 2] {
    let sms = if has_mobile {
        Routing::Send
    } else {
        Routing::Skip("the account has no mobile number")
    };
    let email = if has_email {
        Routing::Send
    } else {
        Routing::Skip("the account has no e-mail address")
    };
    let (sms, email) = match template {
        Template::OperatorAlert => (Routing::Skip("operators are told by e-mail"), Routing::Send),
        // Its own address, not the account's.
        Template::SignInLink => (Routing::Skip("links to sign in go by e-mail"), Routing::Send),
        Template::PurchaseSucceeded | Template::PurchaseFailed if has_email => {
            (Routing::Skip("purchases are told by e-mail"), email)
        }
        Template::RegistrationEnabled | Template::RegistrationNotEnabled | Template::RegistrationFailed
            if has_email =>
        {
            (Routing::Skip("registrations are told by e-mail"), email)
        }
        Template::PurchaseSucceeded
        | Template::PurchaseFailed
        | Template::RegistrationEnabled
        | Template::RegistrationNotEnabled
        | Template::RegistrationFailed
        | Template::TopupSucceeded
        | Template::TopupFailed
        | Template::LowCredit
        | Template::PaymentReversed
        | Template::CapReached
        | Template::CardExpiring => (sms, email),
    };
    [(Channel::Sms, sms), (Channel::Email, email)]
}

fn topup_params(topup: &Topup, balance: Credits, card_last4: Option<&str>) -> Map<String, Value> {
    let mut params = Map::new();
    put(&mut params, "service", topup.wallet.service);
    put(&mut params, "credits", topup.quantity);
    put(&mut params, "balance", balance);
    put(&mut params, "method", topup.method);
    match topup.method {
        Method::Card => {
            put_some(&mut params, "amount", topup.price);
            put_some(&mut params, "card_last4", card_last4);
        }
        Method::Transfer => {}
    }
    params
}

fn put(params: &mut Map<String, Value>, name: &str, value: impl ToString) {
    params.insert(name.to_owned(), Value::String(value.to_string()));
}

fn put_some(params: &mut Map<String, Value>, name: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        put(params, name, value);
    }
}
