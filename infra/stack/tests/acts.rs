//! Acts on a running stack's servers: natively alone, whatever `TOPUP_STACK` says.

use std::time::{Duration, Instant};

use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;
use topup_stack::{Act, Mode, Options, Server, Space, Stack};

/// Long enough for an answer on loopback, short enough for a test that there is none.
const A_WHILE: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(30);
const BROKER: Server = Server::Broker(0);

/// One for all tests of a single node; its keeper notices the end of this process.
async fn stack() -> Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK.get_or_init(|| start("test-acts", 1)).await.clone()
}

async fn start(name: &str, nodes: u8) -> Stack {
    let options = Options {
        name: name.to_owned(),
        nodes,
        mode: Some(Mode::Native),
        ..Options::default()
    };
    Stack::start(options).await.expect("a stack")
}

/// Whose turn it is with that stack.
static TURN: Mutex<()> = Mutex::const_new(());

async fn channel(amqp_url: &str) -> Channel {
    try_channel(amqp_url).await.expect("a broker")
}

async fn try_channel(amqp_url: &str) -> lapin::Result<Channel> {
    let connection = Connection::connect(amqp_url, ConnectionProperties::default()).await?;
    connection.create_channel().await
}

/// A quorum queue, declared, with so many messages in it.
async fn queue(channel: &Channel) -> u32 {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel.queue_declare("q".into(), options, arguments).await;
    queue.expect("a quorum queue").message_count()
}

/// A message that the broker confirmed.
async fn one_message(channel: &Channel) {
    queue(channel).await;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .expect("confirms");
    let properties = BasicProperties::default().with_delivery_mode(2);
    let publish = channel.basic_publish(
        "".into(),
        "q".into(),
        BasicPublishOptions::default(),
        b"here",
        properties,
    );
    assert!(
        publish
            .await
            .expect("a publish")
            .await
            .expect("a confirm")
            .is_ack()
    );
}

/// RabbitMQ writes a new quorum queue's name down half a second late; one that is killed before that forgets the
/// queue, and is of no use to a test of what was confirmed.
async fn queues_are_noted_down(stack: &Stack) {
    let note = "#{names := #{directory_rev := Names}} = ra_system:fetch(quorum_queues), dets:sync(Names).";
    stack
        .rabbitmqctl(0, &["eval", note])
        .await
        .expect("the names on disk");
}

async fn message_is_there(channel: &Channel) {
    let got = channel
        .basic_get("q".into(), BasicGetOptions { no_ack: false })
        .await
        .expect("a queue")
        .expect("the message");
    assert_eq!(got.delivery.data, b"here");
}

/// The same, once the nodes that are left have agreed on a leader of the queue, and this one on its virtual host: a node
/// whose neighbour has just died or come back says for a moment that the virtual host is down.
async fn message_is_there_soon(amqp_url: &str) {
    let until = Instant::now() + SOON;
    let get = async || {
        let channel = try_channel(amqp_url).await?;
        let options = BasicGetOptions { no_ack: false };
        channel.basic_get("q".into(), options).await
    };
    loop {
        match get().await {
            Ok(got) => break assert_eq!(got.expect("the message").delivery.data, b"here"),
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
}

async fn a_broker_comes_back_with_its_message(space: &Space, down: Act) {
    let stack = space.stack();
    one_message(&channel(space.amqp_url()).await).await;
    queues_are_noted_down(stack).await;
    stack.act(BROKER, down).await.expect("a broker that is down");
    let refused = Connection::connect(space.amqp_url(), ConnectionProperties::default()).await;
    assert!(refused.is_err(), "it is still there");
    stack.act(BROKER, Act::Start).await.expect("a broker that is up");
    message_is_there(&channel(space.amqp_url()).await).await;
}

#[tokio::test]
async fn a_broker_that_was_killed_or_stopped_starts_again_with_what_it_confirmed() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    for down in [Act::Kill, Act::Stop] {
        let space = stack.space("restarted").await.expect("a space");
        a_broker_comes_back_with_its_message(&space, down).await;
    }
}

#[tokio::test]
async fn a_broker_that_is_paused_says_nothing_until_it_is_resumed() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let space = stack.space("paused").await.expect("a space");
    let open = channel(space.amqp_url()).await;
    one_message(&open).await;
    stack
        .act(BROKER, Act::Pause)
        .await
        .expect("a broker that is paused");
    let answer = message_is_there(&open);
    tokio::pin!(answer);
    assert!(timeout(A_WHILE, &mut answer).await.is_err(), "it answers");
    stack
        .act(BROKER, Act::Resume)
        .await
        .expect("a broker that goes on");
    answer.await;
}

#[tokio::test]
async fn a_broker_that_was_wiped_starts_empty_and_its_space_is_made_again() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let space = stack.space("wiped").await.expect("a space");
    one_message(&channel(space.amqp_url()).await).await;
    stack.act(BROKER, Act::Wipe).await.expect("a broker without data");
    stack.act(BROKER, Act::Start).await.expect("an empty broker");
    let refused = Connection::connect(space.amqp_url(), ConnectionProperties::default()).await;
    assert!(refused.is_err(), "the virtual host is still there");
    space.make_again().await.expect("the virtual host again");
    assert_eq!(queue(&channel(space.amqp_url()).await).await, 0);
}

#[tokio::test]
async fn the_brokers_own_command_raises_an_alarm_and_ends_it() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let raised = ["set_vm_memory_high_watermark", "0.00001"];
    stack.rabbitmqctl(0, &raised).await.expect("an alarm");
    let status = stack.rabbitmqctl(0, &["status"]).await.expect("its status");
    assert!(status.contains("Memory alarm"), "{status}");
    let ended = ["set_vm_memory_high_watermark", "0.4"];
    stack.rabbitmqctl(0, &ended).await.expect("no alarm");
    let error = stack
        .rabbitmqctl(0, &["no_such_command"])
        .await
        .expect_err("none");
    assert!(format!("{error:#}").contains("no_such_command"), "{error:#}");
}

/// A connection to the space's database; the one that does the talking ends with it.
async fn database(space: &Space) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(space.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn a_database_that_was_killed_or_stopped_starts_again_with_what_was_committed() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let space = stack.space("restarted").await.expect("a space");
    let client = database(&space).await.expect("a connection");
    client
        .batch_execute("CREATE TABLE t (n int)")
        .await
        .expect("a table");
    for (rows, down) in [(1, Act::Kill), (2, Act::Stop)] {
        let client = database(&space).await.expect("a connection");
        client
            .batch_execute("INSERT INTO t VALUES (1)")
            .await
            .expect("a row");
        stack
            .act(Server::Database, down)
            .await
            .expect("a database that is down");
        assert!(
            client.query("SELECT", &[]).await.is_err(),
            "its connections are still there"
        );
        assert!(database(&space).await.is_err(), "it is still there");
        stack
            .act(Server::Database, Act::Start)
            .await
            .expect("a database that is up");
        let client = database(&space).await.expect("a connection");
        let found = client.query("SELECT FROM t", &[]).await.expect("the table");
        assert_eq!(found.len(), rows);
    }
}

#[tokio::test]
async fn a_database_that_is_paused_says_nothing_until_it_is_resumed() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let space = stack.space("paused").await.expect("a space");
    let client = database(&space).await.expect("a connection");
    stack
        .act(Server::Database, Act::Pause)
        .await
        .expect("a database that is paused");
    let answer = client.query("SELECT", &[]);
    tokio::pin!(answer);
    assert!(timeout(A_WHILE, &mut answer).await.is_err(), "it answers");
    assert!(
        timeout(A_WHILE, database(&space)).await.is_err(),
        "it lets somebody in"
    );
    stack
        .act(Server::Database, Act::Resume)
        .await
        .expect("a database that goes on");
    answer.await.expect("an answer");
}

#[tokio::test]
async fn a_database_that_was_wiped_starts_empty() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    let space = stack.space("wiped").await.expect("a space");
    stack
        .act(Server::Database, Act::Wipe)
        .await
        .expect("a database without data");
    stack
        .act(Server::Database, Act::Start)
        .await
        .expect("an empty database");
    let error = database(&space).await.expect_err("no such database");
    assert_eq!(
        error.code(),
        Some(&tokio_postgres::error::SqlState::INVALID_CATALOG_NAME)
    );
    stack.space("after").await.expect("a space");
}

#[tokio::test]
async fn what_can_not_be_done_is_an_error_and_what_is_done_already_is_none() {
    let _turn = TURN.lock().await;
    let stack = stack().await;
    assert!(stack.has_acts());
    let error = stack
        .act(Server::Broker(1), Act::Kill)
        .await
        .expect_err("one node");
    assert!(format!("{error:#}").contains("nodes are 1"), "{error:#}");
    for act in [Act::Start, Act::Resume, Act::Kill, Act::Kill, Act::Stop] {
        stack.act(Server::Database, act).await.expect("nothing to do");
    }
    let error = stack
        .act(Server::Database, Act::Pause)
        .await
        .expect_err("it is down");
    assert!(format!("{error:#}").contains("it is down"), "{error:#}");
    stack
        .act(Server::Database, Act::Start)
        .await
        .expect("a database that is up");
}

#[tokio::test]
async fn a_cluster_of_three_keeps_a_queue_while_one_of_its_nodes_is_down() {
    let stack = start("test-cluster", 3).await;
    assert_eq!(stack.amqp_urls().len(), 3);
    let space = stack.space("cluster").await.expect("a space");
    assert!(
        space.amqp_hosts_url().matches(',').count() == 2,
        "{}",
        space.amqp_hosts_url()
    );
    for node in space.amqp_node_urls() {
        channel(&node).await;
    }
    one_message(&channel(space.amqp_url()).await).await;
    queues_are_noted_down(&stack).await;
    let error = stack.act(BROKER, Act::Wipe).await.expect_err("a cluster");
    assert!(format!("{error:#}").contains("cluster"), "{error:#}");

    stack.act(BROKER, Act::Kill).await.expect("a node that is down");
    let [_, second, _] = &space.amqp_node_urls()[..] else {
        unreachable!("three nodes");
    };
    message_is_there_soon(second).await;
    stack.act(BROKER, Act::Start).await.expect("a node that is up");
    message_is_there_soon(space.amqp_url()).await;
    let status = stack
        .rabbitmqctl(0, &["cluster_status"])
        .await
        .expect("its status");
    let running = status.split("Running Nodes").nth(1).expect("its nodes");
    let running = running.split("Versions").next().expect("its nodes");
    assert_eq!(running.matches("@localhost").count(), 3, "{status}");
    stack.stop().await;
}
