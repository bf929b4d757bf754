//! The schedule: which fault comes when, for how long, and beside which other. A pure function of seed, length and
//! the kinds that may be chosen.

use std::fmt;
use std::time::Duration;

use crate::dice::Dice;
use crate::fault::{Fault, KINDS};

/// Quiet time before a step: least and longest.
const QUIET_MS: (u64, u64) = (1_000, 4_000);
/// What a step is reckoned to take for recovery and for what starting a server costs, where the length is planned.
const RECOVERY_MS: u64 = 3_500;
/// Of so many steps, two are pairs of faults.
const PAIRS_OF: u64 = 5;
/// Throws for a second fault that can stand beside the first.
const THROWS_MAX: u32 = 50;

/// One fault in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blow {
    pub(crate) fault: Fault,
    /// After the step's quiet time.
    pub(crate) after_ms: u64,
    pub(crate) lasts_ms: u64,
}

/// Some quiet, then a fault, or two that overlap; then the fleet has to recover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) quiet: Duration,
    pub(crate) blows: Vec<Blow>,
}

/// What the schedule follows from.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    /// Kinds to choose from.
    pub(crate) kinds: Vec<&'static str>,
}

/// Steps that fill the time.
pub(crate) fn steps(wish: &Wish) -> Vec<Step> {
    let mut dice = Dice::new(wish.seed, "faults");
    let length_ms = u64::try_from(wish.length.as_millis()).unwrap_or(u64::MAX);
    // Every kind comes once; from then on as often as its weight says.
    let mut bag = wish.kinds.clone();
    let (mut steps, mut planned_ms) = (Vec::new(), 0);
    while planned_ms < length_ms {
        let quiet_ms = dice.between(QUIET_MS.0, QUIET_MS.1);
        let Some(first) = draw(&mut bag, wish, &mut dice) else {
            break;
        };
        let mut blows = vec![blow(first, 0, &mut dice)];
        if dice.below(PAIRS_OF) < 2 {
            let lasts_ms = blows[0].lasts_ms;
            let second = (0..THROWS_MAX).find_map(|_| {
                let (kind, _) = dice.pick(&KINDS);
                let fault = Fault::of(kind, &mut dice).filter(|_| wish.kinds.contains(&kind))?;
                (fault.part() != first.part()).then_some(fault)
            });
            if let Some(second) = second {
                let after_ms = dice.below(lasts_ms.max(1));
                blows.push(blow(second, after_ms, &mut dice));
            }
        }
        let longest_ms = blows.iter().map(|blow| blow.after_ms + blow.lasts_ms).max();
        planned_ms += quiet_ms + longest_ms.unwrap_or_default() + RECOVERY_MS;
        steps.push(Step {
            quiet: Duration::from_millis(quiet_ms),
            blows,
        });
    }
    steps
}

fn draw(bag: &mut Vec<&'static str>, wish: &Wish, dice: &mut Dice) -> Option<Fault> {
    if bag.is_empty() {
        for (kind, weight) in KINDS.into_iter().filter(|(kind, _)| wish.kinds.contains(kind)) {
            (0..weight).for_each(|_| bag.push(kind));
        }
    }
    let index = usize::try_from(dice.below(bag.len() as u64)).ok()?;
    let kind = (index < bag.len()).then(|| bag.swap_remove(index))?;
    Fault::of(kind, dice)
}

fn blow(fault: Fault, after_ms: u64, dice: &mut Dice) -> Blow {
    let (least, most) = fault.lasts_ms();
    Blow {
        fault,
        after_ms,
        lasts_ms: dice.between(least, most),
    }
}

impl Step {
    /// The names of its faults, as they are counted: a pair is one of each.
    pub(crate) fn told(&self) -> String {
        let told: Vec<String> = self.blows.iter().map(|blow| blow.fault.to_string()).collect();
        told.join(" + ")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5.1} s quiet, then", self.quiet.as_secs_f64())?;
        for (number, blow) in self.blows.iter().enumerate() {
            let joint = if number == 0 { "" } else { ", and" };
            let after = if number == 0 {
                String::new()
            } else {
                format!(" {} ms later", blow.after_ms)
            };
            write!(f, "{joint}{after} {} for {} ms", blow.fault, blow.lasts_ms)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Wish, steps};
    use crate::fault::KINDS;

    fn wish(seed: u64, minutes: u64) -> Wish {
        Wish {
            seed,
            length: Duration::from_secs(60 * minutes),
            kinds: KINDS.map(|(kind, _)| kind).into(),
        }
    }

    #[test]
    fn a_schedule_is_a_function_of_its_seed_and_length() {
        assert_eq!(steps(&wish(3, 5)), steps(&wish(3, 5)));
        assert_ne!(steps(&wish(3, 5)), steps(&wish(4, 5)));
        // A longer one begins as the shorter does.
        let (short, long) = (steps(&wish(3, 2)), steps(&wish(3, 4)));
        assert_eq!(short[..], long[..short.len()]);
    }

    #[test]
    fn ten_minutes_have_every_kind_of_fault_and_pairs_of_them() {
        for seed in 1..20 {
            let steps = steps(&wish(seed, 10));
            let blows = || steps.iter().flat_map(|step| &step.blows);
            for (kind, _) in KINDS {
                assert!(
                    blows().any(|blow| blow.fault.kind() == kind),
                    "seed {seed}: no {kind}"
                );
            }
            assert!(steps.iter().filter(|step| step.blows.len() == 2).count() > 5);
        }
    }

    #[test]
    fn two_faults_at_once_never_touch_the_same_part() {
        for seed in 1..50 {
            for step in steps(&wish(seed, 5)) {
                if let [first, second] = &step.blows[..] {
                    assert_ne!(first.fault.part(), second.fault.part());
                    assert!(second.after_ms <= first.lasts_ms);
                }
            }
        }
    }
}
