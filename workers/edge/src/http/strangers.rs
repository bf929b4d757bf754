//! Who calls again and again without a token that is known: nobody is looked up for it any more, for a while.
//!
//! Counted by network, after the fact, each edge for itself; whoever bears a token that was good a moment ago is not held
//! up by others of its network. Left out: how often a known token may call (`limits`).

use super::problem::{Kind, Problem};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// In so long, so many.
const WINDOW: Duration = Duration::from_secs(60);
/// Networks that are counted apart, at most; past it all others are counted as one.
const COUNTED_MAX: usize = 10_000;
/// What these are counted under: nobody calls from there.
const OTHERS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// What is counted.
#[derive(Debug)]
pub(crate) struct Strangers {
    per_minute: u32,
    counts: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    calls: u32,
}

impl Strangers {
    /// So many a minute of each network.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            counts: Mutex::default(),
        }
    }

    /// Whether somebody is looked up who calls from there.
    ///
    /// # Errors
    /// 429, with when to come again.
    pub(crate) fn may_ask(&self, network: IpAddr) -> Result<(), Problem> {
        self.may_ask_at(network, Instant::now())
    }

    /// What somebody is told who called from there and is nobody that is known: `why`, or that it is too often.
    pub(crate) fn refused(&self, network: IpAddr, why: Problem) -> Problem {
        self.refused_at(network, why, Instant::now())
    }

    fn may_ask_at(&self, network: IpAddr, now: Instant) -> Result<(), Problem> {
        let counts = self.counts();
        // Where there is no more room, a network of its own count has one, and every other the common one.
        let count = counts.get(&network);
        let count = count.or_else(|| counts.get(&OTHERS).filter(|_| counts.len() >= COUNTED_MAX));
        match count {
            Some(count) if count.calls >= self.per_minute && !count.is_over(now) => {
                Err(self.too_often(*count, now))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn refused_at(&self, network: IpAddr, why: Problem, now: Instant) -> Problem {
        let mut counts = self.counts();
        let mut network = network;
        if counts.len() >= COUNTED_MAX && !counts.contains_key(&network) {
            counts.retain(|_, count| !count.is_over(now));
            if counts.len() >= COUNTED_MAX {
                network = OTHERS;
            }
        }
        let fresh = Count { since: now, calls: 0 };
        let count = counts.entry(network).or_insert(fresh);
        if count.is_over(now) {
            *count = fresh;
        }
        count.calls = count.calls.saturating_add(1);
        if count.calls > self.per_minute {
            self.too_often(*count, now)
        } else {
            why
        }
    }

    fn too_often(&self, count: Count, now: Instant) -> Problem {
        let left = WINDOW.saturating_sub(now.saturating_duration_since(count.since));
        let detail = format!(
            "at most {} requests a minute from one network without a token that is known; while there are more, a token \
             that was never used here waits, too",
            self.per_minute
        );
        Problem::new(Kind::TooOften, detail).after(left.as_secs() + 1)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn unknown() -> Problem {
        Problem::new(Kind::Unauthorized, "who is this")
    }

    #[test]
    fn a_network_without_a_known_token_is_held_up_for_the_rest_of_a_minute_and_no_other() {
        let strangers = Strangers::new(2);
        let (busy, other, now) = (network(7), network(8), Instant::now());
        for _ in 0..2 {
            assert!(strangers.may_ask_at(busy, now).is_ok());
            let told = strangers.refused_at(busy, unknown(), now);
            assert_eq!(told.kind(), Kind::Unauthorized);
        }
        let told = strangers.may_ask_at(busy, now).unwrap_err();
        assert_eq!(told.kind(), Kind::TooOften);
        let told = strangers.refused_at(busy, unknown(), now);
        assert_eq!(told.kind(), Kind::TooOften);
        assert!(strangers.may_ask_at(other, now).is_ok());
        assert!(strangers.may_ask_at(busy, now + WINDOW).is_ok());
    }

    #[test]
    fn however_many_networks_call_so_many_are_counted_and_the_rest_as_one() {
        let strangers = Strangers::new(1);
        let now = Instant::now();
        let max = u32::try_from(COUNTED_MAX).unwrap();
        for number in 1..max + 10 {
            strangers.refused_at(network(number), unknown(), now);
        }
        assert_eq!(strangers.counts().len(), COUNTED_MAX + 1);
        assert!(strangers.may_ask_at(network(max + 1_000), now).is_err());
        // A minute later there is room again.
        let later = now + WINDOW;
        assert!(strangers.may_ask_at(network(max + 1_000), later).is_ok());
        strangers.refused_at(network(max + 1_000), unknown(), later);
        assert_eq!(strangers.counts().len(), 1);
    }
}
