//! E3, E8: registering a card for auto top-up, by a small charge on the gateway's page.
//!
//! What is asked for is checked before anything is charged, by the same rules as when it is enabled
//! ([`crate::settings::enable_card`]); what was true then need not be true when the money has come, so it is asked again.
//!
//! Left out: the charge itself, which is settled like every payment (`settle`), and giving it back.

use crate::account::{Account, AutoTopupSettings, Wallet};
use crate::cards::{CardUnfit, SeenCard};
use crate::credits::Credits;
use crate::money::{Currency, Money};
use crate::names::names;
use crate::retry::{NextTry, RetryPolicy};
use crate::settings::{Actor, SettingsRefusal, enable_card};
use crate::topup::PaymentState;
use crate::written::Written;
use jiff::{SignedDuration, Timestamp};

/// 1.00 in minor units: every currency that the gateways take has two decimals.
const CHARGE_MINOR: i64 = 100;

/// Why a registration whose charge came too late enables nothing (C10).
pub const ENDED_BEFORE: &str = Written::EndedBefore.as_str();

/// Why a registration ended that another one took the place of.
pub const REPLACED: &str = Written::Replaced.as_str();

/// How long a page is asked for, at most. What is older was cut short.
const OPENING_MAX: SignedDuration = SignedDuration::from_mins(2);

/// Why a registration whose charge went back before it was seen to come enables nothing.
pub const GIVEN_BACK_BEFORE: &str = Written::GivenBackBefore.as_str();

names! {
    /// How a registration ended.
    pub enum RegistrationOutcome: "outcome of a registration" {
        /// The card is registered, and auto top-up enabled.
        Enabled = "enabled",
        /// It was paid, but nothing is enabled, for a reason.
        NotEnabled = "not-enabled",
        /// It was not paid.
        Failed = "failed",
    }
}

/// What somebody wants who asks for a registration: of one wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// Reaching it is to trigger.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// The terms that were agreed to.
    pub terms_version: &'a str,
    /// What the gateway's page asks for.
    pub email: &'a str,
}

/// A registration of the same wallet that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRegistration<'a> {
    /// What it was asked for.
    pub wish: Wish<'a>,
    /// Where its payment stands.
    pub state: PaymentState,
    /// There is a page to pay on.
    pub has_page: bool,
    /// When it was begun.
    pub begun_at: Timestamp,
}

/// What another wish of the same wallet is to an open registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Another {
    /// The same again: that registration is its answer, and nothing is charged twice.
    Same,
    /// The same again, and its page is being asked for at this moment.
    InHand,
    /// It takes its place. Should that one be paid all the same, its money goes back (C10).
    Replaces,
    /// That one may be paid, and nobody knows yet: it ends by its own result.
    Beside,
}

/// E3, E5: somebody asks for a registration while one of the same wallet is open.
#[must_use]
pub fn another(open: &OpenRegistration<'_>, wish: &Wish<'_>, now: Timestamp) -> Another {
    let is_same = open.wish == *wish;
    match open.state {
        PaymentState::Pending | PaymentState::Unknown if is_same && open.has_page => Another::Same,
        PaymentState::Charging if is_same && now.duration_since(open.begun_at) < OPENING_MAX => {
            Another::InHand
        }
        PaymentState::Charging | PaymentState::Pending => Another::Replaces,
        // The last three have ended, or are about to.
        PaymentState::Unknown
        | PaymentState::Parked
        | PaymentState::Succeeded
        | PaymentState::Failed
        | PaymentState::Reversed => Another::Beside,
    }
}

/// What a paid registration comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// Auto top-up is enabled with these settings and this card.
    Enable {
        /// The settings.
        settings: AutoTopupSettings,
        /// The card that is saved.
        card: SeenCard,
    },
    /// Nothing is enabled and no card is saved; whatever was enabled before stays.
    NotEnabled {
        /// Why, for the account holder.
        reason: String,
    },
}

/// E3: 1.00 in the account's currency, or the gateway's least charge where that is more.
#[must_use]
pub const fn charge(currency: Currency, gateway_min_minor: i64) -> Money {
    let amount_minor = if gateway_min_minor > CHARGE_MINOR {
        gateway_min_minor
    } else {
        CHARGE_MINOR
    };
    Money::new(amount_minor, currency)
}

/// E1, E3, E4: whether a registration may begin: all that can be known before anything is charged.
///
/// # Errors
/// The first rule that is broken.
pub fn may_begin(
    account: &Account,
    wallet: &Wallet,
    actor: Actor,
    threshold: Credits,
    quantity: Credits,
) -> Result<AutoTopupSettings, SettingsRefusal> {
    enable_card(account, wallet, actor, true, threshold, quantity)
}

/// E1–E4, E8: what becomes of a registration whose charge was captured. Only the account itself begins one (E2).
#[must_use]
pub fn registered(
    account: &Account,
    wallet: &Wallet,
    threshold: Credits,
    quantity: Credits,
    card: Result<SeenCard, CardUnfit>,
) -> Registered {
    let card = match card {
        Ok(card) => card,
        Err(unfit) => {
            return Registered::NotEnabled {
                reason: unfit.to_string(),
            };
        }
    };
    match may_begin(account, wallet, Actor::Itself, threshold, quantity) {
        Ok(settings) => Registered::Enable { settings, card },
        Err(refusal) => Registered::NotEnabled {
            reason: refusal.to_string(),
        },
    }
}

/// What came of asking for a registration's charge to be given back, or of looking up whether it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundTold {
    /// The gateway has taken it on.
    Taken,
    /// It gives nothing back for now.
    Refused,
    /// No answer, or none that can be read: it may have been taken on.
    NoVerdict,
    /// C9: it was not asked, or turned the call away before it looked.
    OurTrouble {
        /// It asked for at least this pause, in seconds.
        at_least_s: Option<u32>,
    },
    /// A look finds the money given back.
    FoundGivenBack,
    /// A look does not find it given back, not yet.
    NotFound,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRefund {
    /// It is given back, or will be.
    Done,
    /// It certainly was not taken on: it is asked for again.
    AskAgain {
        /// After so many seconds.
        delay_s: u32,
    },
    /// It may have been taken on, and the gateway recognises no repeat: it is looked up, and never asked for again.
    LookUp {
        /// After so many seconds.
        delay_s: u32,
    },
    /// A person has to see to it.
    GiveUp,
}

/// E3: giving back, never twice. `tries` counts this one.
#[must_use]
pub fn after_refund(told: RefundTold, tries: u32, policy: &RetryPolicy) -> AfterRefund {
    let next = policy.after(tries);
    match told {
        RefundTold::Taken | RefundTold::FoundGivenBack => AfterRefund::Done,
        RefundTold::Refused => match next {
            NextTry::After { delay_s } => AfterRefund::AskAgain { delay_s },
            NextTry::GiveUp => AfterRefund::GiveUp,
        },
        RefundTold::NoVerdict | RefundTold::NotFound => match next {
            NextTry::After { delay_s } => AfterRefund::LookUp { delay_s },
            NextTry::GiveUp => AfterRefund::GiveUp,
        },
        // It is over some time, and costs nobody anything until then.
        RefundTold::OurTrouble { at_least_s } => {
            let delay_s = match next {
                NextTry::After { delay_s } => delay_s,
                NextTry::GiveUp => policy.max_s,
            };
            AfterRefund::AskAgain {
                delay_s: delay_s.max(at_least_s.unwrap_or(0)),
            }
        }
    }
}
