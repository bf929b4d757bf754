//! X5, P1–P4: what people do by hand.

use super::{Model, Purchase};
use crate::policy::{FIRST_QUESTION_S, price, us};
use crate::world::{Payment, account_of, service_of};
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use uuid::Uuid;

impl Model {
    /// X5: an operator adds credits, or takes them.
    pub(crate) fn adjust(&mut self, id: Uuid, wallet: &str, credits: i64) -> &'static str {
        if credits == 0 {
            return "refused";
        }
        if !self.by_hand.insert(id) {
            return "already";
        }
        self.post(wallet, "adjustment", credits, &id.to_string());
        "done"
    }

    /// X5: between a main and its sub. `detail` is what the ledger keeps of it.
    pub(crate) fn move_credits(
        &mut self,
        id: Uuid,
        from: &str,
        to: &str,
        credits: i64,
        detail: &str,
    ) -> &'static str {
        let is_main_of = |main: &str, sub: &str| {
            self.accounts
                .get(&account_of(sub))
                .is_some_and(|account| account.main == Some(account_of(main)))
        };
        if credits <= 0
            || service_of(from) != service_of(to)
            || !(is_main_of(from, to) || is_main_of(to, from))
        {
            return "refused";
        }
        let (Some(giver), Some(_)) = (self.world.wallets.get(from), self.world.wallets.get(to)) else {
            return "refused";
        };
        if self.by_hand.contains(&id) {
            return "already";
        }
        if giver.available() < credits {
            return "refused";
        }
        self.by_hand.insert(id);
        self.post(from, "transfer-out", -credits, detail);
        self.post(to, "transfer-in", credits, detail);
        "done"
    }

    /// P1, P3, C5: a purchase is priced and its intent committed, once for each id. `card` is the saved card's signature.
    pub(crate) fn buy(&mut self, id: Uuid, purchase: &Purchase, card: Option<&str>) -> String {
        let account = account_of(&purchase.wallet);
        let reference = format!("purchase-{account}-{id}");
        if !self.world.wallets.contains_key(&purchase.wallet) {
            return "refused".to_owned();
        }
        if let Some(before) = self.world.payments.get(&reference) {
            return format!("begun before, {}", before.state);
        }
        let amount = price(service_of(&purchase.wallet), purchase.quantity);
        if purchase.shown.is_some_and(|shown| shown != amount) {
            return "refused".to_owned();
        }
        let mut payment = Payment::new(&id.to_string(), amount, self.now);
        let outcome = match purchase.method {
            PurchaseMethod::Hosted => format!("page {amount}"),
            PurchaseMethod::OneClick => {
                let key = format!("{account}/{}", card.unwrap_or_default());
                match self.world.cards.get(&key).filter(|code| !code.is_empty()) {
                    None => return "refused".to_owned(),
                    Some(code) => {
                        payment.card = card.map(str::to_owned);
                        format!("charge {amount} to {code}")
                    }
                }
            }
        };
        self.world.payments.insert(reference, payment);
        self.purchases.insert(id.to_string(), purchase.clone());
        outcome
    }

    /// P2: the gateway has a page to pay on. A result that was faster stays.
    pub(crate) fn has_page(&mut self, reference: &str) {
        let now = self.now;
        self.with_payment(reference, |row| {
            row.answered_at = Some(now);
            if row.state == PaymentState::Charging {
                row.state = PaymentState::Pending;
                row.ask_at = Some(now + us(FIRST_QUESTION_S));
            }
        });
    }
}
