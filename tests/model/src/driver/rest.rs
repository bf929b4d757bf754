//! The end of a history: nobody dies any more, the gateway tells everything, and all of it comes to rest.
//!
//! Then nothing is open, every capture is credited, and the audit finds nothing.

use super::Driver;
use crate::gateway::{Behaviour, Standing};
use crate::policy::SPACING_S;
use crate::steps::{Fate, Step, Sweep, Wait};
use anyhow::{Result, bail, ensure};
use jiff::SignedDuration;
use topup_rules::message::{PaymentStatus, ResultSource};
use topup_rules::topup::PaymentState;
use topup_store::AuditPolicy;

/// So many steps bring anything to rest.
const STEPS_MAX: usize = 200;

impl Driver<'_> {
    /// Brings everything to rest. How many steps it took.
    pub(super) async fn come_to_rest(&mut self) -> Result<usize> {
        self.story.push("now everything comes to rest".to_owned());
        self.tell_truth()?;
        let mut steps = 0;
        while let Some(step) = self.what_is_left()? {
            ensure!(
                steps < STEPS_MAX,
                "it does not come to rest within {STEPS_MAX} steps"
            );
            self.step(&step).await?;
            if matches!(step, Step::Wait(_)) {
                for sweep in [Sweep::Outbox, Sweep::Topups, Sweep::Charges] {
                    self.step(&Step::Sweep(sweep, Fate::Published)).await?;
                    steps += 1;
                }
                self.step(&Step::Ask).await?;
                steps += 1;
            }
            steps += 1;
        }
        self.everything_is_credited()?;
        self.audit_is_clean().await?;
        Ok(steps)
    }

    /// The gateway makes up its mind, and tells of every capture that is not known here.
    fn tell_truth(&mut self) -> Result<()> {
        while self.resolve(0, true).is_some() {}
        for plain in self.uncredited() {
            let result = self.result(&plain, PaymentStatus::Success, ResultSource::Webhook)?;
            self.put_in_bag(&result)?;
        }
        Ok(())
    }

    /// Captures that are not credited.
    fn uncredited(&self) -> Vec<String> {
        let captured = self
            .books
            .0
            .iter()
            .filter(|(_, line)| line.standing == Standing::Captured);
        captured
            .map(|(plain, _)| plain.clone())
            .filter(|plain| {
                !self
                    .model
                    .world
                    .payments
                    .get(plain)
                    .is_some_and(|row| is_captured(row.state))
            })
            .collect()
    }

    /// What is to be done next; `None`: nothing.
    fn what_is_left(&mut self) -> Result<Option<Step>> {
        let (pick, then, fate) = (0, Behaviour::Approves, Fate::Published);
        if !self.hands.is_empty() {
            return Ok(Some(Step::Go { pick, then, fate }));
        }
        // Who is told of it is settled with the change; carrying it to them is another matter.
        self.bag.retain(|item| item.queue != "notifications");
        let now = self.model.now;
        if let Some(pick) = self
            .bag
            .iter()
            .rev()
            .position(|item| item.not_before.is_none_or(|at| at <= now))
        {
            return Ok(Some(Step::Deliver {
                pick,
                twice: false,
                then,
                fate,
            }));
        }
        let world = &self.model.world;
        let parked = world
            .payments
            .iter()
            .rev()
            .position(|(_, row)| row.state == PaymentState::Parked);
        if let Some(pick) = parked {
            let plain = world.payments.keys().rev().nth(pick);
            let was_captured = plain.is_some_and(|it| self.books.verdict(it) == Some(PaymentStatus::Success));
            let status = if was_captured {
                PaymentStatus::Success
            } else {
                PaymentStatus::Failed
            };
            return Ok(Some(Step::Rumour { pick, status }));
        }
        let is_open = world.topups.values().any(|row| row.state.is_open())
            || world.payments.values().any(|row| {
                matches!(
                    row.state,
                    PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown
                )
            })
            || world.outbox.iter().any(|row| row.queue != "notifications");
        if is_open {
            // What waits for nothing is waited for by a sweep, which is strict about its moment.
            let wait = if self.moments().is_empty() {
                Wait::Seconds(1)
            } else {
                Wait::Moment { nth: 0, past_us: 1 }
            };
            return Ok(Some(Step::Wait(wait)));
        }
        self.tell_truth()?;
        let pick = 0;
        Ok((!self.bag.is_empty()).then_some(Step::Deliver {
            pick,
            twice: false,
            then,
            fate,
        }))
    }

    /// C6, C10: no money is taken for nothing.
    fn everything_is_credited(&self) -> Result<()> {
        let uncredited = self.uncredited();
        ensure!(uncredited.is_empty(), "captured and not credited: {uncredited:?}");
        Ok(())
    }

    async fn audit_is_clean(&self) -> Result<()> {
        let policy = AuditPolicy {
            card_spacing: SignedDuration::from_secs(SPACING_S),
            failures_to_disable: self.topups.failures_to_disable,
            outbox_wait_max: SignedDuration::from_hours(24 * 365),
        };
        let report = self.db.store.audit(&policy).await?;
        if report.is_clean() {
            return Ok(());
        }
        let violations: Vec<String> = report
            .checks
            .iter()
            .flat_map(|check| {
                check
                    .violations
                    .iter()
                    .map(|it| format!("{}: {}", check.rule, self.names.plain(it)))
            })
            .collect();
        bail!("the audit: {violations:#?}")
    }
}

const fn is_captured(state: PaymentState) -> bool {
    matches!(state, PaymentState::Succeeded | PaymentState::Reversed)
}
