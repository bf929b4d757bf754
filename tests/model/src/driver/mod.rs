//! Plays a history: on the model and on the store, which must agree after each step.
//!
//! The driver is broker, workers, gateway and people in one, and calls the store as the workers do: a bag of messages,
//! delivered in any order, repeated, lost; work in hand that goes on step by step, or is dropped where a process dies.

mod hands;
mod messages;
mod outside;
mod people;
mod rest;
mod start;
mod time;

use crate::database::Database;
use crate::gateway::Books;
use crate::model::Model;
use crate::names::Names;
use crate::policy;
use crate::steps::{Fate, History, Step};
use crate::world::OutboxRow;
use anyhow::{Context as _, Result, bail, ensure};
use hands::InHand;
use people::{Act, Bought};
use std::collections::BTreeMap;
use std::fmt::Display;
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource, SmsSent};
use topup_store::{OutboxMessage, SettlementPolicy, TopupPolicy};
use uuid::Uuid;

/// A message that the broker has.
#[derive(Debug, Clone)]
struct Item {
    queue: String,
    /// Its id, in plain names.
    name: String,
    body: Vec<u8>,
    /// Not to be delivered before; the broker may be early, late or both all the same.
    not_before: Option<i64>,
}

/// What came of a step.
#[derive(Default)]
struct Done {
    /// In words.
    told: String,
    /// What the store wants published.
    messages: Vec<OutboxMessage>,
    /// The delivery that it was done for, with whether it comes again in any case.
    delivery: Option<(Item, bool)>,
    /// Nothing of the store's was touched, so there is nothing to compare.
    is_outside: bool,
}

impl Done {
    fn told(told: impl Display) -> Self {
        Self {
            told: told.to_string(),
            ..Self::default()
        }
    }

    /// Something that the store does not hear of, or has nothing to do for.
    fn outside(told: impl Display) -> Self {
        Self {
            is_outside: true,
            ..Self::told(told)
        }
    }

    fn with(mut self, messages: Vec<OutboxMessage>) -> Self {
        self.messages = messages;
        self
    }
}

/// Where a history went wrong.
pub(crate) struct Wrong {
    pub(crate) what: anyhow::Error,
    /// What happened until then.
    pub(crate) story: Vec<String>,
}

pub(crate) struct Driver<'a> {
    db: &'a Database,
    model: Model,
    names: Names,
    books: Books,
    bag: Vec<Item>,
    hands: Vec<InHand>,
    /// Rows of the outbox, by their number.
    rows: BTreeMap<i64, OutboxRow>,
    events: Vec<SmsSent>,
    act: Option<Act>,
    bought: Option<Bought>,
    made: u64,
    topups: TopupPolicy,
    settling: SettlementPolicy,
    story: Vec<String>,
}

impl<'a> Driver<'a> {
    /// Plays a history to its end, and on until everything is at rest. How many steps it did.
    ///
    /// # Errors
    /// Where store and model do not agree, or something does not come to rest.
    pub(crate) async fn play(db: &'a Database, history: &History) -> Result<u64, Wrong> {
        let mut driver = match Self::begin(db, history).await {
            Ok(driver) => driver,
            Err(what) => {
                return Err(Wrong {
                    what,
                    story: Vec::new(),
                });
            }
        };
        match driver.play_all(history).await {
            Ok(steps) => Ok(steps),
            Err(what) => Err(Wrong {
                what,
                story: driver.story,
            }),
        }
    }

    async fn play_all(&mut self, history: &History) -> Result<u64> {
        for step in &history.steps {
            self.step(step).await?;
        }
        let rest = self.come_to_rest().await?;
        Ok(u64::try_from(history.steps.len() + rest).unwrap_or(u64::MAX))
    }

    /// One step on both sides, and whether they still agree.
    async fn step(&mut self, step: &Step) -> Result<()> {
        self.story.push(format!("{step:?}"));
        let done = self.happens(step).await?;
        let Some(done) = done else {
            self.tell("nothing to do");
            return Ok(());
        };
        self.tell(&done.told);
        if !done.is_outside {
            self.agree().await?;
        }
        self.hand_over(done, fate_of(step)).await
    }

    fn tell(&mut self, told: &str) {
        if let Some(last) = self.story.last_mut() {
            last.push_str(" → ");
            last.push_str(told);
        }
    }

    async fn happens(&mut self, step: &Step) -> Result<Option<Done>> {
        match step {
            Step::Sends(sends, _) => self.sends(sends).await.map(Some),
            Step::Deliver {
                pick, twice, then, ..
            } => self.deliver(*pick, *twice, *then).await,
            Step::OnTime {
                pick, past_us, then, ..
            } => self.deliver_on_time(*pick, *past_us, *then).await,
            Step::Go { pick, then, .. } => self.go(*pick, *then).await,
            Step::Die { pick } => Ok(self.die(*pick)),
            Step::Lose { pick } => Ok(self.lose(*pick)),
            Step::Wipe => Ok(self.wipe()),
            Step::Wait(wait) => self.wait(*wait).await,
            Step::Sweep(sweep, _) => self.sweep(*sweep).await.map(Some),
            Step::Ask => self.ask().await.map(Some),
            Step::Webhook { pick, how } => self.webhook(*pick, *how),
            Step::Rumour { pick, status } => self.rumour(*pick, *status),
            Step::Resolve { pick, captures } => Ok(self.resolve(*pick, *captures)),
            Step::Refund { pick, percent } => self.refund(*pick, *percent),
            Step::Dispute { pick, percent, end } => self.dispute(*pick, *percent, *end),
            Step::Settings(change) => self.settings(change).await.map(Some),
            Step::Adjust { wallet, milli, .. } => self.adjust(*wallet, *milli).await.map(Some),
            Step::Move { down, milli, .. } => self.move_credits(*down, *milli).await.map(Some),
            Step::ByHandAgain => self.by_hand_again().await,
            Step::Leave {
                wallet,
                batch,
                milli,
                minutes,
            } => self.leave(*wallet, *batch, *milli, *minutes).await.map(Some),
            Step::Close { wallet, batch } => self.close(*wallet, *batch).await.map(Some),
            Step::Buy {
                wallet,
                milli,
                hosted,
                shown,
            } => self.buy(*wallet, *milli, *hosted, *shown).await.map(Some),
            Step::BuyAgain => self.buy_again().await,
        }
    }

    /// The rows are what the rules say.
    async fn agree(&mut self) -> Result<()> {
        let (found, names) = self.db.observe().await?;
        self.names = names;
        let differences = self.model.world.differences(&found)?;
        ensure!(differences.is_empty(), "store and rules differ:\n{differences}");
        Ok(())
    }

    /// The messages that a change wants published, and the delivery that it was made for, as fate has it.
    async fn hand_over(&mut self, done: Done, fate: Fate) -> Result<()> {
        let messages = self.db.without_events(done.messages).await?;
        let mut returned: Vec<(Item, i64, Option<i64>)> = messages
            .into_iter()
            .map(|message| {
                let not_before = message.not_before.map(|at| at.as_microsecond());
                let item = Item {
                    queue: message.queue,
                    name: self.names.plain(&message.message_id),
                    body: message.body,
                    not_before,
                };
                (item, message.id, not_before)
            })
            .collect();
        returned.sort_by(|(one, _, at), (other, _, then)| {
            (&one.queue, &one.name, at).cmp(&(&other.queue, &other.name, then))
        });
        self.learn_rows(&returned)?;
        if fate != Fate::Lost {
            self.bag.extend(returned.iter().map(|(item, ..)| item.clone()));
        }
        if fate == Fate::Published {
            let ids: Vec<i64> = returned.iter().map(|(_, id, _)| *id).collect();
            self.db.store.outbox_remove(&ids).await?;
            for id in ids {
                if let Some(row) = self.rows.remove(&id) {
                    self.model.published(&row);
                }
            }
        }
        // Who dies before it has published everything has not acknowledged anything either.
        if let Some((item, again)) = done.delivery
            && (again || fate != Fate::Published)
        {
            self.bag.push(item);
        }
        Ok(())
    }

    /// What is new in the outbox is what the rules want published, and has come back to be published.
    fn learn_rows(&mut self, returned: &[(Item, i64, Option<i64>)]) -> Result<()> {
        let fresh = self.model.take_fresh();
        let new: Vec<&(Item, i64, Option<i64>)> = returned
            .iter()
            .filter(|(_, id, _)| !self.rows.contains_key(id))
            .collect();
        let said = |rows: Vec<(&str, &str, Option<i64>)>| format!("{rows:?}");
        let wanted = said(
            fresh
                .iter()
                .map(|row| (row.queue.as_str(), row.message.as_str(), row.not_before))
                .collect(),
        );
        let got = said(
            new.iter()
                .map(|(item, _, at)| (item.queue.as_str(), item.name.as_str(), *at))
                .collect(),
        );
        ensure!(
            wanted == got,
            "to be published: the rules say {wanted}, the store says {got}"
        );
        let ids: Vec<i64> = new.iter().map(|(_, id, _)| *id).collect();
        self.rows.extend(ids.into_iter().zip(fresh));
        Ok(())
    }

    /// A payment's result, as whoever tells it puts it.
    fn result(&self, plain: &str, status: PaymentStatus, source: ResultSource) -> Result<PaymentResult> {
        let reference: Reference = self.names.reference(plain).parse().context("a reference")?;
        let amount = self.model.world.payments.get(plain).map(|payment| payment.amount);
        let amount = amount.or_else(|| self.books.0.get(plain).map(|line| line.amount));
        Ok(PaymentResult {
            reference,
            gateway: policy::GATEWAY.to_owned(),
            status,
            amount_minor: amount,
            currency: Some(policy::CURRENCY.parse()?),
            gateway_transaction_id: None,
            reason: Some("as the gateway says".to_owned()),
            decline: None,
            card: None,
            source,
            mode: PaymentMode::Test,
            reversal_id: None,
            occurred_at: self.now()?,
        })
    }

    /// A result that the edge, the daily comparison or a person puts into the queue.
    fn put_in_bag(&mut self, result: &PaymentResult) -> Result<()> {
        use topup_rules::message::Message as _;
        self.bag.push(Item {
            queue: "payment-results".to_owned(),
            name: self.names.plain(&result.id()),
            body: serde_json::to_vec(result)?,
            not_before: None,
        });
        Ok(())
    }

    fn now(&self) -> Result<jiff::Timestamp> {
        Ok(jiff::Timestamp::from_microsecond(self.model.now)?)
    }

    /// A number that nothing else of this history bears.
    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// An id without a time inside.
    fn id(&mut self) -> Uuid {
        let number = u128::from(self.number());
        Uuid::from_u128(number << 80 | 0x4 << 76 | 0b10 << 62 | number)
    }
}

const fn fate_of(step: &Step) -> Fate {
    match step {
        Step::Sends(_, fate)
        | Step::Deliver { fate, .. }
        | Step::OnTime { fate, .. }
        | Step::Go { fate, .. }
        | Step::Sweep(_, fate)
        | Step::Adjust { fate, .. }
        | Step::Move { fate, .. } => *fate,
        Step::Die { .. }
        | Step::Lose { .. }
        | Step::Wipe
        | Step::Wait(_)
        | Step::Ask
        | Step::Webhook { .. }
        | Step::Rumour { .. }
        | Step::Resolve { .. }
        | Step::Refund { .. }
        | Step::Dispute { .. }
        | Step::Settings(_)
        | Step::ByHandAgain
        | Step::Leave { .. }
        | Step::Close { .. }
        | Step::Buy { .. }
        | Step::BuyAgain => Fate::Published,
    }
}

/// What the rules say came of it, and what the store says.
fn same(rules: impl Display, store: impl Display) -> Result<String> {
    let (rules, store) = (rules.to_string(), store.to_string());
    if rules != store {
        bail!("what came of it: the rules say '{rules}', the store says '{store}'");
    }
    Ok(rules)
}

/// Which of so many things is meant: 0 is the newest.
fn at(pick: usize, of: usize) -> Option<usize> {
    pick.checked_rem(of).map(|back| of - 1 - back)
}
