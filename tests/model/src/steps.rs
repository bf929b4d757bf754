//! What can happen in a history.
//!
//! A step says which of the things that are there it means by a number, counted from the newest and modulo how many there
//! are, so that any steps before it can be left out and it still means something.

use crate::gateway::Behaviour;
use topup_rules::message::PaymentStatus;

/// A history: how it begins, and what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
}

/// The accounts and the platform's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    /// C7.
    pub(crate) failures_to_disable: u32,
    /// C12, of the main account.
    pub(crate) day_cap: Option<u32>,
    /// C12, of the main account.
    pub(crate) month_cap: Option<i64>,
    /// Opening balances of 1/sms, 1/whatsapp and 2/sms, in thousandths.
    pub(crate) balances: [i64; 3],
    /// Quantities of their top-ups.
    pub(crate) quantities: [i64; 3],
    /// Notice thresholds.
    pub(crate) lows: [i64; 3],
    /// The sub is topped up by its own card, not by its main.
    pub(crate) sub_by_card: bool,
    /// From the first possible moment.
    pub(crate) begins_s: i64,
}

/// The threshold of every auto top-up in the beginning, in thousandths.
pub(crate) const THRESHOLD: i64 = 100_000;

/// What becomes of the messages that a change wants published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The broker has them, and their rows are removed.
    Published,
    /// The broker has them; the process dies before it removes the rows.
    Unremoved,
    /// The process dies before it publishes them.
    Lost,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch of deliveries for `sms-sent`.
    Sends(Vec<Sent>, Fate),
    /// A message is delivered; `twice`: its acknowledgement is lost.
    Deliver {
        pick: usize,
        twice: bool,
        then: Behaviour,
        fate: Fate,
    },
    /// A delayed message comes at its moment, and so many microseconds.
    OnTime {
        pick: usize,
        past_us: i64,
        then: Behaviour,
        fate: Fate,
    },
    /// What somebody has in hand goes one step further.
    Go {
        pick: usize,
        then: Behaviour,
        fate: Fate,
    },
    /// Who has it in hand dies.
    Die { pick: usize },
    /// The broker loses one message.
    Lose { pick: usize },
    /// The broker loses everything.
    Wipe,
    /// Time passes.
    Wait(Wait),
    /// The sweeper looks.
    Sweep(Sweep, Fate),
    /// Payments are taken up to be asked about.
    Ask,
    /// The gateway tells of a capture.
    Webhook { pick: usize, how: Hook },
    /// Somebody says how a payment ended: a person, the daily comparison.
    Rumour { pick: usize, status: PaymentStatus },
    /// The gateway makes up its mind about what it had put off.
    Resolve { pick: usize, captures: bool },
    /// Money goes back: so many hundredths of what is left.
    Refund { pick: usize, percent: i64 },
    /// A dispute is opened over so many hundredths, or ended.
    Dispute {
        pick: usize,
        percent: i64,
        end: Option<DisputeEnd>,
    },
    /// Settings are changed.
    Settings(Change),
    /// An operator adjusts a wallet.
    Adjust { wallet: usize, milli: i64, fate: Fate },
    /// Credits move between main and sub.
    Move { down: bool, milli: i64, fate: Fate },
    /// The last act by hand is asked for again.
    ByHandAgain,
    /// A sender asks leave.
    Leave {
        wallet: usize,
        batch: usize,
        milli: i64,
        minutes: i64,
    },
    /// A sender closes a batch.
    Close { wallet: usize, batch: usize },
    /// Credits are bought by hand. `shown`: by how much what was shown, if anything was, differs from the price.
    Buy {
        wallet: usize,
        milli: i64,
        hosted: bool,
        shown: Option<i64>,
    },
    /// The last purchase is asked for again.
    BuyAgain,
}

/// A send of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// One that was not seen before.
    New {
        wallet: usize,
        cost: Cost,
        batch: Option<usize>,
        age_s: i64,
        with_time: bool,
    },
    /// An earlier one, exactly.
    Again { pick: usize },
    /// An earlier one with other content.
    Other { pick: usize, field: usize },
}

/// What a send costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Thousandths.
    Milli(i64),
    /// So much that the threshold is passed by that many thousandths.
    PastThreshold(i64),
    /// So much that the notice threshold is passed by that many thousandths.
    PastLow(i64),
}

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// So many seconds.
    Seconds(i64),
    /// To one of the next moments that something waits for, and so many microseconds.
    Moment { nth: usize, past_us: i64 },
    /// Until an open payment is so old that it is given up, and so many microseconds.
    Age { pick: usize, past_us: i64 },
    /// To the platform's next midnight.
    Midnight { past_us: i64 },
    /// To its next month.
    Month { past_us: i64 },
}

/// What the sweeper looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    Outbox,
    Topups,
    Charges,
    Notices,
    Holds,
}

/// What a webhook says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    True,
    WrongAmount,
    WrongCurrency,
    WrongMode,
    WrongReference,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisputeEnd {
    Won,
    Lost,
}

/// Who wants what of a wallet's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) wallet: usize,
    pub(crate) who: usize,
    pub(crate) what: Setting,
    pub(crate) threshold: i64,
    pub(crate) quantity: i64,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// With another card, the same one, or without agreement.
    Card(Option<bool>),
    Transfer,
    Figures,
    Disable,
    Low,
}
