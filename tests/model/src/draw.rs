//! Histories drawn at random: what happens, how often, and what mostly comes together.

use crate::gateway::Behaviour;
use crate::policy::price;
use crate::random::Random;
use crate::steps::{
    Change, Cost, DisputeEnd, Fate, History, Hook, Sent, Setting, Setup, Step, Sweep, THRESHOLD, Wait,
};
use topup_rules::message::PaymentStatus;

/// A history has at least so many steps.
const STEPS_MIN: usize = 8;
/// And at most about so many more.
const STEPS_MORE: usize = 25;

impl History {
    /// The history of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let setup = setup(r);
        let length = STEPS_MIN + r.below(STEPS_MORE);
        let mut steps = Vec::with_capacity(length);
        while steps.len() < length {
            steps.extend(phrase(r));
        }
        Self { setup, steps }
    }
}

/// One step, or a few that mostly come together: at random alone they would hardly ever meet.
fn phrase(r: &mut Random) -> Vec<Step> {
    let pick = 0;
    let deliver = |r: &mut Random| Step::Deliver {
        pick,
        twice: r.chance(10),
        then: behaviour(r),
        fate: fate(r),
    };
    let go = |r: &mut Random| Step::Go {
        pick,
        then: behaviour(r),
        fate: fate(r),
    };
    match r.below(20) {
        0..=2 => {
            let send = Sent::New {
                wallet: r.below(3),
                cost: Cost::PastThreshold(r.between(0, 1)),
                batch: None,
                age_s: 0,
                with_time: true,
            };
            vec![
                Step::Sends(vec![send], Fate::Published),
                deliver(r),
                go(r),
                go(r),
                deliver(r),
            ]
        }
        3 => {
            let wait = Wait::Moment {
                nth: r.below(3),
                past_us: r.between(-1, 1),
            };
            vec![Step::Wait(wait), Step::Ask, go(r), go(r)]
        }
        4 => {
            let wait = Wait::Age {
                pick: r.below(64),
                past_us: r.between(-1, 1),
            };
            vec![Step::Wait(wait), Step::Ask, go(r), go(r)]
        }
        _ => vec![step(r)],
    }
}

fn setup(r: &mut Random) -> Setup {
    let just_above = |r: &mut Random| THRESHOLD + r.between(1, 60) * 500;
    let quantity = |r: &mut Random| r.between(200, 900) * 500 + r.between(0, 2) * 123;
    let low = |r: &mut Random| if r.chance(50) { 0 } else { r.between(60, 240) * 500 };
    let quantities = [quantity(r), quantity(r), quantity(r)];
    // Some caps are reached exactly.
    let exactly = price("sms", quantities[0]) * r.between(1, 2);
    let roughly = r.between(100, 600) * 100;
    let month_cap = if r.chance(60) { exactly } else { roughly };
    Setup {
        failures_to_disable: if r.chance(60) { 1 } else { 2 },
        day_cap: r
            .chance(25)
            .then(|| u32::try_from(r.between(0, 2)).unwrap_or_default()),
        month_cap: r.chance(30).then_some(month_cap),
        // A main that can give, or not.
        balances: [
            just_above(r) + if r.chance(50) { 500_000 } else { 0 },
            just_above(r),
            just_above(r),
        ],
        quantities,
        lows: [low(r), low(r), low(r)],
        sub_by_card: r.chance(30),
        begins_s: r.between(0, 3 * 24 * 3_600),
    }
}

fn step(r: &mut Random) -> Step {
    let pick = r.below(64);
    match r.below(117) {
        0..=21 => Step::Sends((0..=r.below(4)).map(|_| sent(r)).collect(), fate(r)),
        22..=43 => Step::Deliver {
            pick,
            twice: r.chance(15),
            then: behaviour(r),
            fate: fate(r),
        },
        44..=50 => Step::OnTime {
            pick,
            past_us: r.between(-1, 1),
            then: behaviour(r),
            fate: fate(r),
        },
        51..=67 => Step::Go {
            pick,
            then: behaviour(r),
            fate: fate(r),
        },
        68 => Step::Die { pick },
        69 => Step::Lose { pick },
        70 => Step::Wipe,
        71..=82 => Step::Wait(wait(r)),
        83..=87 => Step::Sweep(sweep(r), fate(r)),
        88..=91 => Step::Ask,
        92..=94 => Step::Webhook { pick, how: hook(r) },
        95..=96 => Step::Rumour {
            pick,
            status: status(r),
        },
        97 => Step::Resolve {
            pick,
            captures: r.chance(60),
        },
        98..=99 => Step::Refund {
            pick,
            percent: percent(r),
        },
        100..=101 => Step::Dispute {
            pick,
            percent: percent(r),
            end: dispute_end(r),
        },
        102..=106 => Step::Settings(change(r)),
        107..=108 => Step::Adjust {
            wallet: r.below(3),
            milli: r.between(-40, 40) * 500,
            fate: fate(r),
        },
        109 => Step::Move {
            down: r.chance(60),
            milli: r.between(1, 60) * 500,
            fate: fate(r),
        },
        110 => Step::ByHandAgain,
        111..=112 => {
            let (wallet, batch, milli) = (r.below(3), r.below(3), r.between(1, 60) * 500);
            Step::Leave {
                wallet,
                batch,
                milli,
                minutes: r.between(1, 60),
            }
        }
        113 => Step::Close {
            wallet: r.below(3),
            batch: r.below(3),
        },
        114..=115 => Step::Buy {
            wallet: r.below(2),
            milli: r.between(2, 400) * 500,
            hosted: r.chance(40),
            shown: match r.below(4) {
                0 => None,
                1 => Some(r.between(-1, 1)),
                _ => Some(0),
            },
        },
        _ => Step::BuyAgain,
    }
}

fn fate(r: &mut Random) -> Fate {
    match r.below(20) {
        0 => Fate::Lost,
        1 => Fate::Unremoved,
        _ => Fate::Published,
    }
}

fn behaviour(r: &mut Random) -> Behaviour {
    use Behaviour::{Approves, CapturesInSilence, Challenges, Declines, Delays, FailsInSilence, TurnsAway};
    let all = [
        Approves,
        Approves,
        Approves,
        Approves,
        Approves,
        Declines,
        Declines,
        Challenges,
        Delays,
        CapturesInSilence,
        FailsInSilence,
        FailsInSilence,
        TurnsAway,
    ];
    r.one_of(&all).unwrap_or(Approves)
}

fn sent(r: &mut Random) -> Sent {
    let pick = r.below(64);
    match r.below(20) {
        0 | 1 => Sent::Again { pick },
        2 => Sent::Other {
            pick,
            field: r.below(6),
        },
        _ => Sent::New {
            // The last ones are no wallet, and no account.
            wallet: if r.chance(95) { r.below(3) } else { 3 + r.below(2) },
            cost: cost(r),
            batch: r.chance(25).then(|| r.below(3)),
            age_s: age_s(r),
            with_time: r.chance(75),
        },
    }
}

fn cost(r: &mut Random) -> Cost {
    match r.below(20) {
        0..=7 => Cost::PastThreshold(r.between(-1, 1)),
        8 | 9 => Cost::PastLow(r.between(-1, 1)),
        10 => Cost::Milli(r.between(-1, 0)),
        11 => Cost::Milli(1_000_000_000 + r.between(0, 1)),
        _ => Cost::Milli(r.between(1, 90) * 500),
    }
}

/// Mostly now; sometimes at the edges of the open window.
fn age_s(r: &mut Random) -> i64 {
    const EDGES: [i64; 6] = [48 * 3_600, 48 * 3_600 + 1, -3_600, -3_601, 3_600, 47 * 3_600];
    if r.chance(90) {
        r.between(0, 5)
    } else {
        r.one_of(&EDGES).unwrap_or_default()
    }
}

fn wait(r: &mut Random) -> Wait {
    let past_us = r.between(-1, 1);
    match r.below(12) {
        0 | 1 => Wait::Seconds(r.between(1, 120)),
        2 => Wait::Seconds(r.between(1, 30) * 3_600),
        3 => Wait::Midnight { past_us },
        4 => Wait::Month { past_us },
        _ => Wait::Moment {
            nth: r.below(4),
            past_us,
        },
    }
}

fn sweep(r: &mut Random) -> Sweep {
    use Sweep::{Charges, Holds, Notices, Outbox, Topups};
    r.one_of(&[Outbox, Outbox, Topups, Topups, Charges, Notices, Holds])
        .unwrap_or(Outbox)
}

fn hook(r: &mut Random) -> Hook {
    use Hook::{True, WrongAmount, WrongCurrency, WrongMode, WrongReference};
    r.one_of(&[
        True,
        True,
        True,
        True,
        WrongAmount,
        WrongCurrency,
        WrongMode,
        WrongReference,
    ])
    .unwrap_or(True)
}

fn status(r: &mut Random) -> PaymentStatus {
    r.one_of(&[
        PaymentStatus::Success,
        PaymentStatus::Success,
        PaymentStatus::Failed,
        PaymentStatus::Failed,
        PaymentStatus::Pending,
        PaymentStatus::Unknown,
        PaymentStatus::ActionRequired,
        PaymentStatus::Reversed,
    ])
    .unwrap_or(PaymentStatus::Success)
}

fn percent(r: &mut Random) -> i64 {
    if r.chance(40) { 100 } else { r.between(1, 99) }
}

fn dispute_end(r: &mut Random) -> Option<DisputeEnd> {
    r.one_of(&[None, None, Some(DisputeEnd::Won), Some(DisputeEnd::Lost)])
        .flatten()
}

fn change(r: &mut Random) -> Change {
    let what = match r.below(10) {
        0..=3 => Setting::Card(r.one_of(&[Some(true), Some(false), None]).flatten()),
        4 => Setting::Transfer,
        5 | 6 => Setting::Figures,
        7 | 8 => Setting::Disable,
        _ => Setting::Low,
    };
    let threshold = match r.below(8) {
        0 => -1,
        1 => 0,
        _ => r.between(1, 240) * 500,
    };
    let quantity = if r.chance(85) {
        r.between(200, 900) * 500
    } else {
        r.between(0, 1) * threshold - r.between(0, 1)
    };
    Change {
        wallet: r.below(3),
        who: r.below(8),
        what,
        threshold,
        quantity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_history_again_and_another_seed_another() {
        assert_eq!(History::of(7), History::of(7));
        assert_ne!(History::of(7), History::of(8));
    }
}
