//! Time passes, and the sweeper looks.

use super::{Done, Driver, same};
use crate::policy::{
    self, CHARGE_AGE_S, NOTICE_AGE_S, OUTBOX_AGE_S, SPACING_S, TOPUP_GRACE_S, day_and_month, us,
};
use crate::steps::{Sweep, Wait};
use crate::world::{HoldState, Us};
use anyhow::Result;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// The ledger of the model ends some time; no history goes so far.
const LONGEST_S: i64 = 300 * 24 * 3_600;
/// Rows at most of one look.
const ROWS_MAX: i64 = 1_000;

impl Driver<'_> {
    /// The database's clock goes on.
    pub(super) async fn wait(&mut self, wait: Wait) -> Result<Option<Done>> {
        let now = self.model.now;
        let to = match wait {
            Wait::Seconds(seconds) => Some(now + us(seconds)),
            Wait::Moment { nth, past_us } => {
                let moments = self.moments();
                super::at(nth, moments.len())
                    .and_then(|nth| moments.into_iter().nth(nth))
                    .map(|at| at + past_us)
            }
            Wait::Age { pick, past_us } => self.old_age(pick).map(|at| at + past_us),
            Wait::Midnight { past_us } => self.next(|at| day_and_month(at).0).map(|at| at + past_us),
            Wait::Month { past_us } => self.next(|at| day_and_month(at).1).map(|at| at + past_us),
        };
        let begins: jiff::Timestamp = policy::BEGINS.parse()?;
        let last = begins.as_microsecond() + us(LONGEST_S);
        let Some(to) = to.filter(|to| *to > now && *to <= last) else {
            return Ok(None);
        };
        self.set_clock(to).await?;
        Ok(Some(Done::outside(Self::moment(to)?)))
    }

    /// The database's clock, and the model's.
    pub(super) async fn set_clock(&mut self, to: Us) -> Result<()> {
        self.db.set_clock(to).await?;
        self.model.now = to;
        Ok(())
    }

    /// When an open payment is so old that a person has to look, or its customer is gone.
    fn old_age(&self, pick: usize) -> Option<Us> {
        let payments = self.model.world.payments.values();
        let open: Vec<Us> = payments
            .filter(|row| row.settled_at.is_none())
            .map(|row| row.intent_at)
            .collect();
        let age_s = if pick.is_multiple_of(4) {
            policy::PAGE_MAX_S
        } else {
            policy::UNKNOWN_MAX_S
        };
        super::at(pick, open.len()).map(|at| open[at] + us(age_s))
    }

    /// Every moment to come that something waits for.
    pub(super) fn moments(&self) -> BTreeSet<Us> {
        let world = &self.model.world;
        let mut moments = BTreeSet::new();
        for topup in world.topups.values().filter(|topup| topup.state.is_open()) {
            moments.extend(topup.due_at);
            moments.extend(topup.due_at.map(|at| at + us(TOPUP_GRACE_S)));
            moments.insert(topup.woken_at.unwrap_or(topup.requested_at) + us(TOPUP_GRACE_S));
        }
        for payment in world.payments.values() {
            moments.extend(payment.ask_at);
            moments.extend(payment.answered_at.map(|at| at + us(CHARGE_AGE_S)));
            moments.insert(payment.intent_at + us(CHARGE_AGE_S));
            if payment.ask_at.is_some() {
                moments.insert(payment.intent_at + us(policy::UNKNOWN_MAX_S));
                moments.insert(payment.intent_at + us(policy::PAGE_MAX_S));
            }
        }
        for spacing in world.spacing.values() {
            moments.extend(spacing.last_settled_at.map(|at| at + us(SPACING_S)));
        }
        let open_holds = world.holds.values().filter(|hold| hold.state == HoldState::Open);
        moments.extend(open_holds.map(|hold| hold.expires_at));
        moments.extend(world.outbox.iter().map(|row| row.created_at + us(OUTBOX_AGE_S)));
        moments.split_off(&(self.model.now + 1))
    }

    /// The first moment of the next period that `period` names, looked for by halves.
    fn next(&self, period: impl Fn(Us) -> String) -> Option<Us> {
        let (mut before, mut after) = (self.model.now, self.model.now + us(32 * 24 * 3_600));
        let this = period(before);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if period(middle) == this {
                before = middle
            } else {
                after = middle
            }
        }
        Some(after)
    }

    /// As the sweeper does.
    pub(super) async fn sweep(&mut self, sweep: Sweep) -> Result<Done> {
        let store = &self.db.store;
        let seconds = SignedDuration::from_secs;
        let (told, messages) = match sweep {
            Sweep::Outbox => {
                let messages = store.outbox_overdue(seconds(OUTBOX_AGE_S), ROWS_MAX).await?;
                let messages = self.db.without_events(messages).await?;
                let limit = self.model.now - us(OUTBOX_AGE_S);
                let rules = self
                    .model
                    .world
                    .outbox
                    .iter()
                    .filter(|row| row.created_at < limit)
                    .count();
                (same(rules, messages.len())?, messages)
            }
            Sweep::Topups => {
                self.model.sweep_topups(us(TOPUP_GRACE_S));
                (
                    "called".to_owned(),
                    store.overdue_topups(seconds(TOPUP_GRACE_S), ROWS_MAX).await?,
                )
            }
            Sweep::Charges => {
                let answers = self.kept_answers().await?;
                let of = |reference: &str| {
                    answers
                        .iter()
                        .find(|(key, _)| key == reference)
                        .map(|(_, it)| it.clone())
                        .unwrap_or_default()
                };
                self.model.sweep_charges(of);
                (
                    "called".to_owned(),
                    store.overdue_charges(seconds(CHARGE_AGE_S), ROWS_MAX).await?,
                )
            }
            Sweep::Notices => {
                self.model.sweep_notices();
                (
                    "called".to_owned(),
                    store.overdue_notices(seconds(NOTICE_AGE_S), ROWS_MAX).await?,
                )
            }
            Sweep::Holds => {
                let rules = self.model.expire_holds();
                (same(rules, store.expire_holds(ROWS_MAX).await?)?, Vec::new())
            }
        };
        let told = format!("{told}, {} messages", messages.len());
        let mut done = Done::told(told).with(messages);
        // What it did without saying so is seen after the next step.
        done.is_outside = done.messages.is_empty() && sweep != Sweep::Holds;
        Ok(done)
    }
}
