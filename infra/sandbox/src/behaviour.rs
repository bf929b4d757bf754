//! What a card does: it follows from its authorization code alone, so that a test says what it wants by the
//! code it saves with an account. Nothing here remembers anything.

use sha2::{Digest, Sha256};

/// What charging a card leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Captured and answered.
    Approve,
    /// Failed for good, with the gateway's words.
    Decline(&'static str),
    /// Challenged: the customer has to act on the hosted page.
    Pause,
    /// Answered as pending, captured a little later.
    Pend,
    /// Captured, and the first call is never answered.
    TimeOut,
    /// The first call fails without capture and leaves no trace; the next one is approved.
    FailOnce,
    /// Captured, and the connection dropped half way through the answer.
    Lose,
}

/// Code prefixes and what they stand for. Any other `AUTH_…` is approved, as a code saved on the hosted page is.
const BY_PREFIX: [(&str, Behaviour); 8] = [
    ("AUTH_declined", Behaviour::Decline("Declined")),
    ("AUTH_insufficient", Behaviour::Decline("Insufficient Funds")),
    ("AUTH_expired", Behaviour::Decline("Expired Card")),
    ("AUTH_paused", Behaviour::Pause),
    ("AUTH_pending", Behaviour::Pend),
    ("AUTH_timeout", Behaviour::TimeOut),
    ("AUTH_5xx", Behaviour::FailOnce),
    ("AUTH_lost", Behaviour::Lose),
];

/// What `AUTH_flaky` is drawn from: all that ends in success, the plain case twice as often.
const FLAKY: [Behaviour; 6] = [
    Behaviour::Approve,
    Behaviour::Approve,
    Behaviour::Pend,
    Behaviour::TimeOut,
    Behaviour::FailOnce,
    Behaviour::Lose,
];

impl Behaviour {
    /// The behaviour of a code; `None` where it is no authorization code at all.
    pub fn of(authorization_code: &str, draw: Draw<'_>) -> Option<Self> {
        if authorization_code.starts_with("AUTH_flaky") {
            return Some(draw.pick("flaky", &FLAKY));
        }
        let named = BY_PREFIX
            .iter()
            .find(|(prefix, _)| authorization_code.starts_with(prefix));
        match named {
            Some((_, behaviour)) => Some(*behaviour),
            None => authorization_code
                .starts_with("AUTH_")
                .then_some(Behaviour::Approve),
        }
    }
}

/// Choices that look random and are not: the same seed and subject (a payment's reference) choose the same.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    seed: u64,
    subject: &'a str,
}

impl<'a> Draw<'a> {
    /// Draws about one subject.
    pub fn new(seed: u64, subject: &'a str) -> Self {
        Self { seed, subject }
    }

    /// One of the options, by the name of the question.
    pub fn pick<T: Clone, const N: usize>(&self, question: &str, options: &[T; N]) -> T {
        const { assert!(N > 0, "there is nothing to choose from") };
        let index = usize::from(self.bytes(question)[0]) % N;
        options[index].clone()
    }

    /// Whether a thing that happens once in `times` happens here.
    pub fn one_in(&self, times: u8, question: &str) -> bool {
        self.bytes(question)[0].is_multiple_of(times.max(1))
    }

    /// Letters and digits that belong to the subject, like a gateway's opaque codes.
    pub fn code(&self, question: &str) -> String {
        hex::encode(&self.bytes(question)[..8])
    }

    fn bytes(&self, question: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(question.as_bytes())
            .chain_update([0])
            .chain_update(self.subject.as_bytes())
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Option<Behaviour> {
        Behaviour::of(code, Draw::new(1, "topup-1001-a"))
    }

    #[test]
    fn the_prefix_decides_and_what_follows_it_does_not() {
        assert_eq!(of("AUTH_ok"), Some(Behaviour::Approve));
        assert_eq!(of("AUTH_ok_declined"), Some(Behaviour::Approve));
        assert_eq!(of("AUTH_declined_7"), Some(Behaviour::Decline("Declined")));
        assert_eq!(
            of("AUTH_insufficient"),
            Some(Behaviour::Decline("Insufficient Funds"))
        );
        assert_eq!(of("AUTH_expired"), Some(Behaviour::Decline("Expired Card")));
        assert_eq!(of("AUTH_paused"), Some(Behaviour::Pause));
        assert_eq!(of("AUTH_pending"), Some(Behaviour::Pend));
        assert_eq!(of("AUTH_timeout"), Some(Behaviour::TimeOut));
        assert_eq!(of("AUTH_5xx"), Some(Behaviour::FailOnce));
        assert_eq!(of("AUTH_lost"), Some(Behaviour::Lose));
        assert_eq!(of("AUTH_8dfhjjdt"), Some(Behaviour::Approve));
        assert_eq!(of("4084084084084081"), None);
    }

    #[test]
    fn flaky_is_the_same_for_a_seed_and_reference_and_reaches_every_way_to_succeed() {
        let flaky =
            |seed, n: u32| Behaviour::of("AUTH_flaky", Draw::new(seed, &format!("topup-{n}"))).unwrap();
        let drawn: Vec<Behaviour> = (0..200).map(|n| flaky(7, n)).collect();
        assert_eq!(drawn, (0..200).map(|n| flaky(7, n)).collect::<Vec<_>>());
        assert_ne!(drawn, (0..200).map(|n| flaky(8, n)).collect::<Vec<_>>());
        assert!(FLAKY.iter().all(|behaviour| drawn.contains(behaviour)));
    }
}
