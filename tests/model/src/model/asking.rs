//! C8, P2: questions to the gateway, and what is called again because it was lost.

use super::Model;
use crate::policy::{
    CHARGE_AGE_S, FIRST_QUESTION_S, LEASE_S, NOT_KNOWN_MAX, NOTICE_AGE_S, PAGE_MAX_S, QUESTION_PAUSE_MAX_S,
    UNKNOWN_MAX_S, us,
};
use crate::world::{NoticeState, Payment, Us, account_of};
use topup_rules::message::{PaymentStatus, Template};
use topup_rules::topup::{PaymentState, TopupState};

/// Seconds of a day.
const DAY_S: i64 = 24 * 3_600;

/// A question under way: the payment as it was when it was taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asking {
    pub(crate) reference: String,
    payment: Payment,
    until: Us,
}

/// What the gateway says to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Verdict(PaymentStatus),
    NotKnown,
    NoVerdict,
    OurTrouble,
}

impl Model {
    /// The payments that are to be asked about now, each leased to who asks.
    pub(crate) fn due_questions(&mut self) -> Vec<Asking> {
        let now = self.now;
        let is_due = |row: &Payment| match row.state {
            PaymentState::Charging if row.retry_at.is_some() => false,
            PaymentState::Charging if row.ask_at.is_none() => {
                let woken = self.world.topups.get(&row.buys).and_then(|topup| topup.woken_at);
                !row.has_answer && woken.unwrap_or(row.intent_at).max(row.intent_at) < now - us(CHARGE_AGE_S)
            }
            PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown => {
                row.ask_at.is_some_and(|at| at <= now)
            }
            PaymentState::Parked
            | PaymentState::Succeeded
            | PaymentState::Failed
            | PaymentState::Reversed => false,
        };
        let until = now + us(LEASE_S);
        let due: Vec<Asking> = self
            .world
            .payments
            .iter()
            .filter(|(_, row)| is_due(row))
            .map(|(reference, row)| Asking {
                reference: reference.clone(),
                payment: row.clone(),
                until,
            })
            .collect();
        for asking in &due {
            self.with_payment(&asking.reference, |row| row.ask_at = Some(until));
        }
        due
    }

    /// What the gateway said about it; `message` is its verdict as a message, `failed` that of a purchase that is over.
    pub(crate) fn heard(
        &mut self,
        asking: &Asking,
        heard: Heard,
        message: Option<&str>,
        failed: &str,
    ) -> &'static str {
        let now = self.now;
        let before = &asking.payment;
        self.with_payment(&asking.reference, |row| row.answered_at = Some(now));
        let Some(row) = self.world.payments.get(&asking.reference) else {
            return "missing";
        };
        if row.state != before.state || row.ask_at != Some(asking.until) {
            let is_settled = matches!(row.state, PaymentState::Succeeded | PaymentState::Reversed);
            let is_news = !is_settled || heard == Heard::Verdict(PaymentStatus::Reversed);
            if let Some(message) = message.filter(|_| is_news) {
                self.publish("payment-results", message, None);
            }
            return "another's";
        }
        let age = now - before.intent_at;
        let is_old = age >= us(UNKNOWN_MAX_S);
        let next = now + us(pause_s(before.asked + 1));
        let first = now + us(FIRST_QUESTION_S);
        let is_topup = before.is_of_topup();
        match heard {
            Heard::Verdict(PaymentStatus::ActionRequired) if !is_topup => {
                if age >= us(PAGE_MAX_S) {
                    self.purchase_is_over(asking, heard, failed, first)
                } else {
                    self.settle_or_ask(asking, heard, PaymentState::Pending, message, next)
                }
            }
            Heard::Verdict(PaymentStatus::Pending | PaymentStatus::Unknown) if is_old => self.park(asking),
            Heard::Verdict(PaymentStatus::Pending) => {
                self.settle_or_ask(asking, heard, PaymentState::Pending, message, next)
            }
            Heard::Verdict(PaymentStatus::Unknown) => {
                if before.state == PaymentState::Charging {
                    self.settle_next(asking, heard, message, next)
                } else {
                    self.ask_again(asking, heard, next)
                }
            }
            Heard::Verdict(_) => {
                let pause_s = if is_old { DAY_S } else { QUESTION_PAUSE_MAX_S };
                self.settle_next(asking, heard, message, now + us(pause_s))
            }
            Heard::NotKnown if before.not_known + 1 < NOT_KNOWN_MAX => {
                if is_old {
                    self.park(asking)
                } else {
                    self.ask_again(asking, heard, first)
                }
            }
            Heard::NotKnown if !is_topup => self.purchase_is_over(asking, heard, failed, first),
            Heard::NotKnown | Heard::NoVerdict | Heard::OurTrouble if is_old => self.park(asking),
            Heard::NotKnown => self.submit_again(asking),
            Heard::NoVerdict => self.ask_again(asking, heard, next),
            Heard::OurTrouble => self.ask_again(asking, heard, now + us(pause_s(before.asked.max(1)))),
        }
    }

    fn ask_again(&mut self, asking: &Asking, heard: Heard, at: Us) -> &'static str {
        self.with_payment(&asking.reference, |row| {
            row.ask_at = Some(at);
            match heard {
                Heard::OurTrouble => {}
                Heard::NotKnown => {
                    row.asked += 1;
                    row.not_known += 1;
                }
                Heard::Verdict(_) | Heard::NoVerdict => {
                    row.asked += 1;
                    row.not_known = 0;
                }
            }
        });
        "ask again"
    }

    fn settle_next(&mut self, asking: &Asking, heard: Heard, message: Option<&str>, at: Us) -> &'static str {
        self.ask_again(asking, heard, at);
        if let Some(message) = message {
            self.publish("payment-results", message, None);
        }
        "settle"
    }

    /// What leaves it as open as it was is no news.
    fn settle_or_ask(
        &mut self,
        asking: &Asking,
        heard: Heard,
        state: PaymentState,
        message: Option<&str>,
        at: Us,
    ) -> &'static str {
        if asking.payment.state == state {
            self.ask_again(asking, heard, at)
        } else {
            self.settle_next(asking, heard, message, at)
        }
    }

    fn purchase_is_over(&mut self, asking: &Asking, heard: Heard, failed: &str, at: Us) -> &'static str {
        self.ask_again(asking, heard, at);
        self.publish("payment-results", failed, None);
        "purchase is over"
    }

    /// The top-up wakes, and is decided again.
    fn submit_again(&mut self, asking: &Asking) -> &'static str {
        let (now, name) = (self.now, asking.payment.buys.clone());
        let waits = self.world.topups.get(&name).is_some_and(|row| {
            matches!(
                row.state,
                TopupState::Charging | TopupState::Pending | TopupState::Unknown
            )
        });
        if waits {
            self.with_topup(&name, |row| {
                row.state = TopupState::Scheduled;
                row.due_at = Some(now);
                row.waits_for = None;
            });
            self.with_payment(&asking.reference, |row| {
                row.state = PaymentState::Charging;
                row.retry_at = Some(now);
                row.ask_at = None;
                row.asked += 1;
                row.not_known = 0;
                row.has_answer = false;
            });
            self.call(&name, None);
        }
        "submit again"
    }

    /// A person has to find out.
    fn park(&mut self, asking: &Asking) -> &'static str {
        let name = &asking.payment.buys;
        let is_stuck = asking.payment.is_of_topup()
            && !self.world.topups.get(name).is_some_and(|row| {
                matches!(
                    row.state,
                    TopupState::Scheduled | TopupState::Charging | TopupState::Pending | TopupState::Unknown
                )
            });
        if !is_stuck {
            self.with_topup(name, |row| {
                row.state = TopupState::Parked;
                row.due_at = None;
                row.waits_for = None;
            });
            self.with_payment(&asking.reference, |row| {
                row.state = PaymentState::Parked;
                row.retry_at = None;
                row.ask_at = None;
                row.asked += 1;
                row.not_known = 0;
            });
            let account = asking.reference.split('-').nth(1).map_or(0, account_of);
            let cause = format!("alert:parked:{}", asking.reference);
            self.tell(account, Template::OperatorAlert, &cause);
        }
        "park"
    }

    /// Answers that settled nothing are published again, once each; `message` says which.
    pub(crate) fn sweep_charges(&mut self, message: impl Fn(&str) -> String) {
        let age = us(CHARGE_AGE_S);
        let now = self.now;
        let is_overdue = |row: &Payment| {
            row.state == PaymentState::Charging
                && row.has_answer
                && row.retry_at.is_none()
                && row.ask_at.is_none()
                && row.answered_at.is_some_and(|at| at < now - age)
        };
        let payments = self.world.payments.iter();
        let overdue: Vec<String> = payments
            .filter(|(_, row)| is_overdue(row))
            .map(|(key, _)| key.clone())
            .collect();
        for reference in overdue {
            self.with_payment(&reference, |row| row.ask_at = Some(now + age));
            self.publish("payment-results", &message(&reference), None);
        }
    }

    /// Notices that never came back are called again.
    pub(crate) fn sweep_notices(&mut self) {
        let (now, limit) = (self.now, self.now - us(NOTICE_AGE_S));
        let notices = self.world.notices.iter_mut();
        let overdue: Vec<String> = notices
            .filter(|(_, row)| {
                row.state == NoticeState::Queued
                    && row.created_at < limit
                    && row.called_at.is_none_or(|at| at < limit)
            })
            .map(|(key, row)| {
                row.called_at = Some(now);
                key.clone()
            })
            .collect();
        for key in overdue {
            self.publish("notifications", &key, None);
        }
    }
}

/// Doubles from the first pause to the longest.
fn pause_s(answers: i64) -> i64 {
    let doublings = u32::try_from(answers - 1).unwrap_or_default().min(30);
    (FIRST_QUESTION_S << doublings).min(QUESTION_PAUSE_MAX_S)
}
