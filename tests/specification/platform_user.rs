//! Users of the broker that an administrator makes by hand for others, as the pages for operators say: a platform that
//! hears of what changes, and an upstream sender. Each can do its part, and nothing else.

use anyhow::{Context as _, Result, ensure};
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, ExchangeKind};
use serde_json::json;
use topup_rules::message::event::Event;
use topup_stack::workspace;
use topup_tests::{App, AppOptions, Broker, event, eventually, main_account};
use uuid::Uuid;

/// What the pages call them.
const PLATFORM: &str = "shop-pages";
const SENDER: &str = "sender";
/// What a platform binds.
const QUEUE: &str = "shop-pages.events";

/// The words of the one command of the guide's that begins so; quotes around a word are taken off.
fn command_of_guide(begins: &str) -> Result<Vec<String>> {
    let guide = std::fs::read_to_string(workspace().join("infra/README.md"))?;
    let mut lines = guide.lines().filter_map(|line| line.strip_prefix(begins));
    let line = lines.next().with_context(|| begins.to_owned())?;
    ensure!(lines.next().is_none(), "`{begins}` stands there twice");
    let words = line.split_whitespace();
    Ok(words.map(|word| word.trim_matches('\'').to_owned()).collect())
}

/// A user that is made by the guide's commands, and goes with [`ByHand::remove`]: it belongs to the whole broker.
struct ByHand {
    name: String,
    url: String,
}

impl ByHand {
    async fn make(app: &App, named: &str) -> Result<Self> {
        let password = Uuid::now_v7().simple().to_string();
        let name = format!("{named}-{}", Uuid::now_v7().simple());
        let management = app.management()?;
        let user = json!({"password": password, "tags": ""});
        management.put(&format!("/api/users/{name}"), &user).await?;
        let vhost = app.space().vhost();
        let said = command_of_guide(&format!("rabbitmqctl set_permissions -p topup {named} "))?;
        let [configure, write, read] = &said[..] else {
            anyhow::bail!("{said:?}")
        };
        let permissions = json!({"configure": configure, "write": write, "read": read});
        let path = format!("/api/permissions/{vhost}/{name}");
        management.put(&path, &permissions).await?;
        if named == SENDER {
            let said = command_of_guide(&format!("rabbitmqctl set_topic_permissions -p topup {named} "))?;
            let [exchange, write, read] = &said[..] else {
                anyhow::bail!("{said:?}")
            };
            let permissions = json!({"exchange": exchange, "write": write, "read": read});
            let path = format!("/api/topic-permissions/{vhost}/{name}");
            management.put(&path, &permissions).await?;
        }
        let hosts = app.space().amqp_hosts_url();
        let (scheme, rest) = hosts.split_once("://").context("an address")?;
        let hosts = rest.split_once('@').map_or(rest, |(_, hosts)| hosts);
        let url = format!("{scheme}://{name}:{password}@{hosts}");
        Ok(Self { name, url })
    }

    async fn remove(self, app: &App) -> Result<()> {
        app.management()?
            .delete(&format!("/api/users/{}", self.name))
            .await
    }

    /// Everything of these is refused, each on a connection of its own.
    async fn is_refused(&self, tries: &[Try]) -> Result<()> {
        for what in tries {
            let broker = Broker::connect(&self.url).await?;
            match what.go(&broker.channel().await?).await {
                Err(error) if is_refusal(&error) => {}
                other => anyhow::bail!("{}: {what:?}: {other:?}", self.name),
            }
        }
        Ok(())
    }
}

/// The broker's own word for it.
fn is_refusal(error: &lapin::Error) -> bool {
    error.to_string().contains("ACCESS_REFUSED") || error.to_string().contains("ACCESS-REFUSED")
}

/// Something that a user may have no leave for.
#[derive(Debug)]
enum Try {
    Take(&'static str),
    Consume(&'static str),
    Purge(&'static str),
    Delete(&'static str),
    Publish(&'static str, &'static str),
    /// Queue and exchange.
    Bind(&'static str, &'static str),
    /// Exchange that hands on to another: destination and source.
    BindExchange(&'static str, &'static str),
    Queue(&'static str),
    /// A queue of this name, whose messages go on to an exchange once they are dead.
    Trap(&'static str, &'static str),
    Exchange(&'static str),
    /// An exchange of this name, which hands on to another what nobody has bound.
    Alternate(&'static str, &'static str),
}

impl Try {
    async fn go(&self, channel: &Channel) -> Result<(), lapin::Error> {
        match *self {
            Self::Take(queue) => {
                let taken = channel.basic_get(queue.into(), BasicGetOptions::default());
                taken.await.map(drop)
            }
            Self::Consume(queue) => {
                let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
                let consumer = channel.basic_consume(queue.into(), "it".into(), options, none);
                consumer.await.map(drop)
            }
            Self::Purge(queue) => {
                let purged = channel.queue_purge(queue.into(), QueuePurgeOptions::default());
                purged.await.map(drop)
            }
            Self::Delete(queue) => {
                let deleted = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
                deleted.await.map(drop)
            }
            Self::Publish(exchange, key) => {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                let (options, none) = (BasicPublishOptions::default(), BasicProperties::default());
                let confirm = channel.basic_publish(exchange.into(), key.into(), options, b"{}", none);
                confirm.await?.await.map(drop)
            }
            Self::Bind(queue, exchange) => {
                let (options, none) = (QueueBindOptions::default(), FieldTable::default());
                channel
                    .queue_bind(queue.into(), exchange.into(), "#".into(), options, none)
                    .await
            }
            Self::BindExchange(to, from) => {
                let (options, none) = (ExchangeBindOptions::default(), FieldTable::default());
                channel
                    .exchange_bind(to.into(), from.into(), "#".into(), options, none)
                    .await
            }
            Self::Queue(name) => declared(channel, name, &[]).await,
            Self::Trap(name, exchange) => {
                declared(channel, name, &[("x-dead-letter-exchange", exchange)]).await
            }
            Self::Exchange(name) => exchange_declared(channel, name, &[]).await,
            Self::Alternate(name, exchange) => {
                exchange_declared(channel, name, &[("alternate-exchange", exchange)]).await
            }
        }
    }
}

fn table(arguments: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    table
}

async fn declared(channel: &Channel, name: &str, more: &[(&str, &str)]) -> Result<(), lapin::Error> {
    let arguments = [&[("x-queue-type", "quorum")], more].concat();
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(name.into(), options, table(&arguments));
    declared.await.map(drop)
}

async fn exchange_declared(channel: &Channel, name: &str, more: &[(&str, &str)]) -> Result<(), lapin::Error> {
    let options = ExchangeDeclareOptions::default();
    channel
        .exchange_declare(name.into(), ExchangeKind::Fanout, options, table(more))
        .await
}

/// What would hear what others hear, forge what others say, or break what is the fleet's.
const NOT_A_PLATFORM_S: [Try; 26] = [
    Try::Take("sms-sent"),
    Try::Take("payment-results"),
    Try::Take("notifications"),
    Try::Take("payment-results.dead"),
    Try::Take("other-pages.events"),
    Try::Consume("payment-results"),
    Try::Purge("sms-sent"),
    Try::Delete("sms-sent"),
    Try::Delete("topup-requested.dead"),
    Try::Publish("", "payment-results"),
    Try::Publish("", QUEUE),
    Try::Publish("topup", "sms-sent"),
    Try::Publish("topup.events", "topup.succeeded"),
    Try::Publish("topup.dead", "sms-sent"),
    Try::Publish("delay.v1.00", "0.0.0.0.0.0.0.0.0.0.0.1.payment-results"),
    Try::Bind(QUEUE, "topup"),
    Try::Bind(QUEUE, "topup.dead"),
    Try::Bind("sms-sent", "topup.events"),
    Try::BindExchange("topup", "topup.events"),
    Try::BindExchange("topup.events", "topup.events"),
    Try::Queue("sms-sent.mine"),
    Try::Queue("other-pages.events"),
    Try::Trap("shop-pages.trap", "topup"),
    Try::Trap("shop-pages.trap", ""),
    Try::Exchange("mine"),
    Try::Alternate("shop-pages.trap", "topup"),
];

const NOT_A_SENDER_S: [Try; 11] = [
    Try::Publish("topup", "payment-results"),
    Try::Publish("topup", "topup-requested"),
    Try::Publish("topup", "notifications"),
    Try::Publish("topup.events", "topup.succeeded"),
    Try::Publish("", "sms-sent"),
    Try::Publish("", "payment-results"),
    Try::Take("sms-sent"),
    Try::Bind("sms-sent", "topup"),
    Try::Queue("sender.mine"),
    Try::Exchange("sender.mine"),
    Try::Purge("sms-sent"),
];

#[tokio::test]
async fn users_made_as_the_guide_says_hear_events_and_report_sends_and_can_do_nothing_else() -> Result<()> {
    let app = App::start(AppOptions::whole()).await?;
    app.import(&[main_account(1001).credits(101).low_credit(100)])
        .await?;
    let platform = ByHand::make(&app, PLATFORM).await?;
    let sender = ByHand::make(&app, SENDER).await?;
    let at_platform = Broker::connect(&platform.url).await?;
    let channel = at_platform.channel().await?;
    declared(&channel, QUEUE, &[]).await?;
    Try::Bind(QUEUE, "topup.events").go(&channel).await?;

    // What the one reports becomes what the other hears.
    let at_sender = Broker::connect(&sender.url).await?;
    at_sender.publish([event(1001).message()]).await?;
    let heard = eventually("an event", async || {
        let taken = channel
            .basic_get(QUEUE.into(), BasicGetOptions { no_ack: true })
            .await?;
        Ok(taken.map(|it| it.delivery.data))
    });
    let heard: Event = serde_json::from_slice(&heard.await?)?;
    assert_eq!(heard.kind.versioned(), "credits.low.v1");

    platform.is_refused(&NOT_A_PLATFORM_S).await?;
    sender.is_refused(&NOT_A_SENDER_S).await?;
    // What is its own it may take away again.
    Try::Delete(QUEUE).go(&channel).await?;
    platform.remove(&app).await?;
    sender.remove(&app).await?;
    app.finish().await
}
