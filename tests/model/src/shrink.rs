//! A history that goes wrong, made as short as it can be while it still does.

use crate::database::Database;
use crate::driver::{Driver, Wrong};
use crate::steps::{Cost, Fate, History, Sent, Step, Wait};

/// So many shorter histories are tried.
const TRIES_MAX: usize = 600;

/// Leaves out steps, halves first, then one by one; then makes what is left simpler. What still goes wrong is kept.
pub(crate) async fn shrink(database: &Database, mut history: History, mut wrong: Wrong) -> Wrong {
    let mut tries = 0;
    let mut chunk = history.steps.len().div_ceil(2);
    while chunk > 0 {
        let mut from = 0;
        while from < history.steps.len() && tries < TRIES_MAX {
            let mut shorter = history.clone();
            shorter.steps.drain(from..(from + chunk).min(shorter.steps.len()));
            tries += 1;
            match Driver::play(database, &shorter).await {
                Err(still) => (history, wrong) = (shorter, still),
                Ok(_) => from += chunk,
            }
        }
        chunk /= 2;
    }
    let mut at = 0;
    while at < history.steps.len() && tries < TRIES_MAX {
        let mut is_simpler = false;
        for step in simpler(&history.steps[at]) {
            let mut other = history.clone();
            other.steps[at] = step;
            tries += 1;
            if let Err(still) = Driver::play(database, &other).await {
                (history, wrong) = (other, still);
                is_simpler = true;
                break;
            }
        }
        at += usize::from(!is_simpler);
    }
    wrong
}

/// Steps that mean less; each is nearer to having no simpler ones.
fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::Sends(sends, fate) => {
            let mut all: Vec<Step> = (0..sends.len())
                .filter(|_| sends.len() > 1)
                .map(|at| {
                    let mut fewer = sends.clone();
                    fewer.remove(at);
                    Step::Sends(fewer, *fate)
                })
                .collect();
            all.extend(published(*fate).map(|fate| Step::Sends(sends.clone(), fate)));
            all.extend((0..sends.len()).filter_map(|at| {
                let mut plainer = sends.clone();
                plainer[at] = plainer_send(&sends[at])?;
                Some(Step::Sends(plainer, *fate))
            }));
            all
        }
        Step::Deliver {
            pick,
            twice,
            then,
            fate,
        } => {
            let of = |pick, twice, fate| Step::Deliver {
                pick,
                twice,
                then: *then,
                fate,
            };
            let mut all: Vec<Step> = less(*pick).map(|pick| of(pick, *twice, *fate)).collect();
            all.extend(twice.then(|| of(*pick, false, *fate)));
            all.extend(published(*fate).map(|fate| of(*pick, *twice, fate)));
            all
        }
        Step::Go { pick, then, fate } => {
            let of = |pick, fate| Step::Go {
                pick,
                then: *then,
                fate,
            };
            let mut all: Vec<Step> = less(*pick).map(|pick| of(pick, *fate)).collect();
            all.extend(published(*fate).map(|fate| of(*pick, fate)));
            all
        }
        Step::Wait(Wait::Seconds(seconds)) if *seconds > 1 => vec![Step::Wait(Wait::Seconds(seconds / 2))],
        Step::Wait(Wait::Moment { nth, past_us }) => less(*nth)
            .map(|nth| {
                Step::Wait(Wait::Moment {
                    nth,
                    past_us: *past_us,
                })
            })
            .collect(),
        Step::OnTime { .. }
        | Step::Die { .. }
        | Step::Lose { .. }
        | Step::Wipe
        | Step::Wait(Wait::Seconds(_) | Wait::Age { .. } | Wait::Midnight { .. } | Wait::Month { .. })
        | Step::Sweep(..)
        | Step::Ask
        | Step::Webhook { .. }
        | Step::Rumour { .. }
        | Step::Resolve { .. }
        | Step::Refund { .. }
        | Step::Dispute { .. }
        | Step::Settings(_)
        | Step::Adjust { .. }
        | Step::Move { .. }
        | Step::ByHandAgain
        | Step::Leave { .. }
        | Step::Close { .. }
        | Step::Buy { .. }
        | Step::BuyAgain => Vec::new(),
    }
}

/// Nothing, or a half.
fn less(number: usize) -> impl Iterator<Item = usize> {
    [0, number / 2].into_iter().filter(move |less| *less < number)
}

fn published(fate: Fate) -> Option<Fate> {
    (fate != Fate::Published).then_some(Fate::Published)
}

/// A round sum, now, without a batch.
fn plainer_send(sent: &Sent) -> Option<Sent> {
    let Sent::New {
        wallet,
        cost,
        with_time,
        batch: _,
        age_s: _,
    } = sent
    else {
        return None;
    };
    let plainer = Sent::New {
        wallet: *wallet,
        cost: match cost {
            Cost::Milli(milli) if *milli > 1_000 => Cost::Milli(milli / 2),
            Cost::Milli(_) | Cost::PastThreshold(_) | Cost::PastLow(_) => *cost,
        },
        batch: None,
        age_s: 0,
        with_time: *with_time,
    };
    (plainer != *sent).then_some(plainer)
}
