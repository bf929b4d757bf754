//! Why a wallet has not been topped up: a row is a way to stand, and its verdict.

use crate::given::{OTHER_TOPUP, at, by, disabled, whole};
use topup_rules::account::{AutoTopup, Method};
use topup_rules::standing::{
    Facts, Judgement, LastFacts, Obstacle, OpenFacts, Stage, StageFacts, Verdict, judge,
};
use topup_rules::topup::TopupState;
use topup_rules::wake::SkipReason;

const AT_WORK: StageFacts = StageFacts {
    parked: 0,
    is_paused: false,
    is_staffed: true,
};
const PAUSED: StageFacts = StageFacts {
    is_paused: true,
    ..AT_WORK
};
const PARKED: StageFacts = StageFacts { parked: 2, ..PAUSED };
const NOBODY: StageFacts = StageFacts {
    is_staffed: false,
    ..AT_WORK
};

/// Enabled, the threshold of 100 reached, nothing open, everybody at work.
fn low(auto_topup: &AutoTopup) -> Facts<'_> {
    Facts {
        auto_topup,
        balance: whole(40),
        open: None,
        last: None,
        sends: AT_WORK,
        requests: AT_WORK,
        results: AT_WORK,
        questions: AT_WORK,
        now: at("2026-11-22T08:00:00Z"),
    }
}

fn enabled() -> AutoTopup {
    AutoTopup::Enabled(by(Method::Card))
}

fn open(state: TopupState) -> Option<OpenFacts> {
    Some(OpenFacts {
        state,
        due_at: None,
        waits_for: None,
    })
}

fn verdict(facts: Facts<'_>) -> Verdict {
    let Judgement { verdict, then } = judge(&facts);
    assert_eq!(then, None, "{facts:?}");
    verdict
}

#[test]
fn t1_t2_nothing_open_is_explained_by_the_settings_the_balance_or_the_next_send() {
    let on = enabled();
    let off = disabled(Method::Card);
    assert_eq!(verdict(low(&AutoTopup::Off)), Verdict::NeverSetUp);
    assert_eq!(verdict(low(&off)), Verdict::Disabled);
    assert_eq!(verdict(low(&on)), Verdict::NextSend);
    let high = Facts {
        balance: whole(101),
        ..low(&on)
    };
    assert_eq!(verdict(high), Verdict::AboveThreshold);
    let last = |state, at_cap| Facts {
        last: Some(LastFacts { state, at_cap }),
        ..low(&on)
    };
    assert_eq!(verdict(last(TopupState::Failed, false)), Verdict::NextSend);
    assert_eq!(verdict(last(TopupState::Skipped, true)), Verdict::AtCap);
}

#[test]
fn s1_sends_that_were_not_debited_come_before_what_the_balance_says() {
    let on = enabled();
    for (sends, obstacle) in [
        (PARKED, Obstacle::Parked),
        (PAUSED, Obstacle::Paused),
        (NOBODY, Obstacle::Nobody),
    ] {
        let held = Verdict::Held(Stage::Sends, obstacle);
        assert_eq!(verdict(Facts { sends, ..low(&on) }), held);
        let high = Facts {
            balance: whole(101),
            sends,
            ..low(&on)
        };
        assert_eq!(verdict(high), held);
    }
    let off = disabled(Method::Card);
    let sends = PARKED;
    assert_eq!(verdict(Facts { sends, ..low(&off) }), Verdict::Disabled);
}

#[test]
fn c2_a_top_up_that_waits_waits_for_its_moment_and_then_for_whoever_takes_it_up() {
    let on = enabled();
    let due = at("2026-11-22T08:20:00Z");
    let waiting = Facts {
        open: Some(OpenFacts {
            state: TopupState::Scheduled,
            due_at: Some(due),
            waits_for: None,
        }),
        ..low(&on)
    };
    assert_eq!(verdict(waiting), Verdict::WaitsUntil(due));
    let later = Facts {
        requests: PAUSED,
        ..waiting
    };
    assert_eq!(
        judge(&later),
        Judgement {
            verdict: Verdict::WaitsUntil(due),
            then: Some((Stage::Requests, Obstacle::Paused)),
        }
    );
    let due_now = Facts { now: due, ..later };
    let held = Verdict::Held(Stage::Requests, Obstacle::Paused);
    assert_eq!(verdict(due_now), held);
    let twice = Facts {
        results: NOBODY,
        ..due_now
    };
    assert_eq!(
        judge(&twice),
        Judgement {
            verdict: held,
            then: Some((Stage::Results, Obstacle::Nobody)),
        }
    );
    let after_another = Facts {
        open: Some(OpenFacts {
            state: TopupState::Scheduled,
            due_at: None,
            waits_for: Some(OTHER_TOPUP),
        }),
        ..low(&on)
    };
    assert_eq!(verdict(after_another), Verdict::WaitsFor(OTHER_TOPUP));
}

#[test]
fn e7_a_top_up_that_waits_is_of_no_use_when_auto_top_up_is_disabled_and_one_being_charged_is() {
    let off = disabled(Method::Card);
    for (state, wanted) in [
        (TopupState::Requested, Verdict::Disabled),
        (TopupState::Scheduled, Verdict::Disabled),
        (TopupState::Charging, Verdict::AtGateway),
        (TopupState::Unknown, Verdict::AtGateway),
    ] {
        let facts = Facts {
            open: open(state),
            ..low(&off)
        };
        assert_eq!(verdict(facts), wanted, "{state}");
    }
}

#[test]
fn c8_what_is_with_the_gateway_is_held_by_who_settles_or_asks_and_parked_needs_a_person() {
    let on = enabled();
    let charging = |state| Facts {
        open: open(state),
        ..low(&on)
    };
    for state in [TopupState::Charging, TopupState::Pending, TopupState::Unknown] {
        assert_eq!(verdict(charging(state)), Verdict::AtGateway);
        let results = PARKED;
        let held = Verdict::Held(Stage::Results, Obstacle::Parked);
        assert_eq!(
            verdict(Facts {
                results,
                ..charging(state)
            }),
            held
        );
        let questions = NOBODY;
        let held = Verdict::Held(Stage::Questions, Obstacle::Nobody);
        assert_eq!(
            verdict(Facts {
                questions,
                ..charging(state)
            }),
            held
        );
    }
    assert_eq!(verdict(charging(TopupState::Parked)), Verdict::ForAPerson);
    assert_eq!(verdict(charging(TopupState::Requested)), Verdict::OnItsWay);
}

#[test]
fn c12_a_cap_is_known_by_the_reason_that_was_written_down() {
    let limit = crate::given::zar(100_000);
    for (reason, is_cap) in [
        (SkipReason::DayCap { limit: 3 }, true),
        (SkipReason::MonthCap { limit }, true),
        (SkipReason::Disabled, false),
        (SkipReason::OtherMethod, false),
        (SkipReason::AboveThreshold, false),
    ] {
        assert_eq!(SkipReason::is_cap(&reason.to_string()), is_cap, "{reason}");
    }
}
