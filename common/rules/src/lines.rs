//! The line to a payment gateway: how many calls a minute it takes, and when it is left alone.
//!
//! One row for each gateway and class of calls, shared by every process; each call is admitted by it and told to it.
//! A closed line makes calls wait. It fails nothing and disables nobody (C9).
//!
//! Left out: whose call failed how. The gateways say which end a call came to.

use crate::names::names;
use jiff::{SignedDuration, Timestamp};

/// The window that calls are counted in, in seconds.
const WINDOW_S: u32 = 60;

/// The longest that a gateway's own wish is followed for, in seconds.
const LEFT_ALONE_MAX_S: u32 = 300;

names! {
    /// What calls are counted together.
    pub enum CallClass: "class of calls" {
        /// Charging, and opening a page to pay on.
        Charge = "charge",
        /// Asking about a payment.
        Verify = "verify",
        /// Everything else.
        Other = "other",
    }
}

/// What the platform decided about a class of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinePolicy {
    /// Calls a minute; `None`: no limit. 0 counts as 1.
    pub per_minute: Option<u32>,
    /// So many troubles in a row close the line. 0 counts as 1.
    pub troubles_to_close: u32,
    /// The first pause, in seconds.
    pub pause_first_s: u32,
    /// The longest pause, in seconds.
    pub pause_max_s: u32,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// When the present minute began.
    pub window_start: Timestamp,
    /// Calls that asked to be let through in it.
    pub used: u32,
    /// Troubles in a row, until the line closes; then the tries that nobody has answered count on.
    pub troubles: u32,
    /// Nobody is let through before.
    pub closed_until: Option<Timestamp>,
}

impl Line {
    /// A line that nobody has used.
    #[must_use]
    pub const fn fresh(now: Timestamp) -> Self {
        Self {
            window_start: now,
            used: 0,
            troubles: 0,
            closed_until: None,
        }
    }

    /// Whether the line is closed by trouble, and only tried out.
    const fn is_broken(&self, policy: &LinePolicy) -> bool {
        self.troubles >= at_least_one(policy.troubles_to_close)
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Now,
    /// Not before then.
    Later {
        /// When to ask again.
        until: Timestamp,
        /// What it waits for.
        why: LineWait,
    },
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LineWait {
    /// Too many calls in this minute.
    #[error("the limit of calls to the payment gateway is reached")]
    Limit,
    /// The gateway is down, or wants to be left alone.
    #[error("the payment gateway is not answering")]
    Closed,
}

/// How a call ended, as far as the line is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// The gateway did its work, whatever it said.
    Answered,
    /// It was not reached, did not answer in time, or was in trouble itself.
    Trouble,
    /// It wants to be left alone.
    LeftAlone {
        /// For so long, in seconds.
        for_s: u32,
    },
}

/// Whether a call may be made now, and the line with it. Past the limit, those who wait are spread over the following
/// minutes; past a pause, one call tries the line out while the others go on waiting.
#[must_use]
pub fn admit(line: &Line, policy: &LinePolicy, now: Timestamp) -> (Line, Admission) {
    let mut line = in_present_window(line, now);
    match line.closed_until {
        Some(until) if now < until => {
            let why = LineWait::Closed;
            return (line, Admission::Later { until, why });
        }
        Some(_) | None => {}
    }
    let before = line.used;
    line.used = line.used.saturating_add(1);
    if let Some(per_minute) = policy.per_minute
        && before >= at_least_one(per_minute)
    {
        let windows = before / at_least_one(per_minute);
        let until = after(line.window_start, windows.saturating_mul(WINDOW_S));
        let why = LineWait::Limit;
        return (line, Admission::Later { until, why });
    }
    if line.is_broken(policy) {
        // Until it is answered, the try counts as one more trouble: the next one comes after twice the pause.
        line.troubles = line.troubles.saturating_add(1);
        line.closed_until = Some(after(now, pause_s(line.troubles, policy)));
    } else {
        line.closed_until = None;
    }
    (line, Admission::Now)
}

/// The line after a call. An answer opens what trouble had closed, but not what the gateway has asked for.
#[must_use]
pub fn after_call(line: &Line, end: CallEnd, policy: &LinePolicy, now: Timestamp) -> Line {
    let mut line = *line;
    match end {
        CallEnd::Answered => {
            if line.is_broken(policy) {
                line.closed_until = None;
            }
            line.troubles = 0;
        }
        // What else was under way when the line closed says nothing new.
        CallEnd::Trouble if line.is_broken(policy) => {}
        CallEnd::Trouble => {
            line.troubles = line.troubles.saturating_add(1);
            if line.is_broken(policy) {
                line.closed_until = line
                    .closed_until
                    .max(Some(after(now, pause_s(line.troubles, policy))));
            }
        }
        CallEnd::LeftAlone { for_s } => {
            let until = after(now, for_s.min(LEFT_ALONE_MAX_S));
            line.closed_until = line.closed_until.max(Some(until));
        }
    }
    line
}

/// The line, counting from the minute that `now` lies in. A clock that was set back begins a new one.
fn in_present_window(line: &Line, now: Timestamp) -> Line {
    let age_s = now.duration_since(line.window_start).as_secs();
    let window_s = i64::from(WINDOW_S);
    if (0..window_s).contains(&age_s) || (-window_s..0).contains(&age_s) {
        return *line;
    }
    let start = now
        .checked_sub(SignedDuration::from_secs(age_s.rem_euclid(window_s)))
        .unwrap_or(now);
    Line {
        window_start: start,
        used: 0,
        ..*line
    }
}

/// Doubles with every try after the trouble that closed the line, in seconds.
fn pause_s(troubles: u32, policy: &LinePolicy) -> u32 {
    let doublings = troubles.saturating_sub(at_least_one(policy.troubles_to_close));
    2_u32
        .checked_pow(doublings)
        .and_then(|times| policy.pause_first_s.checked_mul(times))
        .unwrap_or(u32::MAX)
        .min(policy.pause_max_s)
}

fn after(now: Timestamp, pause_s: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(i64::from(pause_s.max(1))))
        .unwrap_or(Timestamp::MAX)
}

const fn at_least_one(number: u32) -> u32 {
    if number == 0 { 1 } else { number }
}
