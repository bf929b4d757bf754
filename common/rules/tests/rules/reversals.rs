//! V1: refunds and disputes.

use crate::given::{credits, currency, whole};
use crate::settle::{FIRST_FAILURE, intent, result};
use topup_rules::message::{PaymentResult, PaymentStatus};
use topup_rules::settle::{
    Already, Misfit, PaymentIntent, ReversalRow, ReversalState, Settlement, TakeBack, WHOLE_REVERSAL_ID,
    settle,
};
use topup_rules::topup::PaymentState;

/// 500 credits for ZAR 352.47, captured.
pub(crate) fn captured() -> PaymentIntent {
    intent(PaymentState::Succeeded)
}

/// The same, with what is recorded of the reversal that comes again.
fn recorded(state: ReversalState, amount_minor: i64, held: &str) -> PaymentIntent {
    PaymentIntent {
        reversal: Some(ReversalRow {
            state,
            amount_minor,
            held: credits(held),
        }),
        ..captured()
    }
}

pub(crate) fn says(status: PaymentStatus, id: Option<&str>, amount_minor: Option<i64>) -> PaymentResult {
    PaymentResult {
        reversal_id: id.map(str::to_owned),
        amount_minor,
        ..result(status)
    }
}

fn refund(amount_minor: i64) -> PaymentResult {
    says(PaymentStatus::Reversed, Some("refund-7"), Some(amount_minor))
}

pub(crate) fn settled(intent: &PaymentIntent, result: &PaymentResult) -> Settlement {
    settle(intent, result, FIRST_FAILURE)
}

fn taken(amount_minor: i64, credits_: &str, whole: bool, id: &str, release: &str) -> TakeBack {
    TakeBack {
        amount_minor,
        credits: credits(credits_),
        whole,
        reversal_id: id.to_owned(),
        release: credits(release),
        disable_cards: true,
    }
}

#[test]
fn v1_a_refund_takes_back_in_proportion_rounded_down() {
    let check = |amount_minor, credits, whole| {
        let expected = Settlement::TakeBack(taken(amount_minor, credits, whole, "refund-7", "0"));
        assert_eq!(settled(&captured(), &refund(amount_minor)), expected);
    };
    check(35_247, "500", true);
    check(35_246, "499.985", false);
    check(17_623, "249.992", false);
    check(1, "0.014", false);
}

#[test]
fn v1_what_was_taken_before_counts() {
    let before = PaymentIntent {
        reversed_minor: 35_246,
        taken_back: credits("499.985"),
        ..captured()
    };
    let expected = Settlement::TakeBack(taken(1, "0.015", true, "refund-7", "0"));
    assert_eq!(settled(&before, &refund(1)), expected);
}

#[test]
fn v1_never_more_than_was_given() {
    let parked = |before: PaymentIntent, result: &PaymentResult, reason: &str| {
        let Settlement::Park(misfit) = settled(&before, result) else {
            panic!("parked: {reason}");
        };
        assert_eq!(misfit.to_string(), reason);
    };
    let left = "of the payment is left";
    parked(
        captured(),
        &refund(35_248),
        &format!("V1: reversed over 35248 minor units, but ZAR 352.47 {left}"),
    );
    let before = PaymentIntent {
        reversed_minor: 30_000,
        taken_back: credits("425.568"),
        ..captured()
    };
    parked(
        before,
        &refund(5_248),
        &format!("V1: reversed over 5248 minor units, but ZAR 52.47 {left}"),
    );
    for amount_minor in [Some(0), Some(-1), Some(i64::MIN), None] {
        let settlement = settled(
            &captured(),
            &says(PaymentStatus::Reversed, Some("refund-7"), amount_minor),
        );
        assert!(
            matches!(settlement, Settlement::Park(Misfit::ReversedAmount { .. })),
            "{amount_minor:?}: {settlement:?}"
        );
    }
}

#[test]
fn v1_a_reversal_is_in_the_payments_currency() {
    for status in [
        PaymentStatus::Reversed,
        PaymentStatus::DisputeOpened,
        PaymentStatus::DisputeWon,
    ] {
        for got in [Some(currency("NGN")), None] {
            let elsewhere = PaymentResult {
                currency: got,
                ..says(status, Some("x-7"), Some(1))
            };
            let settlement = settled(&captured(), &elsewhere);
            assert!(
                matches!(settlement, Settlement::Park(Misfit::Currency { .. })),
                "{status}: {settlement:?}"
            );
        }
    }
}

#[test]
fn v1_a_refund_that_is_told_again_does_nothing() {
    let again = recorded(ReversalState::Reversed, 100, "0");
    for amount_minor in [Some(100), Some(35_247), None] {
        let result = says(PaymentStatus::Reversed, Some("refund-7"), amount_minor);
        assert_eq!(settled(&again, &result), Settlement::Nothing(Already::Recorded));
    }
}

#[test]
fn v1_without_a_name_all_that_is_left_is_taken_once() {
    let bare = says(PaymentStatus::Reversed, None, Some(35_247));
    let expected = Settlement::TakeBack(taken(35_247, "500", true, WHOLE_REVERSAL_ID, "0"));
    assert_eq!(settled(&captured(), &bare), expected);

    let in_part = PaymentIntent {
        reversed_minor: 17_623,
        taken_back: credits("249.992"),
        ..captured()
    };
    let rest = Settlement::TakeBack(taken(17_624, "250.008", true, WHOLE_REVERSAL_ID, "0"));
    assert_eq!(settled(&in_part, &bare), rest);
    let nameless = says(PaymentStatus::Reversed, None, None);
    assert_eq!(settled(&in_part, &nameless), rest, "the amount is not needed");

    let gone = PaymentIntent {
        reversed_minor: 35_247,
        taken_back: whole(500),
        ..intent(PaymentState::Reversed)
    };
    assert_eq!(settled(&gone, &bare), Settlement::Nothing(Already::Reversed));
    assert_eq!(settled(&gone, &refund(1)), Settlement::Nothing(Already::Reversed));
}

#[test]
fn v1_what_has_not_succeeded_here_waits_for_its_success() {
    for state in [
        PaymentState::Charging,
        PaymentState::Pending,
        PaymentState::Unknown,
        PaymentState::Parked,
        PaymentState::Failed,
    ] {
        for status in [
            PaymentStatus::Reversed,
            PaymentStatus::DisputeOpened,
            PaymentStatus::DisputeWon,
        ] {
            let settlement = settled(&intent(state), &says(status, Some("x-7"), Some(100)));
            let expected = "the payment has not succeeded here yet, so nothing can be taken back of it";
            assert_eq!(
                settlement,
                Settlement::Later(expected.to_owned()),
                "{state}, {status}"
            );
        }
        // A later look that finds it taken and given back settles both.
        let expected = Settlement::CameAndWent {
            quantity: whole(500),
            take: taken(35_247, "500", true, WHOLE_REVERSAL_ID, "0"),
        };
        let bare = says(PaymentStatus::Reversed, None, Some(35_247));
        assert_eq!(settled(&intent(state), &bare), expected, "{state}");
    }
}

#[test]
fn v1_an_opened_dispute_holds_what_it_may_take() {
    let opened = |before: &PaymentIntent, amount_minor| {
        settled(
            before,
            &says(PaymentStatus::DisputeOpened, Some("dispute-7"), amount_minor),
        )
    };
    let hold = |amount_minor, held| Settlement::Hold {
        amount_minor,
        credits: credits(held),
        reversal_id: "dispute-7".to_owned(),
    };
    assert_eq!(opened(&captured(), Some(35_247)), hold(35_247, "500"));
    assert_eq!(opened(&captured(), Some(17_623)), hold(17_623, "249.992"));
    // No amount, or more than there is: all that is left.
    assert_eq!(opened(&captured(), None), hold(35_247, "500"));
    assert_eq!(opened(&captured(), Some(99_999)), hold(35_247, "500"));
    let in_part = PaymentIntent {
        reversed_minor: 17_623,
        taken_back: credits("249.992"),
        ..captured()
    };
    assert_eq!(opened(&in_part, Some(35_247)), hold(17_624, "250.008"));
    assert!(matches!(
        opened(&captured(), Some(0)),
        Settlement::Park(Misfit::ReversedAmount { .. })
    ));
    for state in ReversalState::ALL.iter().copied() {
        let again = recorded(state, 100, "0");
        assert_eq!(
            opened(&again, Some(100)),
            Settlement::Nothing(Already::Recorded),
            "{state}"
        );
    }
    let gone = intent(PaymentState::Reversed);
    assert_eq!(opened(&gone, Some(100)), Settlement::Nothing(Already::Reversed));
}

#[test]
fn v1_a_won_dispute_releases_what_was_held() {
    let won = |before: &PaymentIntent| {
        settled(
            before,
            &says(PaymentStatus::DisputeWon, Some("dispute-7"), Some(100)),
        )
    };
    let released = |amount_minor, held| Settlement::Release {
        amount_minor,
        credits: credits(held),
        reversal_id: "dispute-7".to_owned(),
    };
    let disputed = recorded(ReversalState::Disputed, 17_623, "249.992");
    assert_eq!(won(&disputed), released(17_623, "249.992"));
    for state in [ReversalState::Won, ReversalState::Reversed] {
        let ended = recorded(state, 100, "0");
        assert_eq!(won(&ended), Settlement::Nothing(Already::Recorded), "{state}");
    }
    // Heard before it was opened: recorded, so that nothing is held for it.
    assert_eq!(won(&captured()), released(100, "0"));
    // All of it was refunded meanwhile.
    let refunded = PaymentIntent {
        state: PaymentState::Reversed,
        ..disputed
    };
    assert_eq!(won(&refunded), released(17_623, "249.992"));
    assert_eq!(
        won(&intent(PaymentState::Reversed)),
        Settlement::Nothing(Already::Reversed)
    );
}

#[test]
fn v1_a_lost_dispute_takes_back_and_holds_no_longer() {
    let lost = |before: &PaymentIntent, amount_minor| {
        settled(
            before,
            &says(PaymentStatus::Reversed, Some("dispute-7"), amount_minor),
        )
    };
    let disputed = recorded(ReversalState::Disputed, 17_623, "249.992");
    let half = Settlement::TakeBack(taken(17_623, "249.992", false, "dispute-7", "249.992"));
    assert_eq!(lost(&disputed, Some(17_623)), half);
    assert_eq!(lost(&disputed, None), half, "its own amount stands in");
    // It was opened over all, and a part was refunded meanwhile: it takes the rest.
    let refunded_in_part = PaymentIntent {
        reversed_minor: 17_623,
        taken_back: credits("249.992"),
        ..recorded(ReversalState::Disputed, 35_247, "500")
    };
    let rest = Settlement::TakeBack(taken(17_624, "250.008", true, "dispute-7", "500"));
    assert_eq!(lost(&refunded_in_part, Some(35_247)), rest);
    // All of it was refunded meanwhile: nothing is left to take, and nothing to hold.
    let refunded = PaymentIntent {
        state: PaymentState::Reversed,
        reversed_minor: 35_247,
        taken_back: whole(500),
        ..recorded(ReversalState::Disputed, 35_247, "500")
    };
    let released = Settlement::Release {
        amount_minor: 35_247,
        credits: whole(500),
        reversal_id: "dispute-7".to_owned(),
    };
    assert_eq!(lost(&refunded, Some(35_247)), released);
    let won_before = recorded(ReversalState::Won, 100, "0");
    assert_eq!(
        lost(&won_before, Some(100)),
        Settlement::Park(Misfit::WonBefore("dispute-7".to_owned()))
    );
}

#[test]
fn v1_a_dispute_has_a_name() {
    for status in [PaymentStatus::DisputeOpened, PaymentStatus::DisputeWon] {
        let settlement = settled(&captured(), &says(status, None, Some(100)));
        assert_eq!(settlement, Settlement::Park(Misfit::Nameless(status)));
    }
}

#[test]
fn v1_a_refund_that_is_not_made_takes_nothing_and_is_told_once() {
    let says_so = PaymentResult {
        reason: Some("the refund failed".to_owned()),
        ..says(PaymentStatus::RefundFailed, Some("refund-7"), Some(100))
    };
    let told = Settlement::NotGivenBack {
        amount_minor: 100,
        reversal_id: "refund-7".to_owned(),
        reason: "the refund failed".to_owned(),
    };
    assert_eq!(settled(&captured(), &says_so), told);
    let failed = recorded(ReversalState::Failed, 100, "0");
    assert_eq!(settled(&failed, &says_so), Settlement::Nothing(Already::Recorded));
    // Made in the end, it takes its credits like any other.
    let made = settled(
        &failed,
        &says(PaymentStatus::Reversed, Some("refund-7"), Some(100)),
    );
    assert!(matches!(made, Settlement::TakeBack(_)), "{made:?}");
    assert_eq!(
        settled(&recorded(ReversalState::Reversed, 100, "0"), &says_so),
        Settlement::Park(Misfit::GivenBackBefore("refund-7".to_owned()))
    );
    let nameless = says(PaymentStatus::RefundFailed, None, Some(100));
    assert_eq!(
        settled(&captured(), &nameless),
        Settlement::Park(Misfit::Nameless(PaymentStatus::RefundFailed))
    );
}
