//! C1–C4, C12, X1, X2: what a top-up does when its message comes.
//!
//! The message is only a wake-up; this decision, on locked rows, is the gate (C3).
//! Left out: doing it. The store commits the intent before anybody asks the gateway (C5).

use crate::account::{Account, AccountKind, AutoTopup, Method, Wallet};
pub use crate::caps::CapUsage;
use crate::credits::Credits;
use crate::ids::{TopupId, WalletKey};
use crate::lifecycle::Event;
use crate::money::Money;
use crate::topup::{SpacingClaim, Topup, TopupState};
use jiff::{SignedDuration, Timestamp};

/// Everything that decides, as locked. `now` is the database's clock, read after the locks are held.
#[derive(Debug, Clone, Copy)]
pub struct WakeFacts<'a> {
    /// The one that wakes.
    pub topup: &'a Topup,
    /// Its wallet.
    pub wallet: &'a Wallet,
    /// Whose wallet.
    pub account: &'a Account,
    /// The account's card spacing.
    pub claim: SpacingClaim,
    /// What the account's caps count.
    pub usage: CapUsage,
    /// The main account's wallet of the same service, for a transfer.
    pub main: Option<&'a Wallet>,
    /// A card is registered for auto top-up.
    pub has_card: bool,
    /// C1: the least time between two card top-ups.
    pub card_spacing: SignedDuration,
    /// When.
    pub now: Timestamp,
}

/// What a waking top-up does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Commit the intent, then charge this (C4).
    Charge {
        /// The price when it was requested.
        amount: Money,
    },
    /// No price was listed when it was requested: an operator's matter, and nobody's failure (C9).
    NotPriced,
    /// Move credits (X1).
    Move {
        /// The main account's wallet.
        from: WalletKey,
        /// How many.
        quantity: Credits,
    },
    /// A definite failure without asking anybody (C7, X2).
    Fail(WakeFailure),
    /// Not yet (C2).
    Wait {
        /// Until when; `None`: until another top-up is settled.
        until: Option<Timestamp>,
        /// Why.
        why: Waits,
    },
    /// Not wanted any more (C3, C12).
    Skip(SkipReason),
    /// A stale message: the top-up is past that.
    Nothing(TopupState),
}

impl Wake {
    /// What happens to the top-up by it (`lifecycle`); `None` where it stays as it is.
    #[must_use]
    pub const fn event(&self) -> Option<Event> {
        match self {
            Self::Charge { .. } => Some(Event::Charge),
            Self::Move { .. } => Some(Event::Move),
            Self::Fail(_) => Some(Event::CannotCharge),
            Self::Wait { .. } => Some(Event::Wait),
            Self::Skip(_) => Some(Event::NotWanted),
            Self::NotPriced | Self::Nothing(_) => None,
        }
    }
}

/// A failure that needs no gateway. Its text is for the account holder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WakeFailure {
    /// The card was forgotten.
    #[error("no card is registered for auto top-up")]
    NoCard,
    /// X2: the main's available credits do not cover the quantity.
    #[error("the main account {main} has only {has} credits available", main = .main.account)]
    MainShort {
        /// The main's wallet.
        main: WalletKey,
        /// Its available credits, holds counted.
        has: Credits,
    },
    /// There is nobody to take credits from.
    #[error("there is no main account with credits for this service")]
    NoMain,
}

/// Why a card top-up waits (C1, C2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Waits {
    /// The account's last card top-up settled too short a time ago.
    #[error("the account's last card top-up is too recent")]
    TooEarly,
    /// The account's earlier card top-up is not settled.
    #[error("the account's earlier card top-up {0} is not settled yet")]
    EarlierUnsettled(TopupId),
}

/// Why a top-up is not wanted any more (C3, C12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// Auto top-up was disabled meanwhile.
    #[error("auto top-up is disabled")]
    Disabled,
    /// Auto top-up works by the other method now.
    #[error("auto top-up now works by another method")]
    OtherMethod,
    /// Credits came some other way.
    #[error("the balance is above the threshold again")]
    AboveThreshold,
    /// The account's card top-ups of today.
    #[error("the account's limit of {limit} card top-ups a day is reached")]
    DayCap {
        /// How many a day.
        limit: u32,
    },
    /// The account's card money of this month.
    #[error("the account's limit of {limit} of card top-ups a month would be passed")]
    MonthCap {
        /// How much a month.
        limit: Money,
    },
}

impl SkipReason {
    /// Whether a top-up was skipped for a cap, by the reason that was written down with it.
    #[must_use]
    pub fn is_cap(reason: &str) -> bool {
        reason.starts_with(CAP)
    }
}

/// How both reasons of a cap begin.
const CAP: &str = "the account's limit of ";

/// C3: decides again, in this order: the top-up still waits; auto top-up is enabled, by the same method, and the
/// balance still at or below the threshold; then, by transfer, the main has enough; by card, there is a card and
/// a price (C4), no cap is reached (C12), no earlier one of the account is unsettled and the last one settled
/// long enough ago (C1, C2). A top-up that holds the account's claim itself does not wait for it.
#[must_use]
pub fn wake(facts: &WakeFacts<'_>) -> Wake {
    match facts.topup.state {
        TopupState::Requested | TopupState::Scheduled => {}
        state @ (TopupState::Charging
        | TopupState::Pending
        | TopupState::Unknown
        | TopupState::Parked
        | TopupState::Succeeded
        | TopupState::Failed
        | TopupState::Skipped
        | TopupState::Reversed) => return Wake::Nothing(state),
    }
    let settings = match &facts.wallet.auto_topup {
        AutoTopup::Off | AutoTopup::Disabled { .. } => return Wake::Skip(SkipReason::Disabled),
        AutoTopup::Enabled(settings) => settings,
    };
    if settings.method != facts.topup.method {
        return Wake::Skip(SkipReason::OtherMethod);
    }
    if facts.wallet.balance > settings.threshold {
        return Wake::Skip(SkipReason::AboveThreshold);
    }
    match facts.topup.method {
        Method::Card => by_card(facts),
        Method::Transfer => by_transfer(facts),
    }
}

/// X1, X2: the whole quantity or nothing, from the available credits of the account's own main.
fn by_transfer(facts: &WakeFacts<'_>) -> Wake {
    let quantity = facts.topup.quantity;
    match (facts.account.kind, facts.main) {
        (AccountKind::Sub { parent }, Some(main)) if main.key.account == parent => {
            let has = main.available();
            if has < quantity {
                Wake::Fail(WakeFailure::MainShort { main: main.key, has })
            } else {
                Wake::Move {
                    from: main.key,
                    quantity,
                }
            }
        }
        (AccountKind::Main | AccountKind::Sub { .. }, _) => Wake::Fail(WakeFailure::NoMain),
    }
}

fn by_card(facts: &WakeFacts<'_>) -> Wake {
    if !facts.has_card {
        return Wake::Fail(WakeFailure::NoCard);
    }
    let Some(amount) = facts.topup.price else {
        return Wake::NotPriced;
    };
    if let Some(cap) = crate::caps::reached(&facts.account.caps, &facts.usage, amount) {
        return Wake::Skip(cap);
    }
    match spacing(facts) {
        Some((until, why)) => Wake::Wait { until, why },
        None => Wake::Charge { amount },
    }
}

/// C1, C2: what the account's card spacing makes this top-up wait for, if anything.
fn spacing(facts: &WakeFacts<'_>) -> Option<(Option<Timestamp>, Waits)> {
    match facts.claim.unsettled {
        Some(own) if own == facts.topup.id => return None,
        Some(other) => return Some((None, Waits::EarlierUnsettled(other))),
        None => {}
    }
    let due = next_moment(facts.claim.last_settled_at?, facts.card_spacing);
    (facts.now < due).then_some((Some(due), Waits::TooEarly))
}

/// C1: the first moment at which the account's next card top-up may be charged.
#[must_use]
pub fn next_moment(settled_at: Timestamp, card_spacing: SignedDuration) -> Timestamp {
    settled_at.checked_add(card_spacing).unwrap_or(Timestamp::MAX)
}

/// C2: how long a delayed message waits, in whole seconds, rounded up so that nothing comes early; 0 when due.
#[must_use]
pub fn delay_s(now: Timestamp, due: Timestamp) -> u32 {
    /// Nanoseconds in a second.
    const SECOND_NS: i128 = 1_000_000_000;
    let wait_ns = due.duration_since(now).as_nanos().max(0);
    u32::try_from(wait_ns.div_euclid(SECOND_NS) + i128::from(wait_ns % SECOND_NS > 0)).unwrap_or(u32::MAX)
}
