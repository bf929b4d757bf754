//! Every exchange, queue and binding of the fleet, as data, and declaring it.
//!
//! All queues are durable quorum queues, all exchanges durable and of type topic. Declaring is idempotent; what
//! stands with other arguments is refused by the broker (406) and told in plain words. A changed argument needs a
//! new name, which is why the delay topology bears its version.

use super::connect::{BrokerError, within};
use super::delay::{self, LEVELS, level_name};
use super::refusal::plainly;
use lapin::options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};
use std::fmt;
use std::time::Duration;

/// The exchange for the world outside; routing key = queue name.
pub const EXCHANGE: &str = "topup";
/// Exchange and queue of what a sender published under a routing key that nothing is bound to.
pub const UNROUTABLE: &str = "topup.unroutable";
/// The exchange of parked messages; routing key = the queue that they came from.
pub const DEAD_EXCHANGE: &str = "topup.dead";
/// The exchange of events for platforms; routing key = the event's type. Whoever listens binds a queue of its own.
pub const EVENTS_EXCHANGE: &str = topup_rules::message::event::EXCHANGE;
/// The queues that workers consume.
pub const WORK_QUEUES: [&str; 4] = ["sms-sent", "topup-requested", "payment-results", "notifications"];

/// How often a message may come back to a work queue before the broker parks it. A message comes back whenever its
/// consumer's connection is lost, together with all others that were sent ahead, and on some brokers when it is
/// released at shutdown: so the number is far above any series of outages, and yet ends what no worker can even read.
const REDELIVERIES_MAX: i64 = 1_000;
/// The same for queues that people look into: each look counts. Not -1, which makes RabbitMQ 3.10 drop a message at
/// its first return; not left out, which means 20 from RabbitMQ 4.0 on.
const LOOKS_MAX: i64 = 1_000_000_000;

/// Where the parked messages of a queue are kept.
#[must_use]
pub fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// An exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// Where a message goes that no binding of this one takes.
    pub alternate: Option<&'static str>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Written out, each with its reason.
    pub arguments: Vec<Argument>,
}

/// An option of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The broker's name for it.
    pub name: &'static str,
    /// What it has to be.
    pub value: Value,
    /// Why.
    pub reason: &'static str,
}

/// An option's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number, in the option's own unit.
    Number(i64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// What an exchange hands messages to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// A queue.
    Queue(String),
    /// Another exchange.
    Exchange(String),
}

/// A binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// From.
    pub exchange: String,
    /// Words of the routing key, with `*` and `#`.
    pub key: String,
    /// To.
    pub destination: Destination,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// In an order in which they can be declared.
    pub exchanges: Vec<Exchange>,
    /// In any order.
    pub queues: Vec<Queue>,
    /// After both.
    pub bindings: Vec<Binding>,
}

fn text(name: &'static str, value: &str, reason: &'static str) -> Argument {
    Argument {
        name,
        value: Value::Text(value.to_owned()),
        reason,
    }
}

fn number(name: &'static str, value: i64, reason: &'static str) -> Argument {
    Argument {
        name,
        value: Value::Number(value),
        reason,
    }
}

/// What every queue has.
fn common(returns_max: i64) -> Vec<Argument> {
    vec![
        text(
            "x-queue-type",
            "quorum",
            "replicated: a lost node loses no message",
        ),
        text(
            "x-overflow",
            "reject-publish",
            "a full queue refuses, and the publisher keeps the message; it never drops one",
        ),
        number(
            "x-delivery-limit",
            returns_max,
            "explicit, since brokers differ in its default; high, since every lost connection counts",
        ),
    ]
}

fn work_queue(name: &str) -> Queue {
    let mut arguments = common(REDELIVERIES_MAX);
    arguments.extend([
        text(
            "x-dead-letter-exchange",
            DEAD_EXCHANGE,
            "what the broker itself gives up is parked, too",
        ),
        text(
            "x-dead-letter-routing-key",
            name,
            "whichever way a message came here, its dead letter is filed under this queue",
        ),
        text(
            "x-dead-letter-strategy",
            "at-least-once",
            "a dead letter stays until its new queue has it",
        ),
    ]);
    Queue {
        name: name.to_owned(),
        arguments,
    }
}

fn level_queue(level: u32) -> Queue {
    let next = match level.checked_sub(1) {
        Some(lower) => level_name(lower),
        None => delay::DELIVER.to_owned(),
    };
    let mut arguments = common(LOOKS_MAX);
    arguments.extend([
        number(
            "x-message-ttl",
            1000 << level,
            "milliseconds: the wait that this level adds",
        ),
        // No x-dead-letter-routing-key: the key must survive, it holds the rest of the way.
        text(
            "x-dead-letter-exchange",
            &next,
            "the next lower level, or delivery",
        ),
        text(
            "x-dead-letter-strategy",
            "at-least-once",
            "a message that has waited stays until the next queue has it",
        ),
    ]);
    Queue {
        name: level_name(level),
        arguments,
    }
}

/// A queue that only people take from.
fn kept_queue(name: &str) -> Queue {
    Queue {
        name: name.to_owned(),
        arguments: common(LOOKS_MAX),
    }
}

fn to_queue(exchange: &str, key: &str, queue: &str) -> Binding {
    Binding {
        exchange: exchange.to_owned(),
        key: key.to_owned(),
        destination: Destination::Queue(queue.to_owned()),
    }
}

impl Topology {
    /// The fleet's.
    #[must_use]
    pub fn fleet() -> Self {
        let mut topology = Self {
            exchanges: Vec::new(),
            queues: Vec::new(),
            bindings: Vec::new(),
        };
        topology.add_outside();
        topology.add_work();
        topology.add_delay();
        topology
    }

    fn exchange(&mut self, name: &str, alternate: Option<&'static str>) {
        self.exchanges.push(Exchange {
            name: name.to_owned(),
            alternate,
        });
    }

    fn add_outside(&mut self) {
        self.exchange(UNROUTABLE, None);
        self.exchange(EXCHANGE, Some(UNROUTABLE));
        self.queues.push(kept_queue(UNROUTABLE));
        self.bindings.push(to_queue(UNROUTABLE, "#", UNROUTABLE));
        // No alternate: an event that nobody listens for is of no use to anybody later.
        self.exchange(EVENTS_EXCHANGE, None);
    }

    fn add_work(&mut self) {
        self.exchange(DEAD_EXCHANGE, None);
        for queue in WORK_QUEUES {
            let dead = dead_queue(queue);
            self.queues.push(work_queue(queue));
            self.queues.push(kept_queue(&dead));
            self.bindings.push(to_queue(EXCHANGE, queue, queue));
            self.bindings.push(to_queue(DEAD_EXCHANGE, queue, &dead));
        }
    }

    fn add_delay(&mut self) {
        self.exchange(delay::UNROUTABLE, None);
        self.exchange(delay::DELIVER, Some(delay::UNROUTABLE));
        self.queues.push(kept_queue(delay::UNROUTABLE));
        self.bindings
            .push(to_queue(delay::UNROUTABLE, "#", delay::UNROUTABLE));
        for queue in WORK_QUEUES {
            self.bindings
                .push(to_queue(delay::DELIVER, &format!("#.{queue}"), queue));
        }
        for level in 0..LEVELS {
            let name = level_name(level);
            let next = match level.checked_sub(1) {
                Some(lower) => level_name(lower),
                None => delay::DELIVER.to_owned(),
            };
            // Bit n is word LEVELS - 1 - n, counted from 0.
            let before = "*.".repeat((LEVELS - 1 - level) as usize);
            self.exchange(&name, None);
            self.queues.push(level_queue(level));
            self.bindings
                .push(to_queue(&name, &format!("{before}1.#"), &name));
            self.bindings.push(Binding {
                exchange: name,
                key: format!("{before}0.#"),
                destination: Destination::Exchange(next),
            });
        }
    }

    /// Of it, what one work queue needs: the queue, its dead letters, and every way to them.
    #[must_use]
    pub(crate) fn around(mut self, queue: &str) -> Self {
        let kept = [queue.to_owned(), dead_queue(queue)];
        self.queues.retain(|found| kept.contains(&found.name));
        self.bindings.retain(|binding| match &binding.destination {
            Destination::Queue(name) => kept.contains(name),
            Destination::Exchange(_) => true,
        });
        self
    }

    /// Declares all of it. Idempotent.
    ///
    /// # Errors
    /// [`BrokerError::Topology`] where something stands with other arguments; the channel is closed then.
    pub(crate) async fn declare(&self, channel: &Channel, timeout: Duration) -> Result<(), BrokerError> {
        for exchange in &self.exchanges {
            let doing = format!("declare exchange {}", exchange.name);
            plainly(within(timeout, &doing, declare_exchange(channel, exchange)).await)?;
        }
        for queue in &self.queues {
            let doing = format!("declare queue {}", queue.name);
            plainly(within(timeout, &doing, declare_queue(channel, queue)).await)?;
        }
        for binding in &self.bindings {
            let doing = format!("bind {} to {}", binding.key, binding.exchange);
            plainly(within(timeout, &doing, bind(channel, binding)).await)?;
        }
        Ok(())
    }
}

pub(super) async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> Result<(), lapin::Error> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    if let Some(alternate) = exchange.alternate {
        arguments.insert(
            "alternate-exchange".into(),
            AMQPValue::LongString(alternate.into()),
        );
    }
    channel
        .exchange_declare(
            exchange.name.as_str().into(),
            ExchangeKind::Topic,
            options,
            arguments,
        )
        .await
}

pub(super) async fn declare_queue(channel: &Channel, queue: &Queue) -> Result<(), lapin::Error> {
    let mut arguments = FieldTable::default();
    for argument in &queue.arguments {
        let value = match &argument.value {
            Value::Text(text) => AMQPValue::LongString(LongString::from(text.as_str())),
            Value::Number(number) => AMQPValue::LongLongInt(*number),
        };
        arguments.insert(argument.name.into(), value);
    }
    channel
        .queue_declare(
            queue.name.as_str().into(),
            QueueDeclareOptions::durable(),
            arguments,
        )
        .await?;
    Ok(())
}

async fn bind(channel: &Channel, binding: &Binding) -> Result<(), lapin::Error> {
    let exchange = ShortString::from(binding.exchange.as_str());
    let key = ShortString::from(binding.key.as_str());
    let none = FieldTable::default();
    match &binding.destination {
        Destination::Queue(queue) => {
            channel
                .queue_bind(
                    queue.as_str().into(),
                    exchange,
                    key,
                    QueueBindOptions::default(),
                    none,
                )
                .await
        }
        Destination::Exchange(to) => {
            channel
                .exchange_bind(
                    to.as_str().into(),
                    exchange,
                    key,
                    ExchangeBindOptions::default(),
                    none,
                )
                .await
        }
    }
}

#[cfg(test)]
mod tests;
