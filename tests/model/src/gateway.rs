//! The payment gateway, as the driver plays it: its books, and what it says.

use std::collections::BTreeMap;
use topup_rules::message::PaymentStatus;

/// What the gateway does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It captures, and says so. Asked about a payment, it says how it stands.
    Approves,
    /// It refuses.
    Declines,
    /// It wants the customer to confirm.
    Challenges,
    /// It says: not yet.
    Delays,
    /// It captures, and its answer is lost.
    CapturesInSilence,
    /// It does nothing, and there is no answer.
    FailsInSilence,
    /// It turns the call away before it looks at it: our own trouble.
    TurnsAway,
}

/// Where a payment stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Captured,
    Refused,
    Challenged,
    Pending,
}

/// A line in the gateway's books.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) standing: Standing,
    pub(crate) amount: i64,
    /// Refunds and disputes so far; names them.
    pub(crate) reversals: usize,
    /// Given back by refunds.
    pub(crate) refunded: i64,
    /// Disputes that are not ended: name and amount.
    pub(crate) disputes: Vec<(String, i64)>,
}

impl Line {
    pub(crate) const fn new(standing: Standing, amount: i64) -> Self {
        Self {
            standing,
            amount,
            reversals: 0,
            refunded: 0,
            disputes: Vec::new(),
        }
    }
}

/// What came of a call that charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charged {
    Said(PaymentStatus),
    TurnedAway,
}

/// Everything that the gateway knows, by reference.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books(pub(crate) BTreeMap<String, Line>);

impl Books {
    /// A call that charges. A reference is taken once; whoever uses it again learns nothing.
    pub(crate) fn charge(&mut self, reference: &str, amount: i64, behaviour: Behaviour) -> Charged {
        if behaviour == Behaviour::TurnsAway {
            return Charged::TurnedAway;
        }
        if self.0.contains_key(reference) {
            return Charged::Said(PaymentStatus::Unknown);
        }
        let (standing, said) = match behaviour {
            Behaviour::Approves => (Standing::Captured, PaymentStatus::Success),
            Behaviour::Declines => (Standing::Refused, PaymentStatus::Failed),
            Behaviour::Challenges => (Standing::Challenged, PaymentStatus::ActionRequired),
            Behaviour::Delays => (Standing::Pending, PaymentStatus::Pending),
            Behaviour::CapturesInSilence => (Standing::Captured, PaymentStatus::Unknown),
            Behaviour::FailsInSilence | Behaviour::TurnsAway => return Charged::Said(PaymentStatus::Unknown),
        };
        self.0.insert(reference.to_owned(), Line::new(standing, amount));
        Charged::Said(said)
    }

    /// What it says of a payment; `None`: it does not know it.
    pub(crate) fn verdict(&self, reference: &str) -> Option<PaymentStatus> {
        self.0.get(reference).map(|line| match line.standing {
            Standing::Captured if line.refunded >= line.amount => PaymentStatus::Reversed,
            Standing::Captured => PaymentStatus::Success,
            Standing::Refused => PaymentStatus::Failed,
            Standing::Challenged => PaymentStatus::ActionRequired,
            Standing::Pending => PaymentStatus::Pending,
        })
    }

    /// The one of those that stand so that `pick` falls on.
    pub(crate) fn pick(&self, pick: usize, stands: impl Fn(&Line) -> bool) -> Option<String> {
        let fitting: Vec<&String> = self
            .0
            .iter()
            .filter(|(_, line)| stands(line))
            .map(|(key, _)| key)
            .collect();
        let at = pick.checked_rem(fitting.len())?;
        fitting.get(at).map(|key| (*key).clone())
    }
}
