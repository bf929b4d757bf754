//! N2 and everything else that tries again: how long to wait, and when to stop.
//!
//! Left out: jitter. It needs randomness, and delayed messages spread by themselves.

/// Pauses that double from `first_s` to `max_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub attempts_max: u32,
    /// The pause after the first try, in seconds.
    pub first_s: u32,
    /// The longest pause, in seconds.
    pub max_s: u32,
}

/// What follows a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Another.
    After {
        /// In so many seconds; at least 1.
        delay_s: u32,
    },
    /// None: park it.
    GiveUp,
}

impl RetryPolicy {
    /// N2: what follows when `attempts` tries have failed. The same every time it is asked.
    #[must_use]
    pub fn after(&self, attempts: u32) -> NextTry {
        if attempts >= self.attempts_max {
            return NextTry::GiveUp;
        }
        let doublings = attempts.saturating_sub(1);
        let doubled = 2_u32
            .checked_pow(doublings)
            .and_then(|times| self.first_s.checked_mul(times));
        let delay_s = doubled.unwrap_or(u32::MAX).min(self.max_s).max(1);
        NextTry::After { delay_s }
    }
}
