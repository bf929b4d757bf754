//! E1–E8: settings of auto top-up.

use super::Model;
use crate::world::{Auto, Wallet, account_of};
use topup_rules::account::Method;
use topup_rules::topup::PaymentState;

/// Figures that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) wallet: String,
    /// Who asks.
    pub(crate) who: i64,
    pub(crate) threshold: i64,
    pub(crate) quantity: i64,
}

impl Model {
    fn is_main_of(&self, main: i64, wallet: &str) -> bool {
        self.accounts
            .get(&account_of(wallet))
            .is_some_and(|account| account.main == Some(main))
    }

    /// E1–E4, E8. `card` is what was registered with the agreement, its signature and token. The rule that is broken.
    pub(crate) fn enable_card(&mut self, wanted: &Wanted, card: Option<(&str, &str)>) -> &'static str {
        let Some(wallet) = self.world.wallets.get(&wanted.wallet) else {
            return "no wallet";
        };
        if other_method(wallet, Method::Card) {
            return "E1";
        }
        if wanted.who != account_of(&wanted.wallet) {
            return "E2";
        }
        let Some((signature, code)) = card else {
            return "E3";
        };
        if !figures_are_fine(wallet, wanted) {
            return "E4";
        }
        let account = account_of(&wanted.wallet);
        self.world
            .cards
            .insert(format!("{account}/{signature}"), code.to_owned());
        self.enable(wanted, Method::Card, Some(signature));
        self.forget_unused(account);
        "done"
    }

    /// E1, E2, E4.
    pub(crate) fn enable_transfer(&mut self, wanted: &Wanted) -> &'static str {
        let Some(wallet) = self.world.wallets.get(&wanted.wallet) else {
            return "no wallet";
        };
        let is_main = self
            .accounts
            .get(&account_of(&wanted.wallet))
            .is_some_and(|account| account.main.is_none());
        if is_main || other_method(wallet, Method::Transfer) {
            return "E1";
        }
        if !self.is_main_of(wanted.who, &wanted.wallet) {
            return "E2";
        }
        if !figures_are_fine(wallet, wanted) {
            return "E4";
        }
        self.enable(wanted, Method::Transfer, None);
        "done"
    }

    /// Failures in a row count anew from the moment of enabling.
    fn enable(&mut self, wanted: &Wanted, method: Method, card: Option<&str>) {
        let auto = Auto {
            method,
            threshold: wanted.threshold,
            quantity: wanted.quantity,
            enabled: true,
            reason: None,
            card: card.map(str::to_owned),
        };
        self.with_wallet(&wanted.wallet, |row| {
            if row.enabled().is_none() {
                row.failures = 0;
            }
            row.auto = Some(auto);
        });
    }

    /// E4, E5.
    pub(crate) fn change(&mut self, wanted: &Wanted) -> &'static str {
        let Some(wallet) = self.world.wallets.get(&wanted.wallet) else {
            return "no wallet";
        };
        let may = match wallet.auto.as_ref().map(|auto| auto.method) {
            None => false,
            Some(Method::Card) => wanted.who == account_of(&wanted.wallet),
            Some(Method::Transfer) => self.is_main_of(wanted.who, &wanted.wallet),
        };
        if !may {
            return "E5";
        }
        if !figures_are_fine(wallet, wanted) {
            return "E4";
        }
        self.with_wallet(&wanted.wallet, |row| {
            if let Some(auto) = &mut row.auto {
                auto.threshold = wanted.threshold;
                auto.quantity = wanted.quantity;
            }
        });
        "done"
    }

    /// E6. The card is let go of with it, also where a failure had disabled it before.
    pub(crate) fn disable(&mut self, wallet: &str, who: i64, reason: &str) -> &'static str {
        let Some(row) = self.world.wallets.get(wallet) else {
            return "no wallet";
        };
        let may = match row.auto.as_ref().map(|auto| auto.method) {
            None => false,
            Some(Method::Card) => who == account_of(wallet) || self.is_main_of(who, wallet),
            Some(Method::Transfer) => self.is_main_of(who, wallet),
        };
        if !may {
            return "E6";
        }
        self.with_wallet(wallet, |row| {
            if let Some(auto) = &mut row.auto {
                if auto.enabled {
                    auto.enabled = false;
                    auto.reason = Some(reason.to_owned());
                }
                auto.card = None;
            }
        });
        self.forget_unused(account_of(wallet));
        "done"
    }

    /// L1.
    pub(crate) fn set_low(&mut self, wallet: &str, threshold: i64) {
        self.with_wallet(wallet, |row| row.low = threshold);
    }

    /// E8: a card whose token is kept although no wallet uses it.
    pub(super) fn is_left_over(&self, account: i64, signature: &str) -> bool {
        let key = format!("{account}/{signature}");
        let has_token = self.world.cards.get(&key).is_some_and(|code| !code.is_empty());
        has_token && !self.is_used_by_wallet(account, signature)
    }

    fn is_used_by_wallet(&self, account: i64, signature: &str) -> bool {
        self.world.wallets.iter().any(|(key, row)| {
            account_of(key) == account
                && row
                    .auto
                    .as_ref()
                    .is_some_and(|a| a.card.as_deref() == Some(signature))
        })
    }

    /// E8: a card that no wallet uses, and no unsettled payment may still need.
    pub(super) fn forget_unused(&mut self, account: i64) {
        let world = &self.world;
        let is_used = |signature: &str| {
            let by_wallet = self.is_used_by_wallet(account, signature);
            let by_payment = world.payments.values().any(|row| {
                row.card.as_deref() == Some(signature)
                    && matches!(
                        row.state,
                        PaymentState::Charging
                            | PaymentState::Pending
                            | PaymentState::Unknown
                            | PaymentState::Parked
                    )
            });
            by_wallet || by_payment
        };
        let unused: Vec<String> = world
            .cards
            .keys()
            .filter(|key| account_of(key) == account)
            .filter(|key| !key.split('/').nth(1).is_some_and(is_used))
            .cloned()
            .collect();
        for key in unused {
            self.world.cards.insert(key, String::new());
        }
    }
}

/// E1: never both at once.
fn other_method(wallet: &Wallet, method: Method) -> bool {
    wallet.enabled().is_some_and(|auto| auto.method != method)
}

/// E4.
const fn figures_are_fine(wallet: &Wallet, wanted: &Wanted) -> bool {
    wanted.threshold >= 0
        && wanted.quantity > 0
        && wanted.quantity >= wanted.threshold
        && wallet.balance > wanted.threshold
}
