//! Pauses between tries of what is ours: connecting, publishing again, asking the database for a sign of life.
//!
//! The only module that uses the `backoff` crate, behind a type of ours (see `.cargo/deny.toml`). Pauses of messages are a
//! rule, pure, and stand in `topup_rules::retry`.

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff as _;
use std::time::Duration;

/// First pause. Short, since the commonest loss is a broker that comes back at once.
const FIRST: Duration = Duration::from_millis(100);
/// Longest pause, without jitter: with it, and with what connecting takes, a repaired broker or database has everybody
/// back within 5 seconds. A refused connection costs so little that a fleet of hundreds may ask as often.
const LONGEST: Duration = Duration::from_millis(1_500);
/// How far a pause strays from its middle, so that a fleet does not knock in step.
const JITTER: f64 = 0.5;
/// How much longer each pause is than the one before.
const GROWTH: f64 = 2.0;

/// Pauses that grow, with jitter, without end.
pub(crate) struct Pauses(backoff::ExponentialBackoff);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(
            ExponentialBackoffBuilder::new()
                .with_initial_interval(FIRST)
                .with_max_interval(LONGEST)
                .with_randomization_factor(JITTER)
                .with_multiplier(GROWTH)
                .with_max_elapsed_time(None)
                .build(),
        )
    }

    /// The next pause, a little longer than the last one.
    pub(crate) fn next(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST)
    }

    /// Begins with the shortest again: it worked.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_begin_again() {
        let mut pauses = Pauses::new();
        assert!(pauses.next() <= FIRST.mul_f64(1.0 + JITTER) + Duration::from_millis(1));
        for _ in 0..20 {
            assert!(pauses.next() <= LONGEST.mul_f64(1.0 + JITTER) + Duration::from_millis(1));
        }
        assert!(pauses.next() >= LONGEST.mul_f64(1.0 - JITTER) - Duration::from_millis(1));
        pauses.reset();
        assert!(pauses.next() <= FIRST.mul_f64(1.0 + JITTER) + Duration::from_millis(1));
    }
}
