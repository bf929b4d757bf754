//! Why a wallet has not been topped up: one verdict on how it stands.
//!
//! The rules that decide on top-ups ([`trigger`](crate::trigger), [`wake`](crate::wake), [`settle`](crate::settle)) are
//! looked at from the other side: what holds this wallet's top-up now, and what will hold it after that. Left out: the
//! words, and looking; whoever asks has looked at database and broker, and tells it to a person.

use crate::account::AutoTopup;
use crate::credits::Credits;
use crate::ids::TopupId;
use crate::topup::TopupState;
use jiff::Timestamp;

/// Who deals with a message on a top-up's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Debits sends, and asks for top-ups.
    Sends,
    /// Charges and transfers.
    Requests,
    /// Settles what the payment gateway said.
    Results,
    /// Asks the payment gateway what became of a payment.
    Questions,
}

impl Stage {
    /// The process, and its queue where it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sends => "sms-sent",
            Self::Requests => "topup-requested",
            Self::Results => "payment-results",
            Self::Questions => "sweeper",
        }
    }
}

/// How a stage stands, for one wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageFacts {
    /// Messages of the wallet's account that were parked there.
    pub parked: u32,
    /// A person has paused its queue.
    pub is_paused: bool,
    /// Somebody is at work there.
    pub is_staffed: bool,
}

/// What a stage is held up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// Messages of this account were parked.
    Parked,
    /// The queue is paused.
    Paused,
    /// No process is alive.
    Nobody,
}

/// The wallet's open top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFacts {
    /// Where it stands.
    pub state: TopupState,
    /// The moment that it waits for, if it waits for a known one.
    pub due_at: Option<Timestamp>,
    /// The earlier top-up of the account that it waits for.
    pub waits_for: Option<TopupId>,
}

/// The wallet's newest top-up that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastFacts {
    /// How it ended.
    pub state: TopupState,
    /// Because a cap was reached (C12).
    pub at_cap: bool,
}

/// All that a verdict is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The wallet's settings.
    pub auto_topup: &'a AutoTopup,
    /// Its balance.
    pub balance: Credits,
    /// Its open top-up.
    pub open: Option<OpenFacts>,
    /// The one before.
    pub last: Option<LastFacts>,
    /// [`Stage::Sends`].
    pub sends: StageFacts,
    /// [`Stage::Requests`].
    pub requests: StageFacts,
    /// [`Stage::Results`].
    pub results: StageFacts,
    /// [`Stage::Questions`].
    pub questions: StageFacts,
    /// When.
    pub now: Timestamp,
}

/// Why there are not more credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Automatic top-up was never set up.
    NeverSetUp,
    /// It is disabled; a top-up that waits will be skipped (C3, E7).
    Disabled,
    /// The threshold is not reached.
    AboveThreshold,
    /// It is reached, and nothing has asked since: only a send does (T2, T3).
    NextSend,
    /// A cap is reached; each send asks in vain until the period is over (C12).
    AtCap,
    /// A top-up is asked for, and is taken up in a moment.
    OnItsWay,
    /// It waits for a moment: the spacing (C2), or the payment gateway (C9).
    WaitsUntil(Timestamp),
    /// It waits for an earlier one of the account (C2).
    WaitsFor(TopupId),
    /// The payment gateway has it, or nobody knows yet (C8).
    AtGateway,
    /// Nobody but a person can end it (C8, C11).
    ForAPerson,
    /// Something of ours holds it up.
    Held(Stage, Obstacle),
}

/// A verdict, and what will hold the top-up next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// What holds it now.
    pub verdict: Verdict,
    /// What stands in its way after that.
    pub then: Option<(Stage, Obstacle)>,
}

/// What keeps a wallet from having more credits. What its own settings say comes first, then what holds the stage that
/// its top-up has reached, then what it waits for by the rules.
#[must_use]
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let (verdict, ahead) = match facts.open {
        Some(open) => under_way(facts, open),
        None => (nothing_open(facts), [].as_slice()),
    };
    let next = |stage: &Stage| {
        let obstacle = facts.obstacle(*stage);
        obstacle.filter(|(stage, obstacle)| verdict != Verdict::Held(*stage, *obstacle))
    };
    Judgement {
        verdict,
        then: ahead.iter().find_map(next),
    }
}

impl Facts<'_> {
    fn obstacle(&self, stage: Stage) -> Option<(Stage, Obstacle)> {
        let facts = match stage {
            Stage::Sends => self.sends,
            Stage::Requests => self.requests,
            Stage::Results => self.results,
            Stage::Questions => self.questions,
        };
        let obstacle = if facts.parked > 0 {
            Obstacle::Parked
        } else if facts.is_paused {
            Obstacle::Paused
        } else if !facts.is_staffed {
            Obstacle::Nobody
        } else {
            return None;
        };
        Some((stage, obstacle))
    }

    fn held(&self, stage: Stage) -> Option<Verdict> {
        self.obstacle(stage)
            .map(|(stage, obstacle)| Verdict::Held(stage, obstacle))
    }
}

fn nothing_open(facts: &Facts<'_>) -> Verdict {
    let settings = match facts.auto_topup {
        AutoTopup::Off => return Verdict::NeverSetUp,
        AutoTopup::Disabled { .. } => return Verdict::Disabled,
        AutoTopup::Enabled(settings) => settings,
    };
    // Sends that were not debited may be all that is missing for the threshold.
    if let Some(held) = facts.held(Stage::Sends) {
        return held;
    }
    match facts.last {
        _ if facts.balance > settings.threshold => Verdict::AboveThreshold,
        Some(LastFacts { at_cap: true, .. }) => Verdict::AtCap,
        Some(LastFacts { at_cap: false, .. }) | None => Verdict::NextSend,
    }
}

/// The verdict, and the stages that it has still to pass.
fn under_way(facts: &Facts<'_>, open: OpenFacts) -> (Verdict, &'static [Stage]) {
    const TO_BE_CHARGED: &[Stage] = &[Stage::Requests, Stage::Results];
    const TO_BE_SETTLED: &[Stage] = &[Stage::Results];
    let is_waiting = matches!(open.state, TopupState::Requested | TopupState::Scheduled);
    if is_waiting && matches!(facts.auto_topup, AutoTopup::Off | AutoTopup::Disabled { .. }) {
        return (Verdict::Disabled, &[]);
    }
    match open.state {
        TopupState::Scheduled if open.waits_for.is_some() => {
            let waits_for = open.waits_for.map_or(Verdict::OnItsWay, Verdict::WaitsFor);
            (waits_for, TO_BE_CHARGED)
        }
        TopupState::Scheduled if open.due_at.is_some_and(|due| due > facts.now) => {
            let due = open.due_at.map_or(Verdict::OnItsWay, Verdict::WaitsUntil);
            (due, TO_BE_CHARGED)
        }
        TopupState::Requested | TopupState::Scheduled => {
            let held = facts.held(Stage::Requests);
            (held.unwrap_or(Verdict::OnItsWay), TO_BE_CHARGED)
        }
        TopupState::Charging | TopupState::Pending | TopupState::Unknown => {
            let held = facts
                .held(Stage::Results)
                .or_else(|| facts.held(Stage::Questions));
            (held.unwrap_or(Verdict::AtGateway), TO_BE_SETTLED)
        }
        TopupState::Parked => (Verdict::ForAPerson, TO_BE_SETTLED),
        // None of these is open.
        TopupState::Succeeded | TopupState::Failed | TopupState::Skipped | TopupState::Reversed => {
            (nothing_open(facts), &[])
        }
    }
}
