//! L1.

use crate::given::{credits, whole};
use proptest::prelude::*;
use topup_rules::credits::Credits;
use topup_rules::low_credit::crossed;

#[test]
fn l1_a_balance_that_crosses_the_notice_threshold_notifies() {
    let check = |before: &str, after: &str, threshold: &str, expected: bool| {
        let crossed = crossed(credits(before), credits(after), credits(threshold));
        assert_eq!(crossed, expected, "{before} → {after} at {threshold}");
    };
    check("51", "50", "50", true);
    check("51", "49", "50", true);
    check("50.001", "50", "50", true);
    check("1000", "-3", "50", true);
    // It was there before.
    check("50", "49", "50", false);
    check("30", "20", "50", false);
    // It is not there yet.
    check("60", "51", "50", false);
    // Upwards.
    check("40", "60", "50", false);
    check("50", "50", "50", false);
}

#[test]
fn l1_a_threshold_of_0_or_above_any_balance_is_never_crossed() {
    assert!(!crossed(whole(5), whole(-5), Credits::ZERO));
    assert!(!crossed(whole(1), Credits::ZERO, Credits::ZERO));
    assert!(!crossed(whole(5), whole(-50), whole(-10)));
    assert!(!crossed(whole(500), whole(1), whole(1_000)));
}

proptest! {
    /// However a debit is cut up, the threshold is crossed as often: once or not at all.
    #[test]
    fn l1_it_is_crossed_once_on_the_way(start in 0_i64..100_000, steps in prop::collection::vec(1_i64..10_000, 1..30), threshold in 1_i64..100_000) {
        let threshold = Credits::from_milli(threshold);
        let (mut balance, mut times) = (start, 0);
        for step in steps {
            let after = balance - step;
            times += i32::from(crossed(Credits::from_milli(balance), Credits::from_milli(after), threshold));
            balance = after;
        }
        let in_one = crossed(Credits::from_milli(start), Credits::from_milli(balance), threshold);
        prop_assert_eq!(times, i32::from(in_one));
    }
}
