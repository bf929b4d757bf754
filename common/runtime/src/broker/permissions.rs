//! What the broker's user may not do and has to: found out by doing it, which leaves nothing behind.
//!
//! A queue or exchange that stands is declared as it stands; a message that nothing is bound for is published, and
//! comes back; the head of a queue is looked at, and put back. What does not stand is left out: [`super::check`] names
//! it. What has to be allowed stands in [`super::grants`]: of one user, or of one that is for the whole fleet.

use super::admin::Admin;
use super::connect::{BrokerError, within};
use super::delay::{LEVELS, level_name};
use super::grants::{DEFAULT_EXCHANGE, NOWHERE, User};
use super::topology::{DEAD_EXCHANGE, Topology, declare_exchange, declare_queue};
use lapin::options::{
    BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// AMQP's reply code for what is not allowed.
const ACCESS_REFUSED: u16 = 403;

/// What is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Declaring.
    Configure,
    /// Publishing to an exchange.
    Write,
    /// Taking from a queue.
    Read,
}

impl Permission {
    /// RabbitMQ's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

/// Tries everything that `user` has to be allowed, or with `None` a user of the whole fleet; `declares`: whether
/// declaring is among it. Returns the names that are not open to it, by what is not; the default exchange is
/// `amq.default`.
///
/// # Errors
/// The connection broke, or the broker did not answer in time.
pub async fn missing(
    admin: &Admin,
    declares: bool,
    user: Option<User>,
) -> Result<BTreeMap<Permission, Vec<String>>, BrokerError> {
    let mut trials = Trials {
        admin,
        channel: None,
        missing: BTreeMap::new(),
    };
    let Topology {
        exchanges, queues, ..
    } = Topology::fleet();
    let read = user.map(User::reads);
    for queue in &queues {
        let name = queue.name.as_str();
        let reads = read.as_ref().is_none_or(|read| read.contains(&queue.name));
        if !(declares || reads) || !trials.queue_stands(name).await? {
            continue;
        }
        if declares {
            trials
                .attempt(Permission::Configure, name, async |channel| {
                    declare_queue(channel, queue).await
                })
                .await?;
        }
        if reads {
            trials
                .attempt(Permission::Read, name, async |channel| look(channel, name).await)
                .await?;
        }
    }
    for exchange in &exchanges {
        let name = exchange.name.as_str();
        if declares && trials.exchange_stands(name).await? {
            trials
                .attempt(Permission::Configure, name, async |channel| {
                    declare_exchange(channel, exchange).await
                })
                .await?;
        }
    }
    let written = user.map(User::writes);
    for name in tried_by_publishing() {
        if written.as_ref().is_some_and(|written| !written.contains(&name)) {
            continue;
        }
        let exchange = if name == DEFAULT_EXCHANGE {
            ""
        } else {
            name.as_str()
        };
        if exchange.is_empty() || trials.exchange_stands(exchange).await? {
            trials
                .attempt(Permission::Write, &name, async |channel| {
                    publish(channel, exchange).await
                })
                .await?;
        }
    }
    Ok(trials.missing)
}

/// The exchanges that give back what nothing is bound for; the others keep it.
fn tried_by_publishing() -> impl Iterator<Item = String> {
    let named = [DEFAULT_EXCHANGE, DEAD_EXCHANGE].map(str::to_owned);
    named.into_iter().chain((0..LEVELS).map(level_name))
}

struct Trials<'a> {
    admin: &'a Admin,
    /// What is refused closes it: then the next trial has another.
    channel: Option<Channel>,
    missing: BTreeMap<Permission, Vec<String>>,
}

impl Trials<'_> {
    /// Does it, and notes where it is not allowed. What else the broker may have against it is another's business.
    async fn attempt(
        &mut self,
        permission: Permission,
        name: &str,
        work: impl AsyncFnOnce(&Channel) -> Result<(), lapin::Error>,
    ) -> Result<(), BrokerError> {
        if self.refusal(permission.as_str(), name, work).await? == Some(ACCESS_REFUSED) {
            self.missing.entry(permission).or_default().push(name.to_owned());
        }
        Ok(())
    }

    async fn queue_stands(&mut self, name: &str) -> Result<bool, BrokerError> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let asked = self.refusal("look for", name, async |channel| {
            let queue = channel.queue_declare(name.into(), options, FieldTable::default());
            queue.await.map(drop)
        });
        Ok(asked.await?.is_none())
    }

    async fn exchange_stands(&mut self, name: &str) -> Result<bool, BrokerError> {
        let options = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        let asked = self.refusal("look for", name, async |channel| {
            let none = FieldTable::default();
            channel
                .exchange_declare(name.into(), ExchangeKind::Topic, options, none)
                .await
        });
        Ok(asked.await?.is_none())
    }

    /// The reply code where the broker refuses.
    async fn refusal(
        &mut self,
        doing: &str,
        name: &str,
        work: impl AsyncFnOnce(&Channel) -> Result<(), lapin::Error>,
    ) -> Result<Option<u16>, BrokerError> {
        let channel = match self.channel.take() {
            Some(channel) => channel,
            None => self.admin.channel().await?,
        };
        let doing = format!("try to {doing} {name}");
        match within(self.patience(), &doing, work(&channel)).await {
            Ok(()) => {
                self.channel = Some(channel);
                Ok(None)
            }
            Err(error) => match code(&error) {
                Some(code) => Ok(Some(code)),
                None => Err(error),
            },
        }
    }

    const fn patience(&self) -> Duration {
        self.admin.patience()
    }
}

/// The reply code of a refusal that closed the channel alone.
fn code(error: &BrokerError) -> Option<u16> {
    if let BrokerError::Failed { source, .. } = error
        && source.is_amqp_soft_error()
        && let lapin::ErrorKind::ProtocolError(protocol) = source.kind()
    {
        Some(protocol.get_id())
    } else {
        None
    }
}

/// Looks at the head of a queue.
async fn look(channel: &Channel, queue: &str) -> Result<(), lapin::Error> {
    let Some(message) = channel
        .basic_get(queue.into(), BasicGetOptions::default())
        .await?
    else {
        return Ok(());
    };
    let back = BasicNackOptions {
        multiple: false,
        requeue: true,
    };
    channel.basic_nack(message.delivery.delivery_tag, back).await
}

/// Publishes a message that comes back.
async fn publish(channel: &Channel, exchange: &str) -> Result<(), lapin::Error> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let properties = BasicProperties::default();
    let confirm = channel.basic_publish(exchange.into(), NOWHERE.into(), options, &[], properties);
    confirm.await?.await.map(drop)
}
