//! What the world outside tells: webhooks, rumours, refunds, disputes.

use super::{Done, Driver, at};
use crate::gateway::{Line, Standing};
use crate::steps::{DisputeEnd, Hook};
use anyhow::Result;
use topup_rules::message::{PaymentMode, PaymentStatus, ResultSource};

impl Driver<'_> {
    /// The gateway tells of a capture; some webhooks tell nonsense.
    pub(super) fn webhook(&mut self, pick: usize, how: Hook) -> Result<Option<Done>> {
        let Some(plain) = self.books.pick(pick, |line| line.standing == Standing::Captured) else {
            return Ok(None);
        };
        let mut result = self.result(&plain, PaymentStatus::Success, ResultSource::Webhook)?;
        match how {
            Hook::True => {}
            Hook::WrongAmount => result.amount_minor = result.amount_minor.map(|amount| amount - 1),
            Hook::WrongCurrency => result.currency = Some("KES".parse()?),
            Hook::WrongMode => result.mode = PaymentMode::Live,
            Hook::WrongReference => result.reference = format!("{}0", result.reference).parse()?,
        }
        self.put_in_bag(&result)?;
        Ok(Some(Done::outside(plain)))
    }

    /// Somebody says how a payment ended. Who says that money was taken, or went back, is right.
    pub(super) fn rumour(&mut self, pick: usize, status: PaymentStatus) -> Result<Option<Done>> {
        let payments: Vec<String> = self.model.world.payments.keys().cloned().collect();
        let Some(plain) = at(pick, payments.len()).map(|at| payments[at].clone()) else {
            return Ok(None);
        };
        let amount = self
            .model
            .world
            .payments
            .get(&plain)
            .map_or(0, |payment| payment.amount);
        match status {
            PaymentStatus::Success => self.captured(&plain, amount, 0),
            PaymentStatus::Reversed => self.captured(&plain, amount, amount),
            PaymentStatus::Failed
            | PaymentStatus::Pending
            | PaymentStatus::Unknown
            | PaymentStatus::ActionRequired
            | PaymentStatus::DisputeOpened
            | PaymentStatus::DisputeWon
            | PaymentStatus::RefundFailed => {}
        }
        let result = self.result(&plain, status, ResultSource::Reconcile)?;
        self.put_in_bag(&result)?;
        Ok(Some(Done::outside(plain)))
    }

    fn captured(&mut self, plain: &str, amount: i64, refunded: i64) {
        let line = self
            .books
            .0
            .entry(plain.to_owned())
            .or_insert(Line::new(Standing::Captured, amount));
        line.standing = Standing::Captured;
        line.refunded = line.refunded.max(refunded);
    }

    /// The gateway makes up its mind. Nobody is told of a refusal.
    pub(super) fn resolve(&mut self, pick: usize, captures: bool) -> Option<Done> {
        let is_open = |line: &Line| matches!(line.standing, Standing::Pending | Standing::Challenged);
        let plain = self.books.pick(pick, is_open)?;
        let line = self.books.0.get_mut(&plain)?;
        line.standing = if captures {
            Standing::Captured
        } else {
            Standing::Refused
        };
        Some(Done::outside(plain))
    }

    /// V1: a part of a captured payment goes back, or all that is left.
    pub(super) fn refund(&mut self, pick: usize, percent: i64) -> Result<Option<Done>> {
        let is_left = |line: &Line| line.standing == Standing::Captured && line.refunded < line.amount;
        let Some(plain) = self.books.pick(pick, is_left) else {
            return Ok(None);
        };
        let Some(line) = self.books.0.get_mut(&plain) else {
            return Ok(None);
        };
        let amount = ((line.amount - line.refunded) * percent / 100).max(1);
        line.refunded += amount;
        line.reversals += 1;
        let name = format!("refund-{}", line.reversals);
        self.reversal(&plain, PaymentStatus::Reversed, &name, amount)?;
        Ok(Some(Done::outside(format!("{amount} of {plain}"))))
    }

    /// V1: a dispute opens, or ends.
    pub(super) fn dispute(
        &mut self,
        pick: usize,
        percent: i64,
        end: Option<DisputeEnd>,
    ) -> Result<Option<Done>> {
        let fits =
            |line: &Line| line.standing == Standing::Captured && (end.is_none() || !line.disputes.is_empty());
        let Some(plain) = self.books.pick(pick, fits) else {
            return Ok(None);
        };
        let Some(line) = self.books.0.get_mut(&plain) else {
            return Ok(None);
        };
        let (status, name, amount) = match end {
            None => {
                let amount = (line.amount * percent / 100).max(1);
                line.reversals += 1;
                let name = format!("dispute-{}", line.reversals);
                line.disputes.push((name.clone(), amount));
                (PaymentStatus::DisputeOpened, name, amount)
            }
            Some(end) => {
                let at = at(pick, line.disputes.len()).unwrap_or_default();
                let (name, amount) = line.disputes.remove(at);
                match end {
                    DisputeEnd::Won => (PaymentStatus::DisputeWon, name, amount),
                    DisputeEnd::Lost => {
                        line.refunded = (line.refunded + amount).min(line.amount);
                        (PaymentStatus::Reversed, name, amount)
                    }
                }
            }
        };
        self.reversal(&plain, status, &name, amount)?;
        Ok(Some(Done::outside(format!(
            "{status} {name} of {amount} of {plain}"
        ))))
    }

    fn reversal(&mut self, plain: &str, status: PaymentStatus, name: &str, amount: i64) -> Result<()> {
        let mut result = self.result(plain, status, ResultSource::Webhook)?;
        result.amount_minor = Some(amount);
        result.reversal_id = Some(name.to_owned());
        self.put_in_bag(&result)
    }
}
