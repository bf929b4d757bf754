//! A top-up and its payment: where they may stand, and what is kept of them.
//!
//! How they move from state to state is one table, [`lifecycle`](crate::lifecycle), with pictures.
//! A wallet has at most one open top-up (T2). Left out: the changes themselves, and what decides on them (`wake`, `settle`, `inquiries`).

use crate::account::Method;
use crate::credits::Credits;
use crate::ids::{TopupId, WalletKey};
use crate::money::Money;
use crate::names::names;
use jiff::Timestamp;

names! {
    /// Where a top-up stands: `requested → scheduled → charging → succeeded | failed | skipped`.
    pub enum TopupState: "state of a top-up" {
        /// Asked for; its message is on the way.
        Requested = "requested",
        /// Waits for its moment, or for the account's earlier card top-up (C2).
        Scheduled = "scheduled",
        /// The intent is committed; the gateway is being asked (C5).
        Charging = "charging",
        /// The gateway says: not yet.
        Pending = "pending",
        /// Nobody knows (C8).
        Unknown = "unknown",
        /// A person has to look.
        Parked = "parked",
        /// Credited.
        Succeeded = "succeeded",
        /// Definitely refused.
        Failed = "failed",
        /// Not wanted any more when it woke (C3).
        Skipped = "skipped",
        /// Credited, and taken back (V1).
        Reversed = "reversed",
    }
}

impl TopupState {
    /// Counts as the wallet's one open top-up (T2).
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Requested
            | Self::Scheduled
            | Self::Charging
            | Self::Pending
            | Self::Unknown
            | Self::Parked => true,
            Self::Succeeded | Self::Failed | Self::Skipped | Self::Reversed => false,
        }
    }
}

names! {
    /// Where a payment stands with the gateway.
    pub enum PaymentState: "state of a payment" {
        /// Intent committed, answer not seen yet.
        Charging = "charging",
        /// The gateway says: not yet.
        Pending = "pending",
        /// Nobody knows.
        Unknown = "unknown",
        /// A person has to look.
        Parked = "parked",
        /// Captured.
        Succeeded = "succeeded",
        /// Definitely refused.
        Failed = "failed",
        /// Captured, and given back.
        Reversed = "reversed",
    }
}

impl PaymentState {
    /// The money was captured, whatever became of it since.
    #[must_use]
    pub const fn was_captured(self) -> bool {
        match self {
            Self::Succeeded | Self::Reversed => true,
            Self::Charging | Self::Pending | Self::Unknown | Self::Parked | Self::Failed => false,
        }
    }

    /// It is not settled: nobody knows yet, or nobody but a person can find out.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Charging | Self::Pending | Self::Unknown | Self::Parked => true,
            Self::Succeeded | Self::Failed | Self::Reversed => false,
        }
    }
}

/// A top-up, as locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topup {
    /// Which.
    pub id: TopupId,
    /// Of which wallet.
    pub wallet: WalletKey,
    /// How, as set when it was requested.
    pub method: Method,
    /// Credits, as set when it was requested.
    pub quantity: Credits,
    /// What the card will be charged: the price when it was requested (C4). `None` for a transfer,
    /// or where no price was listed yet.
    pub price: Option<Money>,
    /// Where it stands.
    pub state: TopupState,
    /// When.
    pub requested_at: Timestamp,
    /// The moment that it waits for, if it waits for a known one.
    pub due_at: Option<Timestamp>,
}

/// The account's claim on card spacing (C1), as locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpacingClaim {
    /// The card top-up that is with the gateway and not settled yet.
    pub unsettled: Option<TopupId>,
    /// When the last one settled, success or failure.
    pub last_settled_at: Option<Timestamp>,
}
