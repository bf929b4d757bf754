//! C8: questions to the gateway.

use crate::given::at;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use topup_rules::inquiries::{AfterInquiry, Inquiry, InquiryPolicy, Told, after_inquiry, first_question};
use topup_rules::lifecycle::{Event, PaymentKind};
use topup_rules::message::PaymentStatus;
use topup_rules::topup::PaymentState;

const POLICY: InquiryPolicy = InquiryPolicy {
    first_s: 10,
    max_s: 3_600,
    not_known_max: 3,
    unknown_max: SignedDuration::from_hours(24),
    page_max: SignedDuration::from_hours(12),
};

const INTENT_AT: &str = "2026-11-22T08:00:00Z";

/// A top-up's payment that nobody has asked about.
fn inquiry(state: PaymentState) -> Inquiry {
    Inquiry {
        kind: PaymentKind::Topup,
        state,
        intent_at: at(INTENT_AT),
        asked: 0,
        not_known: 0,
        on_page: false,
    }
}

fn bought(kind: PaymentKind, state: PaymentState) -> Inquiry {
    Inquiry {
        kind,
        on_page: true,
        ..inquiry(state)
    }
}

/// So long after the intent.
fn after(age: SignedDuration) -> Timestamp {
    at(INTENT_AT) + age
}

fn soon() -> Timestamp {
    after(SignedDuration::from_secs(30))
}

/// What an answer half a minute after the intent leads to.
fn leads(inquiry: &Inquiry, told: &Told) -> AfterInquiry {
    after_inquiry(inquiry, told, soon(), &POLICY)
}

fn in_s(now: Timestamp, pause_s: i64) -> Timestamp {
    now + SignedDuration::from_secs(pause_s)
}

fn ask_in(pause_s: i64) -> AfterInquiry {
    AfterInquiry::AskAgain {
        at: in_s(soon(), pause_s),
    }
}

fn settle_and_ask_in(pause_s: i64) -> AfterInquiry {
    AfterInquiry::Settle {
        ask_again_at: Some(in_s(soon(), pause_s)),
    }
}

const OPEN: [PaymentState; 3] = [
    PaymentState::Charging,
    PaymentState::Pending,
    PaymentState::Unknown,
];

const BOUGHT: [PaymentKind; 3] = [
    PaymentKind::OneClick,
    PaymentKind::Hosted,
    PaymentKind::Registration,
];

#[test]
fn c8_the_first_question_comes_ten_seconds_after_the_call() {
    assert_eq!(first_question(at(INTENT_AT), &POLICY), at("2026-11-22T08:00:10Z"));
    let nonsense = InquiryPolicy { first_s: 0, ..POLICY };
    assert_eq!(
        first_question(at(INTENT_AT), &nonsense),
        at("2026-11-22T08:00:01Z")
    );
    assert_eq!(first_question(Timestamp::MAX, &POLICY), Timestamp::MAX);
}

#[test]
fn c8_pauses_double_from_the_first_to_the_longest() {
    let pause = |asked, expected| {
        let asked = Inquiry {
            asked,
            ..inquiry(PaymentState::Unknown)
        };
        assert_eq!(leads(&asked, &Told::NoVerdict), ask_in(expected), "{asked:?}");
        let pending = Told::Verdict(PaymentStatus::Pending);
        assert_eq!(leads(&asked, &pending), settle_and_ask_in(expected), "{asked:?}");
    };
    pause(0, 10);
    pause(1, 20);
    pause(2, 40);
    pause(8, 2_560);
    pause(9, 3_600);
    pause(u32::MAX, 3_600);
}

#[test]
fn c8_a_final_verdict_is_settled_and_asked_about_once_more_in_case_it_is_lost() {
    for status in [
        PaymentStatus::Success,
        PaymentStatus::Failed,
        PaymentStatus::Reversed,
    ] {
        for kind in PaymentKind::ALL.iter().copied() {
            for state in OPEN {
                let asked = Inquiry {
                    kind,
                    ..inquiry(state)
                };
                assert_eq!(leads(&asked, &Told::Verdict(status)), settle_and_ask_in(3_600));
                let late = after_inquiry(
                    &asked,
                    &Told::Verdict(status),
                    after(SignedDuration::from_hours(24)),
                    &POLICY,
                );
                let for_good = AfterInquiry::Settle { ask_again_at: None };
                assert_eq!(late, for_good, "however late, it is settled and not parked");
            }
        }
    }
}

#[test]
fn c8_an_undecided_verdict_is_published_only_where_it_is_news() {
    let check = |state, status, expected| {
        for kind in PaymentKind::ALL.iter().copied() {
            let asked = Inquiry {
                kind,
                ..inquiry(state)
            };
            assert_eq!(
                leads(&asked, &Told::Verdict(status)),
                expected,
                "{kind}, {state}, {status}"
            );
        }
    };
    check(
        PaymentState::Charging,
        PaymentStatus::Pending,
        settle_and_ask_in(10),
    );
    check(
        PaymentState::Unknown,
        PaymentStatus::Pending,
        settle_and_ask_in(10),
    );
    check(PaymentState::Pending, PaymentStatus::Pending, ask_in(10));
    check(
        PaymentState::Charging,
        PaymentStatus::Unknown,
        settle_and_ask_in(10),
    );
    check(PaymentState::Pending, PaymentStatus::Unknown, ask_in(10));
    check(PaymentState::Unknown, PaymentStatus::Unknown, ask_in(10));
}

#[test]
fn c7_a_challenge_ends_a_topup() {
    for state in OPEN {
        let told = Told::Verdict(PaymentStatus::ActionRequired);
        assert_eq!(leads(&inquiry(state), &told), settle_and_ask_in(3_600));
    }
}

#[test]
fn p4_a_challenged_purchase_stays_open_until_its_pages_time_is_over() {
    let told = Told::Verdict(PaymentStatus::ActionRequired);
    for kind in BOUGHT {
        assert_eq!(
            leads(&bought(kind, PaymentState::Charging), &told),
            settle_and_ask_in(10)
        );
        assert_eq!(
            leads(&bought(kind, PaymentState::Unknown), &told),
            settle_and_ask_in(10)
        );
        let pending = bought(kind, PaymentState::Pending);
        assert_eq!(leads(&pending, &told), ask_in(10));
        let at_age = |age| after_inquiry(&pending, &told, after(age), &POLICY);
        let almost = SignedDuration::from_hours(12) - SignedDuration::from_nanos(1);
        assert!(matches!(at_age(almost), AfterInquiry::AskAgain { .. }));
        assert_eq!(
            at_age(SignedDuration::from_hours(12)),
            AfterInquiry::NotPaidInTime
        );
    }
}

#[test]
fn c8_it_is_submitted_again_only_when_it_is_repeatedly_not_known() {
    for state in OPEN {
        let before = |not_known| Inquiry {
            not_known,
            asked: 7,
            ..inquiry(state)
        };
        // Soon, whatever was asked before: it needs confirming and not patience.
        assert_eq!(leads(&before(0), &Told::NotKnown), ask_in(10));
        assert_eq!(leads(&before(1), &Told::NotKnown), ask_in(10));
        assert_eq!(leads(&before(2), &Told::NotKnown), AfterInquiry::SubmitAgain);
        assert_eq!(
            leads(&before(u32::MAX), &Told::NotKnown),
            AfterInquiry::SubmitAgain
        );
    }
    let at_once = InquiryPolicy {
        not_known_max: 0,
        ..POLICY
    };
    let told = after_inquiry(&inquiry(PaymentState::Unknown), &Told::NotKnown, soon(), &at_once);
    assert_eq!(told, AfterInquiry::SubmitAgain, "0 means 1");
}

#[test]
fn p4_a_purchase_that_is_not_known_has_failed_and_is_never_submitted_again() {
    for kind in BOUGHT {
        let before = |not_known| Inquiry {
            not_known,
            ..bought(kind, PaymentState::Unknown)
        };
        assert_eq!(leads(&before(1), &Told::NotKnown), ask_in(10));
        assert_eq!(leads(&before(2), &Told::NotKnown), AfterInquiry::NeverCharged);
        let late = after_inquiry(
            &before(2),
            &Told::NotKnown,
            after(SignedDuration::from_hours(25)),
            &POLICY,
        );
        assert_eq!(late, AfterInquiry::NeverCharged);
    }
}

#[test]
fn c8_what_stays_undecided_for_too_long_is_parked() {
    let undecided = [
        Told::NoVerdict,
        Told::NotKnown,
        Told::OurTrouble { at_least_s: None },
        Told::Verdict(PaymentStatus::Pending),
        Told::Verdict(PaymentStatus::Unknown),
    ];
    for told in undecided {
        for state in OPEN {
            let asked = |age| after_inquiry(&inquiry(state), &told, after(age), &POLICY);
            let almost = SignedDuration::from_hours(24) - SignedDuration::from_nanos(1);
            assert_ne!(asked(almost), AfterInquiry::Park, "{told:?}, {state}");
            assert_eq!(
                asked(SignedDuration::from_hours(24)),
                AfterInquiry::Park,
                "{told:?}, {state}"
            );
        }
    }
    // Also where the gateway has confirmed that it does not know it: a day later nobody is charged.
    let confirmed = Inquiry {
        not_known: 2,
        ..inquiry(PaymentState::Unknown)
    };
    let late = after_inquiry(
        &confirmed,
        &Told::NotKnown,
        after(SignedDuration::from_hours(24)),
        &POLICY,
    );
    assert_eq!(late, AfterInquiry::Park);
}

#[test]
fn c9_our_own_trouble_counts_nothing_and_waits_as_long_as_the_gateway_asks() {
    let asked = |asked| Inquiry {
        asked,
        ..inquiry(PaymentState::Unknown)
    };
    let trouble = |at_least_s| Told::OurTrouble { at_least_s };
    assert_eq!(leads(&asked(0), &trouble(None)), ask_in(10));
    assert_eq!(leads(&asked(1), &trouble(None)), ask_in(10));
    assert_eq!(leads(&asked(3), &trouble(None)), ask_in(40));
    assert_eq!(leads(&asked(3), &trouble(Some(60))), ask_in(60));
    assert_eq!(leads(&asked(3), &trouble(Some(1))), ask_in(40));
}

#[test]
fn c8_what_follows_is_an_event_of_the_payment() {
    let check = |after: AfterInquiry, event| assert_eq!(after.event(), event, "{after:?}");
    check(AfterInquiry::Settle { ask_again_at: None }, None);
    check(AfterInquiry::AskAgain { at: soon() }, None);
    check(AfterInquiry::SubmitAgain, Some(Event::NotKnown));
    check(AfterInquiry::NeverCharged, Some(Event::NotKnown));
    check(AfterInquiry::NotPaidInTime, Some(Event::Refused));
    check(AfterInquiry::Park, Some(Event::OutOfTime));
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        prop::sample::select(PaymentStatus::ALL).prop_map(Told::Verdict),
        Just(Told::NotKnown),
        Just(Told::NoVerdict),
        prop::option::of(0_u32..100_000).prop_map(|at_least_s| Told::OurTrouble { at_least_s }),
    ]
}

proptest! {
    /// Every question that is asked again is asked later, after a bounded pause.
    #[test]
    fn c8_the_next_question_is_later_and_not_too_late(
        kind in prop::sample::select(PaymentKind::ALL),
        state in prop::sample::select(&OPEN[..]),
        told in told(),
        asked: u32,
        not_known: u32,
        age_s in 0_i64..200_000,
        first_s in 0_u32..100,
        longer_s in 0_u32..10_000,
    ) {
        let policy = InquiryPolicy { first_s, max_s: first_s + longer_s, ..POLICY };
        let asked = Inquiry { kind, asked, not_known, ..inquiry(state) };
        let now = after(SignedDuration::from_secs(age_s));
        let again_at = match after_inquiry(&asked, &told, now, &policy) {
            AfterInquiry::Settle { ask_again_at } => ask_again_at,
            AfterInquiry::AskAgain { at } => Some(at),
            AfterInquiry::SubmitAgain
            | AfterInquiry::NeverCharged
            | AfterInquiry::NotPaidInTime
            | AfterInquiry::Park => None,
        };
        if let Some(at) = again_at {
            let asked_for = match told {
                Told::OurTrouble { at_least_s } => at_least_s.unwrap_or(0),
                Told::Verdict(_) | Told::NotKnown | Told::NoVerdict => 0,
            };
            let longest_s = policy.max_s.max(asked_for).max(1);
            let pause = at.duration_since(now);
            prop_assert!(pause >= SignedDuration::from_secs(1), "{pause:?}");
            prop_assert!(pause <= SignedDuration::from_secs(longest_s.into()), "{pause:?}");
        }
    }

    /// A card is charged again only after so many answers in a row that nothing is known of it.
    #[test]
    fn c8_no_submission_without_confirmation(not_known in 0_u32..10, not_known_max in 1_u32..10, asked: u32) {
        let policy = InquiryPolicy { not_known_max, ..POLICY };
        let before = Inquiry { asked, not_known, ..inquiry(PaymentState::Unknown) };
        let confirmed = not_known + 1 >= not_known_max;
        let submits = after_inquiry(&before, &Told::NotKnown, soon(), &policy) == AfterInquiry::SubmitAgain;
        prop_assert_eq!(submits, confirmed);
    }
}

proptest! {
    // Each case asks thousands of times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A payment that is answered in any undecided way ends, after a number of questions that can be counted.
    #[test]
    fn c8_no_payment_is_asked_about_for_ever(
        kind in prop::sample::select(PaymentKind::ALL),
        answers in prop::collection::vec(
            prop_oneof![
                Just(Told::NoVerdict),
                Just(Told::NotKnown),
                Just(Told::Verdict(PaymentStatus::Pending)),
                Just(Told::Verdict(PaymentStatus::ActionRequired)),
                Just(Told::OurTrouble { at_least_s: None }),
            ],
            1..20,
        ),
    ) {
        let mut asked = bought(kind, PaymentState::Pending);
        let mut now = first_question(asked.intent_at, &POLICY);
        let mut ended = false;
        for told in answers.iter().cycle().take(20_000) {
            match after_inquiry(&asked, told, now, &POLICY) {
                AfterInquiry::AskAgain { at } | AfterInquiry::Settle { ask_again_at: Some(at) } => now = at,
                AfterInquiry::Settle { ask_again_at: None }
                | AfterInquiry::SubmitAgain
                | AfterInquiry::NeverCharged
                | AfterInquiry::NotPaidInTime
                | AfterInquiry::Park => {
                    ended = true;
                    break;
                }
            }
            match told {
                Told::NotKnown => asked.not_known += 1,
                Told::Verdict(_) | Told::NoVerdict => asked.not_known = 0,
                Told::OurTrouble { .. } => continue,
            }
            asked.asked += 1;
        }
        prop_assert!(ended, "still asked at {now}");
    }
}
