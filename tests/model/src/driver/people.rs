//! What people do: settings, acts by hand, leave to send, purchases.

use super::hands::InHand;
use super::messages::{account_id, batch_id, wallet_key};
use super::start::{MAIN, SUB, WALLETS};
use super::{Done, Driver, same};
use crate::model::{Purchase, Wanted};
use crate::policy;
use crate::steps::{Change, Setting};
use crate::world::{account_of, service_of};
use anyhow::Result;
use jiff::SignedDuration;
use topup_rules::credits::Credits;
use topup_rules::message::PaymentMode;
use topup_rules::money::Money;
use topup_rules::prices::Wanted as Price;
use topup_rules::settle::PurchaseMethod;
use topup_store::{
    Adjusted, Begun, ByHand, CardConsent, HoldClose, HoldGrant, Moved, NewPurchase, SavedCard, SettingsChange,
};
use uuid::Uuid;

/// The last act by hand, to be asked for again.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Adjust {
        wallet: String,
        milli: i64,
        by_hand: ByHand,
    },
    Move {
        from: String,
        to: String,
        milli: i64,
        by_hand: ByHand,
    },
}

/// The last purchase, to be asked for again.
#[derive(Debug, Clone)]
pub(super) struct Bought {
    id: Uuid,
    purchase: Purchase,
    card: Option<String>,
}

impl Driver<'_> {
    /// E1–E8, L1.
    pub(super) async fn settings(&mut self, change: &Change) -> Result<Done> {
        let name = WALLETS[change.wallet];
        // Mostly who may; sometimes the other one, or a stranger.
        let is_of_sub = account_of(name) == SUB;
        let who = match (change.who, change.what) {
            (0, _) => 3,
            (1, _) => SUB,
            (2, _) => MAIN,
            (_, Setting::Transfer) => MAIN,
            _ => account_of(name),
        };
        let wanted = Wanted {
            wallet: name.to_owned(),
            who,
            threshold: change.threshold,
            quantity: change.quantity,
        };
        let (key, by) = (wallet_key(name)?, account_id(who)?);
        let (threshold, quantity) = (
            Credits::from_milli(change.threshold),
            Credits::from_milli(change.quantity),
        );
        let store = &self.db.store;
        let (rules, store) = match change.what {
            Setting::Card(agreed) => {
                let card = agreed.map(|other| card(name, other, self.events.len()));
                let consent = card.clone().map(|card| CardConsent {
                    terms_version: "1".to_owned(),
                    address: "127.0.0.1".to_owned(),
                    card,
                });
                let registered = card.as_ref().map(|card| {
                    (
                        card.signature.as_deref().unwrap_or_default(),
                        card.authorization_code.as_str(),
                    )
                });
                let rules = self.model.enable_card(&wanted, registered);
                (
                    rules,
                    store
                        .enable_card(key, by, threshold, quantity, consent.as_ref())
                        .await?,
                )
            }
            Setting::Transfer => (
                self.model.enable_transfer(&wanted),
                store.enable_transfer(key, by, threshold, quantity).await?,
            ),
            Setting::Figures => (
                self.model.change(&wanted),
                store.change_auto_topup(key, by, threshold, quantity).await?,
            ),
            Setting::Disable => {
                let reason = format!("asked for by {who}");
                (
                    self.model.disable(name, who, &reason),
                    store.disable_auto_topup(key, by, &reason).await?,
                )
            }
            Setting::Low => {
                let threshold = change.threshold.max(0);
                self.model.set_low(name, threshold);
                (
                    "done",
                    store
                        .set_low_credit_threshold(key, Credits::from_milli(threshold))
                        .await?,
                )
            }
        };
        let told = same(rules, changed(&store))?;
        let kind = if is_of_sub { "sub" } else { "main" };
        Ok(Done::told(format!("{name} of the {kind}, by {who}: {told}")))
    }

    /// X5: an operator's adjustment.
    pub(super) async fn adjust(&mut self, wallet: usize, milli: i64) -> Result<Done> {
        let by_hand = self.by_hand()?;
        let wallet = WALLETS[wallet].to_owned();
        self.do_act(Act::Adjust {
            wallet,
            milli,
            by_hand,
        })
        .await
    }

    /// X5: from main to sub, or back.
    pub(super) async fn move_credits(&mut self, down: bool, milli: i64) -> Result<Done> {
        let by_hand = self.by_hand()?;
        let (main, sub) = (WALLETS[0].to_owned(), WALLETS[2].to_owned());
        let (from, to) = if down { (main, sub) } else { (sub, main) };
        self.do_act(Act::Move {
            from,
            to,
            milli,
            by_hand,
        })
        .await
    }

    /// A COMMIT whose answer was lost is asked for again.
    pub(super) async fn by_hand_again(&mut self) -> Result<Option<Done>> {
        match self.act.clone() {
            None => Ok(None),
            Some(act) => self.do_act(act).await.map(Some),
        }
    }

    fn by_hand(&mut self) -> Result<ByHand> {
        Ok(ByHand {
            id: self.id(),
            at: self.now()?,
            reason: "by hand".to_owned(),
            by: "somebody".to_owned(),
        })
    }

    async fn do_act(&mut self, act: Act) -> Result<Done> {
        let store = &self.db.store;
        self.act = Some(act.clone());
        let (rules, store, messages) = match &act {
            Act::Adjust {
                wallet,
                milli,
                by_hand,
            } => {
                let rules = self.model.adjust(by_hand.id, wallet, *milli);
                match store
                    .adjust(wallet_key(wallet)?, Credits::from_milli(*milli), by_hand)
                    .await?
                {
                    Adjusted::Done { outbox, .. } => (rules, "done", outbox),
                    Adjusted::AlreadyDone { .. } => (rules, "already", Vec::new()),
                    Adjusted::Refused(_) => (rules, "refused", Vec::new()),
                }
            }
            Act::Move {
                from,
                to,
                milli,
                by_hand,
            } => {
                let detail = format!("move:{}: {} (by {})", by_hand.id, by_hand.reason, by_hand.by);
                let rules = self.model.move_credits(by_hand.id, from, to, *milli, &detail);
                let (from, to) = (wallet_key(from)?, wallet_key(to)?);
                match store
                    .move_credits_by_hand(from, to, Credits::from_milli(*milli), by_hand)
                    .await?
                {
                    Moved::Done { outbox, .. } => (rules, "done", outbox),
                    Moved::AlreadyDone => (rules, "already", Vec::new()),
                    Moved::Refused(_) => (rules, "refused", Vec::new()),
                }
            }
        };
        let told = same(rules, store)?;
        Ok(Done::told(told).with(messages))
    }

    /// S5: leave for a batch.
    pub(super) async fn leave(
        &mut self,
        wallet: usize,
        batch: usize,
        milli: i64,
        minutes: i64,
    ) -> Result<Done> {
        let (key, batch) = (wallet_key(WALLETS[wallet])?, batch_id(batch));
        let rules = self.model.ask_leave(key, batch, milli, minutes * 60);
        let ttl = SignedDuration::from_mins(minutes);
        let store = match self
            .db
            .store
            .grant_hold(key, batch, Credits::from_milli(milli), ttl)
            .await?
        {
            HoldGrant::Granted { .. } => "granted",
            HoldGrant::AlreadyGranted { .. } => "granted before",
            HoldGrant::AlreadyEnded => "ended before",
            HoldGrant::Conflicting => "conflicting",
            HoldGrant::Refused { .. } | HoldGrant::NotPositive => "refused",
            HoldGrant::NoWallet => "no wallet",
        };
        Ok(Done::told(same(rules, store)?))
    }

    /// S5: a sender is through.
    pub(super) async fn close(&mut self, wallet: usize, batch: usize) -> Result<Done> {
        let (key, batch) = (wallet_key(WALLETS[wallet])?, batch_id(batch));
        let rules = self.model.close_hold(key, batch);
        let store = match self.db.store.close_hold(key.account, batch).await? {
            HoldClose::Closed { .. } => "closed",
            HoldClose::AlreadyEnded => "ended before",
            HoldClose::Unknown => "unknown",
        };
        Ok(Done::told(same(rules, store)?))
    }

    /// P1–P4: a purchase begins.
    pub(super) async fn buy(
        &mut self,
        wallet: usize,
        milli: i64,
        hosted: bool,
        shown: Option<i64>,
    ) -> Result<Done> {
        let name = WALLETS[wallet];
        let own = self
            .model
            .world
            .wallets
            .get(name)
            .and_then(|row| row.auto.as_ref());
        let card = own.and_then(|auto| auto.card.clone()).filter(|_| !hosted);
        let bought = Bought {
            id: self.id(),
            purchase: Purchase {
                wallet: name.to_owned(),
                quantity: milli,
                shown: shown.map(|off| policy::price(service_of(name), milli) + off),
                method: if hosted {
                    PurchaseMethod::Hosted
                } else {
                    PurchaseMethod::OneClick
                },
            },
            card,
        };
        self.begin_purchase(bought).await
    }

    /// A page that is sent twice.
    pub(super) async fn buy_again(&mut self) -> Result<Option<Done>> {
        match self.bought.clone() {
            None => Ok(None),
            Some(bought) => self.begin_purchase(bought).await.map(Some),
        }
    }

    async fn begin_purchase(&mut self, bought: Bought) -> Result<Done> {
        let Bought { id, purchase, card } = &bought;
        let rules = self.model.buy(*id, purchase, card.as_deref());
        let account = account_of(&purchase.wallet);
        // Whoever buys by one click has agreed to it, for this card and this once.
        if let Some(signature) = card {
            self.db.agree_to_one_click(account, signature).await?;
        }
        let begun = self
            .db
            .store
            .begin_purchase(&NewPurchase {
                id: *id,
                account: account_id(account)?,
                service: service_of(&purchase.wallet).parse()?,
                wanted: Price::Credits(Credits::from_milli(purchase.quantity)),
                shown: shown_to(purchase)?,
                method: purchase.method,
                agreement: None,
                email: None,
                billing: None,
                gateway: policy::GATEWAY,
                mode: PaymentMode::Test,
                traceparent: None,
            })
            .await?;
        self.db.forget_one_click().await?;
        let store = match begun {
            Begun::Charge(intent) => {
                let words = format!(
                    "charge {} to {}",
                    intent.amount.amount_minor, intent.authorization_code
                );
                self.hands.push(InHand::ToCharge { item: None, intent });
                words
            }
            Begun::Page(intent) => {
                let words = format!("page {}", intent.amount.amount_minor);
                self.hands.push(InHand::ToPage {
                    intent: Box::new(intent),
                });
                words
            }
            Begun::AlreadyBegun { state, .. } => format!("begun before, {state}"),
            Begun::Refused(_) => "refused".to_owned(),
        };
        let told = format!("purchase {id}: {}", same(rules, store)?);
        self.bought = Some(bought);
        Ok(Done::told(told))
    }
}

/// A card that is registered: the wallet's first one under a new token, or another one.
fn card(wallet: &str, other: bool, number: usize) -> SavedCard {
    let name = wallet.replace('/', " ");
    let signature = if other {
        format!("SIG {name} other")
    } else {
        format!("SIG {name}")
    };
    SavedCard {
        authorization_code: format!("AUTH_ok_{number}"),
        email: "ops@example.com".to_owned(),
        brand: None,
        last4: Some("4081".to_owned()),
        exp_month: Some(12),
        exp_year: Some(2030),
        signature: Some(signature),
        gateway: policy::GATEWAY.to_owned(),
    }
}

/// What became of a wish: done, or the number of the rule that is broken.
fn changed(change: &SettingsChange) -> String {
    match change {
        SettingsChange::Done(_) => "done".to_owned(),
        SettingsChange::Refused(refusal) => refusal.to_string().chars().take(2).collect(),
        SettingsChange::NoWallet => "no wallet".to_owned(),
    }
}

/// What whoever buys has seen.
fn shown_to(purchase: &Purchase) -> Result<Option<Money>> {
    let currency = policy::CURRENCY.parse()?;
    Ok(purchase.shown.map(|minor| Money::new(minor, currency)))
}
