//! C1–C5, C9, C12, X1–X4: a top-up wakes; the gateway's answer is written down.

use super::{Model, reference_of};
use crate::policy::{SPACING_S, TROUBLE_PAUSE_MAX_S, TROUBLE_PAUSE_S, TROUBLES_MAX, day_and_month, us};
use crate::world::{Auto, Payment, Topup, Us, account_of, service_of};
use topup_rules::account::Method;
use topup_rules::message::Template;
use topup_rules::topup::{PaymentState, TopupState};

impl Model {
    /// C3: decides again. What it does.
    pub(crate) fn wake(&mut self, name: &str) -> String {
        let Some(topup) = self.world.topups.get(name).cloned() else {
            return "missing".to_owned();
        };
        if !matches!(topup.state, TopupState::Requested | TopupState::Scheduled) {
            return "stale".to_owned();
        }
        let Some(wallet) = self.world.wallets.get(&topup.wallet) else {
            return "missing".to_owned();
        };
        let wanted = wallet
            .enabled()
            .filter(|auto| auto.method == topup.method && wallet.balance <= auto.threshold)
            .cloned();
        let Some(auto) = wanted else {
            return self.skip(name, &topup);
        };
        match topup.method {
            Method::Transfer => self.transfer(name, &topup),
            Method::Card => self.by_card(name, &topup, &auto),
        }
    }

    /// X1, X2.
    fn transfer(&mut self, name: &str, topup: &Topup) -> String {
        let main = self
            .accounts
            .get(&account_of(name))
            .and_then(|account| account.main)
            .unwrap_or_default();
        let from = format!("{main}/{}", service_of(name));
        let has = self.world.wallets.get(&from).map(super::Wallet::available);
        match has {
            Some(has) if has >= topup.quantity => {
                self.post(&from, "transfer-out", -topup.quantity, &format!("topup:{name}"));
                self.post(&topup.wallet, "transfer-in", topup.quantity, name);
                self.end_topup(name, TopupState::Succeeded);
                self.with_wallet(&topup.wallet, |row| row.failures = 0);
                self.tell(
                    account_of(name),
                    Template::TopupSucceeded,
                    &format!("topup:{name}:succeeded"),
                );
                "succeeded".to_owned()
            }
            _ => {
                let has = topup_rules::credits::Credits::from_milli(has.unwrap_or_default());
                self.fail_topup(
                    name,
                    &format!("the main account {main} has only {has} credits available"),
                );
                self.tell(main, Template::TopupFailed, &format!("topup:{name}:failed"));
                "failed".to_owned()
            }
        }
    }

    fn by_card(&mut self, name: &str, topup: &Topup, auto: &Auto) -> String {
        let account = account_of(name);
        let amount = topup.amount.unwrap_or_default();
        if let Some((kind, period)) = self.cap_reached(account, name, amount) {
            self.tell(account, Template::CapReached, &format!("cap:{kind}:{period}"));
            return self.skip(name, topup);
        }
        let spacing = self.world.spacing.get(&account).cloned().unwrap_or_default();
        match &spacing.unsettled {
            Some(own) if own == name => {}
            Some(other) => return self.wait(name, None, Some(other.clone())),
            None => {
                let due = spacing.last_settled_at.map(|at| at + us(SPACING_S));
                if let Some(due) = due.filter(|due| self.now < *due) {
                    return self.wait(name, Some(due), None);
                }
            }
        }
        self.charge(name, amount, auto)
    }

    /// C5: the intent.
    fn charge(&mut self, name: &str, amount: i64, auto: &Auto) -> String {
        let now = self.now;
        self.with_spacing(account_of(name), |row| row.unsettled = Some(name.to_owned()));
        self.with_topup(name, |row| {
            row.state = TopupState::Charging;
            row.due_at = None;
            row.waits_for = None;
            row.woken_at = Some(now);
        });
        let intent = self
            .world
            .payments
            .entry(reference_of(name))
            .or_insert_with(|| Payment::new(name, amount, now));
        intent.state = PaymentState::Charging;
        intent.card.clone_from(&auto.card);
        intent.retry_at = None;
        intent.ask_at = None;
        intent.not_known = 0;
        intent.has_answer = false;
        let key = format!(
            "{}/{}",
            account_of(name),
            auto.card.as_deref().unwrap_or_default()
        );
        let code = self.world.cards.get(&key).cloned().unwrap_or_default();
        format!("charge {amount} to {code}")
    }

    /// C2: not yet.
    fn wait(&mut self, name: &str, due: Option<Us>, waits_for: Option<String>) -> String {
        let now = self.now;
        self.with_topup(name, |row| {
            row.state = TopupState::Scheduled;
            row.due_at = due;
            row.waits_for = waits_for;
            row.woken_at = Some(now);
        });
        if due.is_some() {
            self.call(name, due);
        }
        "scheduled".to_owned()
    }

    /// C3: not wanted any more. Nobody is told.
    fn skip(&mut self, name: &str, topup: &Topup) -> String {
        self.end_topup(name, TopupState::Skipped);
        if topup.method == Method::Card {
            self.abandon(name);
        }
        "skipped".to_owned()
    }

    /// What is given up without a charge gives its claim back, and its intent with it.
    fn abandon(&mut self, name: &str) {
        self.release_spacing(name, false);
        let now = self.now;
        self.with_payment(&reference_of(name), |row| {
            if row.state == PaymentState::Charging && row.retry_at.is_some() {
                row.state = PaymentState::Failed;
                row.retry_at = None;
                row.ask_at = None;
                row.settled_at = Some(now);
            }
        });
    }

    /// C12: the cap that one more would break: its kind, and the period that is told of.
    fn cap_reached(&self, account: i64, name: &str, amount: i64) -> Option<(&'static str, String)> {
        let caps = self.accounts.get(&account)?;
        let (day, month) = day_and_month(self.now);
        let mine = reference_of(name);
        let counted: Vec<&Payment> = self
            .world
            .payments
            .iter()
            .filter(|(reference, row)| {
                account_of(&row.buys) == account
                    && row.is_of_topup()
                    && row.state != PaymentState::Failed
                    && **reference != mine
            })
            .map(|(_, row)| row)
            .collect();
        let today = counted
            .iter()
            .filter(|row| day_and_month(row.intent_at).0 == day)
            .count();
        let this_month: i64 = counted
            .iter()
            .filter(|row| day_and_month(row.intent_at).1 == month)
            .map(|row| row.amount)
            .sum();
        if caps
            .day_cap
            .is_some_and(|cap| i64::try_from(today).unwrap_or(i64::MAX) >= cap)
        {
            return Some(("day", day));
        }
        caps.month_cap
            .filter(|cap| this_month + amount > *cap)
            .map(|_| ("month", month))
    }

    /// The wallet's open top-up is over.
    pub(super) fn end_topup(&mut self, name: &str, state: TopupState) {
        let now = self.now;
        self.with_topup(name, |row| {
            row.state = state;
            row.settled_at = Some(now);
            row.due_at = None;
            row.waits_for = None;
        });
        let Some(wallet) = self.world.topups.get(name).map(|row| row.wallet.clone()) else {
            return;
        };
        self.with_wallet(&wallet, |row| {
            if row.open.as_deref() == Some(name) {
                row.open = None;
            }
        });
    }

    /// C7: a definite failure: counted and told; so many in a row disable.
    pub(super) fn fail_topup(&mut self, name: &str, reason: &str) {
        self.end_topup(name, TopupState::Failed);
        let Some(wallet) = self.world.topups.get(name).map(|row| row.wallet.clone()) else {
            return;
        };
        let most = self.failures_to_disable;
        self.with_wallet(&wallet, |row| {
            row.failures += 1;
            if let Some(auto) = row
                .auto
                .as_mut()
                .filter(|auto| auto.enabled && row.failures >= most)
            {
                auto.enabled = false;
                auto.reason = Some(reason.to_owned());
            }
        });
        self.tell(
            account_of(name),
            Template::TopupFailed,
            &format!("topup:{name}:failed"),
        );
    }

    /// C1: the claim is free again; it counts from now where it was settled. Those that wait have a moment now.
    pub(super) fn release_spacing(&mut self, name: &str, settled: bool) {
        let (account, now) = (account_of(name), self.now);
        let holds = |unsettled: &Option<String>| unsettled.as_deref() == Some(name);
        if !self
            .world
            .spacing
            .get(&account)
            .is_some_and(|row| holds(&row.unsettled))
        {
            return;
        }
        self.with_spacing(account, |row| {
            row.unsettled = None;
            if settled {
                row.last_settled_at = Some(now);
            }
        });
        let last = self
            .world
            .spacing
            .get(&account)
            .and_then(|row| row.last_settled_at);
        let due = last.map_or(now, |at| at + us(SPACING_S)).max(now);
        let waiting: Vec<String> = self
            .world
            .topups
            .iter()
            .filter(|(other, row)| {
                account_of(other) == account && row.waits_for.is_some() && row.state == TopupState::Scheduled
            })
            .map(|(other, _)| other.clone())
            .collect();
        for other in waiting {
            self.with_topup(&other, |row| {
                row.due_at = Some(due);
                row.waits_for = None;
            });
            self.call(&other, Some(due));
        }
    }

    /// The gateway's verdict on a charge is written down; `message` is what goes to be settled.
    pub(crate) fn answered(&mut self, reference: &str, message: &str) {
        let now = self.now;
        self.with_payment(reference, |row| {
            row.answered_at = Some(now);
            row.has_answer = true;
        });
        self.publish("payment-results", message, None);
    }

    /// C9: our own trouble is nobody's failure: tried again later.
    pub(crate) fn troubled(&mut self, reference: &str) {
        let now = self.now;
        let troubles = self.troubles.entry(reference.to_owned()).or_default();
        *troubles += 1;
        let pause_s = match *troubles {
            few if few < TROUBLES_MAX => (TROUBLE_PAUSE_S << (few - 1)).min(TROUBLE_PAUSE_MAX_S),
            _ => TROUBLE_PAUSE_MAX_S,
        };
        let due = now + us(pause_s);
        let Some(payment) = self.world.payments.get_mut(reference) else {
            return;
        };
        payment.answered_at = Some(now);
        let name = payment.buys.clone();
        if !payment.is_of_topup() {
            if payment.state == PaymentState::Charging {
                payment.ask_at = Some(due);
            }
            return;
        }
        let Some(topup) = self
            .world
            .topups
            .get_mut(&name)
            .filter(|row| row.state == TopupState::Charging)
        else {
            return;
        };
        topup.state = TopupState::Scheduled;
        topup.due_at = Some(due);
        if payment.state == PaymentState::Charging {
            payment.retry_at = Some(due);
        }
        self.call(&name, Some(due));
    }

    /// What should have moved is called again.
    pub(crate) fn sweep_topups(&mut self, grace: Us) {
        let now = self.now;
        let is_overdue = |name: &String, row: &Topup| {
            let claim = self
                .world
                .spacing
                .get(&account_of(name))
                .and_then(|s| s.unsettled.as_ref());
            let is_late = match (row.state, row.due_at) {
                (TopupState::Requested, _) => true,
                (TopupState::Scheduled, Some(due)) => due < now - grace,
                (TopupState::Scheduled, None) => claim.is_none_or(|unsettled| unsettled == name),
                _ => false,
            };
            is_late && row.woken_at.unwrap_or(row.requested_at) < now - grace
        };
        let topups = self.world.topups.iter();
        let overdue: Vec<String> = topups
            .filter(|(name, row)| is_overdue(name, row))
            .map(|(name, _)| name.clone())
            .collect();
        for name in overdue {
            self.with_topup(&name, |row| row.woken_at = Some(now));
            self.call(&name, None);
        }
    }
}

impl Payment {
    /// As it is committed.
    pub(super) fn new(buys: &str, amount: i64, intent_at: Us) -> Self {
        Self {
            buys: buys.to_owned(),
            state: PaymentState::Charging,
            amount,
            card: None,
            intent_at,
            retry_at: None,
            ask_at: None,
            asked: 0,
            not_known: 0,
            answered_at: None,
            has_answer: false,
            settled_at: None,
            reversed: 0,
            taken_back: 0,
        }
    }

    /// Names of top-ups have a number.
    pub(crate) fn is_of_topup(&self) -> bool {
        self.buys.contains('#')
    }
}
