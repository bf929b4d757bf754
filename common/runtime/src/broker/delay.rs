//! Delayed messages, the pure part: how long a message waits decides where it is published.
//!
//! Twelve levels, each an exchange and a queue whose time to live is a power of two of seconds. A delay's twelve
//! bits are the first words of the routing key: where a bit is 1 the message waits in that level's queue, where it
//! is 0 it passes on to the next lower level. Any delay from 1 s to 4,095 s is thus the sum of at most twelve
//! waits, in any order of arrival, without one queue per delay and without a long delay blocking a short one.
//!
//! A longer delay waits the longest there is and then goes round again: its true moment travels in the header
//! [`NOT_BEFORE`](super::headers::NOT_BEFORE), and whoever receives it early delays it for the rest.

use jiff::Timestamp;

/// Levels, and so bits of a delay.
pub const LEVELS: u32 = 12;
/// Longest delay of one round, in seconds.
pub const DELAY_MAX_S: u32 = (1 << LEVELS) - 1;
/// Exchange of messages that have waited.
pub const DELIVER: &str = "delay.v1.deliver";
/// Queue of messages that have waited for a queue that is gone.
pub const UNROUTABLE: &str = "delay.v1.unroutable";

/// What all names of the delay topology begin with.
const PREFIX: &str = "delay.v1.";

/// Whether a message that was delivered from this exchange has waited. A message bears the exchange that its last
/// queue handed it to, which is that of a lower level where the rest of its bits are 0.
#[must_use]
pub fn has_waited(exchange: &str) -> bool {
    exchange.starts_with(PREFIX)
}

/// The exchange and the queue of a level.
#[must_use]
pub fn level_name(level: u32) -> String {
    format!("{PREFIX}{level:02}")
}

/// Where a message is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Empty: the default exchange.
    pub exchange: String,
    /// For that exchange.
    pub routing_key: String,
}

/// The route to `queue` after `delay_s` seconds, or after [`DELAY_MAX_S`] where that is less. 0: straight to it.
#[must_use]
pub fn route(queue: &str, delay_s: u32) -> Route {
    let delay_s = delay_s.min(DELAY_MAX_S);
    let Some(highest) = delay_s.checked_ilog2() else {
        return Route {
            exchange: String::new(),
            routing_key: queue.to_owned(),
        };
    };
    let mut routing_key = String::with_capacity(2 * LEVELS as usize + queue.len());
    for level in (0..LEVELS).rev() {
        routing_key.push(if delay_s >> level & 1 == 1 { '1' } else { '0' });
        routing_key.push('.');
    }
    routing_key.push_str(queue);
    Route {
        exchange: level_name(highest),
        routing_key,
    }
}

/// Whole seconds from now until a moment, rounded up so that nothing comes early; 0 when it has come.
#[must_use]
pub fn delay_s(now: Timestamp, not_before: Timestamp) -> u32 {
    let rest = not_before.duration_since(now);
    if !rest.is_positive() {
        return 0;
    }
    let whole = rest.as_secs() + i64::from(rest.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the broker does with a message: the seconds that it waits on its way, and where it ends.
    fn travel(route: &Route) -> (u32, String) {
        let words: Vec<&str> = route.routing_key.split('.').collect();
        let mut level: u32 = route.exchange.trim_start_matches("delay.v1.").parse().unwrap();
        let mut waited_s = 0;
        loop {
            let bit = words[(LEVELS - 1 - level) as usize];
            waited_s += bit.parse::<u32>().unwrap() << level;
            match level.checked_sub(1) {
                Some(lower) => level = lower,
                None => return (waited_s, words[LEVELS as usize..].join(".")),
            }
        }
    }

    #[test]
    fn the_routing_key_holds_the_twelve_bits_highest_first() {
        for (delay, exchange, routing_key) in [
            (0, "", "topup-requested"),
            (1, "delay.v1.00", "0.0.0.0.0.0.0.0.0.0.0.1.topup-requested"),
            (2, "delay.v1.01", "0.0.0.0.0.0.0.0.0.0.1.0.topup-requested"),
            (1800, "delay.v1.10", "0.1.1.1.0.0.0.0.1.0.0.0.topup-requested"),
            (4095, "delay.v1.11", "1.1.1.1.1.1.1.1.1.1.1.1.topup-requested"),
            (4096, "delay.v1.11", "1.1.1.1.1.1.1.1.1.1.1.1.topup-requested"),
            (u32::MAX, "delay.v1.11", "1.1.1.1.1.1.1.1.1.1.1.1.topup-requested"),
        ] {
            let expected = Route {
                exchange: exchange.into(),
                routing_key: routing_key.into(),
            };
            assert_eq!(route("topup-requested", delay), expected, "{delay} s");
        }
    }

    #[test]
    fn every_delay_waits_exactly_as_long_as_it_says() {
        for delay in 1..=DELAY_MAX_S {
            assert_eq!(travel(&route("sms-sent", delay)), (delay, "sms-sent".to_owned()));
        }
    }

    proptest! {
        #[test]
        fn nothing_comes_early_and_nothing_a_second_late(now_ms in 0i64..4_000_000_000_000, rest_ms in 0i64..10_000_000) {
            let now = Timestamp::from_millisecond(now_ms).unwrap();
            let then = Timestamp::from_millisecond(now_ms + rest_ms).unwrap();
            let waited_ms = i64::from(delay_s(now, then)) * 1000;
            prop_assert!(waited_ms >= rest_ms && waited_ms < rest_ms + 1000);
        }
    }

    #[test]
    fn a_moment_that_has_come_needs_no_delay() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(delay_s(now, now), 0);
        assert_eq!(delay_s(now, Timestamp::from_second(1).unwrap()), 0);
        assert_eq!(
            delay_s(now, Timestamp::from_nanosecond(1_000_000_000_001).unwrap()),
            1
        );
        assert_eq!(delay_s(Timestamp::MIN, Timestamp::MAX), u32::MAX);
    }
}
