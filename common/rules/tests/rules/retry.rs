//! N2: pauses that grow, and an end.

use proptest::prelude::*;
use topup_rules::retry::{NextTry, RetryPolicy};

#[test]
fn n2_pauses_double_up_to_the_longest_and_end_after_the_last_try() {
    let policy = RetryPolicy {
        attempts_max: 6,
        first_s: 5,
        max_s: 60,
    };
    let pauses: Vec<_> = (1..=7).map(|attempts| policy.after(attempts)).collect();
    let after = |delay_s| NextTry::After { delay_s };
    let expected = [
        after(5),
        after(10),
        after(20),
        after(40),
        after(60),
        NextTry::GiveUp,
        NextTry::GiveUp,
    ];
    assert_eq!(pauses, expected);
    assert_eq!(policy.after(0), after(5));
}

#[test]
fn n2_a_policy_of_one_try_gives_up_at_once() {
    let policy = RetryPolicy {
        attempts_max: 1,
        first_s: 5,
        max_s: 60,
    };
    assert_eq!(policy.after(1), NextTry::GiveUp);
}

proptest! {
    /// No pause is shorter than the one before, than a second, or longer than the longest.
    #[test]
    fn n2_pauses_never_shrink(first_s: u32, max_s in 1_u32.., attempts in 0_u32..u32::MAX - 1) {
        let policy = RetryPolicy { attempts_max: u32::MAX, first_s, max_s };
        let (NextTry::After { delay_s: this }, NextTry::After { delay_s: next }) = (policy.after(attempts), policy.after(attempts + 1)) else {
            // Only the very last try gives up.
            prop_assert_eq!(attempts + 1, u32::MAX);
            return Ok(());
        };
        prop_assert!((1..=max_s).contains(&this));
        prop_assert!(this <= next);
    }
}
