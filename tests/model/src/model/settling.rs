//! C6–C11, P4, V1: a payment's result.

use super::Model;
use crate::policy::{FIRST_QUESTION_S, us};
use crate::world::{Payment, Reversal, account_of};
use topup_rules::account::Method;
use topup_rules::message::{PaymentStatus, Template};
use topup_rules::settle::ReversalState;
use topup_rules::topup::{PaymentState, TopupState};

/// A result, as the model looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) reference: String,
    pub(crate) status: PaymentStatus,
    pub(crate) amount: Option<i64>,
    /// Of the currency that was asked for.
    pub(crate) has_currency: bool,
    /// Of the mode that was asked for.
    pub(crate) has_mode: bool,
    pub(crate) reason: String,
    pub(crate) reversal: Option<String>,
}

/// What a payment buys.
struct Bought {
    wallet: String,
    quantity: i64,
    /// `topup:1/sms#1`.
    cause: String,
}

impl Model {
    /// Settles a result. What became of it.
    pub(crate) fn settle(&mut self, told: &Told) -> &'static str {
        let Some(payment) = self.world.payments.get(&told.reference).cloned() else {
            return "missing";
        };
        if !fits(&payment, told) {
            return "misfit";
        }
        let is_topup = payment.is_of_topup();
        match told.status {
            PaymentStatus::Success => match payment.state {
                PaymentState::Charging | PaymentState::Pending => self.credit(told, &payment, false),
                // C10: money taken, however late.
                PaymentState::Unknown | PaymentState::Parked | PaymentState::Failed => {
                    self.credit(told, &payment, true)
                }
                PaymentState::Succeeded | PaymentState::Reversed => "already",
            },
            PaymentStatus::Failed => self.refuse(told, &payment),
            PaymentStatus::ActionRequired if is_topup => self.refuse(told, &payment),
            PaymentStatus::ActionRequired | PaymentStatus::Pending => match payment.state {
                PaymentState::Charging | PaymentState::Unknown => {
                    self.stay_open(told, &payment, PaymentState::Pending)
                }
                PaymentState::Pending
                | PaymentState::Parked
                | PaymentState::Succeeded
                | PaymentState::Failed
                | PaymentState::Reversed => "already",
            },
            PaymentStatus::Unknown if payment.state == PaymentState::Charging => {
                self.stay_open(told, &payment, PaymentState::Unknown)
            }
            PaymentStatus::Unknown => "already",
            PaymentStatus::Reversed => self.reverse(told, &payment),
            PaymentStatus::DisputeOpened => self.dispute(told, &payment),
            PaymentStatus::DisputeWon => self.dispute_won(told, &payment),
            // No gateway of these histories says so.
            PaymentStatus::RefundFailed => "already",
        }
    }

    fn bought(&self, payment: &Payment) -> Bought {
        let name = &payment.buys;
        if let Some(topup) = self.world.topups.get(name) {
            return Bought {
                wallet: topup.wallet.clone(),
                quantity: topup.quantity,
                cause: format!("topup:{name}"),
            };
        }
        let purchase = self.purchases.get(name);
        Bought {
            wallet: purchase.map(|it| it.wallet.clone()).unwrap_or_default(),
            quantity: purchase.map(|it| it.quantity).unwrap_or_default(),
            cause: format!("purchase:{name}"),
        }
    }

    fn end_payment(&mut self, told: &Told, state: PaymentState) {
        let now = self.now;
        self.with_payment(&told.reference, |row| {
            row.state = state;
            row.settled_at = Some(now);
            row.retry_at = None;
            row.ask_at = None;
        });
        // E8: a card that was replaced while it was charged was kept for this payment alone.
        let Some(payment) = self.world.payments.get(&told.reference).cloned() else {
            return;
        };
        let account = account_of(&self.bought(&payment).wallet);
        if payment.card.is_some_and(|card| self.is_left_over(account, &card)) {
            self.forget_unused(account);
        }
    }

    /// C6, C10.
    fn credit(&mut self, told: &Told, payment: &Payment, late: bool) -> &'static str {
        let bought = self.bought(payment);
        let (kind, template) = if payment.is_of_topup() {
            ("topup", Template::TopupSucceeded)
        } else {
            ("purchase", Template::PurchaseSucceeded)
        };
        self.post(&bought.wallet, kind, bought.quantity, &bought.cause);
        self.end_payment(told, PaymentState::Succeeded);
        self.tell(
            account_of(&bought.wallet),
            template,
            &format!("{}:succeeded", bought.cause),
        );
        if payment.is_of_topup() {
            self.end_topup(&payment.buys, TopupState::Succeeded);
            if !late {
                self.with_wallet(&bought.wallet, |row| row.failures = 0);
            }
            self.release_spacing(&payment.buys, true);
        }
        if late { "credited late" } else { "credited" }
    }

    /// C7, P4.
    fn refuse(&mut self, told: &Told, payment: &Payment) -> &'static str {
        if matches!(
            payment.state,
            PaymentState::Succeeded | PaymentState::Failed | PaymentState::Reversed
        ) {
            return "already";
        }
        self.end_payment(told, PaymentState::Failed);
        let bought = self.bought(payment);
        if !payment.is_of_topup() {
            let cause = format!("{}:failed", bought.cause);
            self.tell(account_of(&bought.wallet), Template::PurchaseFailed, &cause);
            return "failed";
        }
        let failures = self
            .world
            .wallets
            .get(&bought.wallet)
            .map_or(0, |row| row.failures);
        self.fail_topup(&payment.buys, &told.reason);
        self.release_spacing(&payment.buys, true);
        if failures + 1 >= self.failures_to_disable {
            "failed and disabled"
        } else {
            "failed"
        }
    }

    /// C8.
    fn stay_open(&mut self, told: &Told, payment: &Payment, state: PaymentState) -> &'static str {
        let first = self.now + us(FIRST_QUESTION_S);
        self.with_payment(&told.reference, |row| {
            row.state = state;
            row.retry_at = None;
            row.ask_at = row.ask_at.max(Some(first));
        });
        let of_topup = if state == PaymentState::Pending {
            TopupState::Pending
        } else {
            TopupState::Unknown
        };
        self.with_topup(&payment.buys, |row| {
            if matches!(
                row.state,
                TopupState::Scheduled | TopupState::Charging | TopupState::Pending | TopupState::Unknown
            ) {
                row.state = of_topup;
                row.due_at = None;
            }
        });
        "still open"
    }

    /// V1: money went back.
    fn reverse(&mut self, told: &Told, payment: &Payment) -> &'static str {
        let left = payment.amount - payment.reversed;
        let Some(id) = &told.reversal else {
            return match payment.state {
                PaymentState::Reversed => "already",
                PaymentState::Succeeded => self.take_back(told, payment, "whole", left, 0),
                PaymentState::Charging
                | PaymentState::Pending
                | PaymentState::Unknown
                | PaymentState::Parked
                | PaymentState::Failed => {
                    // C10 and V1 in one.
                    self.credit(told, payment, true);
                    self.take_back(told, payment, "whole", left, 0)
                }
            };
        };
        let row = self
            .world
            .reversals
            .get(&format!("{}/{id}", told.reference))
            .cloned();
        match row.as_ref().map(|row| row.state) {
            Some(ReversalState::Reversed) => return "already",
            Some(ReversalState::Won) => return "misfit",
            Some(ReversalState::Disputed | ReversalState::Failed) | None => {}
        }
        let disputed = row.filter(|row| row.state == ReversalState::Disputed);
        match payment.state {
            PaymentState::Succeeded => {}
            PaymentState::Reversed if disputed.is_some() => return self.free(told, disputed),
            PaymentState::Reversed => return "already",
            PaymentState::Charging
            | PaymentState::Pending
            | PaymentState::Unknown
            | PaymentState::Parked
            | PaymentState::Failed => return "later",
        }
        let amount = match &disputed {
            Some(row) => told.amount.unwrap_or(row.amount).min(left),
            None => told.amount.unwrap_or_default(),
        };
        if amount <= 0 || amount > left {
            return "misfit";
        }
        let held = disputed.map_or(0, |row| row.held);
        self.take_back(told, payment, id, amount, held)
    }

    /// V1: credits taken in all are quantity × given back ÷ captured, rounded down.
    fn take_back(
        &mut self,
        told: &Told,
        payment: &Payment,
        id: &str,
        amount: i64,
        held: i64,
    ) -> &'static str {
        let bought = self.bought(payment);
        let credits = in_proportion(&bought, payment, amount);
        let (account, cause) = (
            account_of(&bought.wallet),
            format!("reversal:{}:{id}", told.reference),
        );
        self.with_wallet(&bought.wallet, |row| row.held -= held);
        if credits != 0 {
            self.post(&bought.wallet, "reversal", -credits, &cause);
        }
        self.keep_reversal(told, id, ReversalState::Reversed, amount, (0, credits));
        let whole = payment.reversed + amount == payment.amount;
        self.with_payment(&told.reference, |row| {
            row.reversed += amount;
            row.taken_back += credits;
            if whole {
                row.state = PaymentState::Reversed;
            }
        });
        if whole {
            self.with_topup(&payment.buys, |row| row.state = TopupState::Reversed);
        }
        for (_, wallet) in self
            .world
            .wallets
            .iter_mut()
            .filter(|(key, _)| account_of(key) == account)
        {
            if let Some(auto) = wallet
                .auto
                .as_mut()
                .filter(|auto| auto.enabled && auto.method == Method::Card)
            {
                auto.enabled = false;
                auto.reason = Some("a payment was given back".to_owned());
            }
        }
        self.tell(account, Template::PaymentReversed, &cause);
        if whole {
            "reversed whole"
        } else {
            "reversed in part"
        }
    }

    /// V1: the credits that a dispute may take are held.
    fn dispute(&mut self, told: &Told, payment: &Payment) -> &'static str {
        let Some(id) = &told.reversal else { return "misfit" };
        if self
            .world
            .reversals
            .contains_key(&format!("{}/{id}", told.reference))
        {
            return "already";
        }
        match payment.state {
            PaymentState::Succeeded => {}
            PaymentState::Reversed => return "already",
            PaymentState::Charging
            | PaymentState::Pending
            | PaymentState::Unknown
            | PaymentState::Parked
            | PaymentState::Failed => return "later",
        }
        let left = payment.amount - payment.reversed;
        let amount = told.amount.unwrap_or(left).min(left);
        if amount <= 0 {
            return "misfit";
        }
        let bought = self.bought(payment);
        let credits = in_proportion(&bought, payment, amount);
        self.with_wallet(&bought.wallet, |row| row.held += credits);
        self.keep_reversal(told, id, ReversalState::Disputed, amount, (credits, 0));
        let cause = format!("alert:dispute:{}:{id}", told.reference);
        self.tell(account_of(&bought.wallet), Template::OperatorAlert, &cause);
        "held"
    }

    /// V1: a won dispute releases what it held; one that was not seen to open holds nothing later.
    fn dispute_won(&mut self, told: &Told, payment: &Payment) -> &'static str {
        let Some(id) = &told.reversal else { return "misfit" };
        let row = self
            .world
            .reversals
            .get(&format!("{}/{id}", told.reference))
            .cloned();
        match (row.as_ref().map(|row| row.state), payment.state) {
            (Some(ReversalState::Disputed), _) => self.free(told, row),
            (Some(ReversalState::Won | ReversalState::Reversed | ReversalState::Failed), _)
            | (None, PaymentState::Reversed) => "already",
            (None, PaymentState::Succeeded) => {
                let amount = told
                    .amount
                    .unwrap_or(payment.amount)
                    .clamp(1, payment.amount.max(1));
                self.keep_reversal(told, id, ReversalState::Won, amount, (0, 0));
                "released"
            }
            (None, _) => "later",
        }
    }

    fn free(&mut self, told: &Told, row: Option<Reversal>) -> &'static str {
        let (Some(row), Some(payment)) = (row, self.world.payments.get(&told.reference).cloned()) else {
            return "missing";
        };
        let bought = self.bought(&payment);
        self.with_wallet(&bought.wallet, |wallet| wallet.held -= row.held);
        let id = told.reversal.clone().unwrap_or_default();
        self.keep_reversal(told, &id, ReversalState::Won, row.amount, (0, 0));
        "released"
    }

    fn keep_reversal(
        &mut self,
        told: &Told,
        id: &str,
        state: ReversalState,
        amount: i64,
        credits: (i64, i64),
    ) {
        let row = Reversal {
            state,
            amount,
            held: credits.0,
            taken_back: credits.1,
        };
        self.world
            .reversals
            .insert(format!("{}/{id}", told.reference), row);
    }
}

/// C11.
fn fits(payment: &Payment, told: &Told) -> bool {
    told.has_mode
        && match told.status {
            PaymentStatus::Success => told.has_currency && told.amount == Some(payment.amount),
            PaymentStatus::Reversed | PaymentStatus::DisputeOpened | PaymentStatus::DisputeWon => {
                told.has_currency || told.amount.is_none()
            }
            PaymentStatus::Failed
            | PaymentStatus::Pending
            | PaymentStatus::Unknown
            | PaymentStatus::RefundFailed
            | PaymentStatus::ActionRequired => true,
        }
}

fn in_proportion(bought: &Bought, payment: &Payment, amount: i64) -> i64 {
    let given_back = i128::from(payment.reversed + amount);
    let total = i128::from(bought.quantity) * given_back / i128::from(payment.amount.max(1));
    i64::try_from(total).unwrap_or(i64::MAX) - payment.taken_back
}
