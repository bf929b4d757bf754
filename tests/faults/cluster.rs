//! A cluster of three nodes loses one, by a kill, a halt or a cut, or all of them one after the other: the fleet goes
//! to those that are left, and nobody has to be told.
//!
//! Top-ups wait in the delay queues meanwhile. They are charged at their time, or, where that lay inside the fault, as
//! soon as it is over. The sweeper, who would call what is overdue, is told to be patient, so that it is the broker
//! that keeps them; except after a halt, which can leave a delayed message stuck in a queue of RabbitMQ 3.10.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use topup_stack::{Act, Server, Stack};
use topup_tests::{App, AppOptions, Checker, Event, Sender, event, eventually, main_account, own_stack};

const NODES: u8 = 3;
/// Who sends all the time.
const BUSY: [i64; 3] = [1001, 1002, 1003];
/// Whose second top-up waits.
const WAITING: [i64; 4] = [2001, 2002, 2003, 2004];
/// The least time between two of them.
const SPACING: &str = "15s";
/// Events that are published together, and how often that is.
const LOT: usize = 20;
const LOT_EVERY: Duration = Duration::from_millis(40);
/// How often a wait for a node is waited out.
const START_PATIENCES: u32 = 4;
/// How late a charge may come, on a busy machine, once nothing is in its way.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(8);
/// How often the sweeper looks.
const SWEEP_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// Who calls a top-up whose time has come.
#[derive(Debug, Clone, Copy)]
enum Caller {
    /// Its delayed message alone.
    Broker,
    /// The sweeper, where the message does not come.
    Sweeper,
}

impl Caller {
    /// How long the sweeper leaves a top-up to the broker.
    const fn overdue(self) -> SignedDuration {
        match self {
            Self::Broker => SignedDuration::from_mins(10),
            Self::Sweeper => SignedDuration::from_secs(5),
        }
    }

    fn late_max(self) -> SignedDuration {
        match self {
            Self::Broker => LATE_MAX,
            Self::Sweeper => LATE_MAX + self.overdue() + SWEEP_INTERVAL,
        }
    }
}

/// One cluster for all: it takes a while to start.
async fn cluster() -> Result<Stack> {
    static CLUSTER: OnceCell<Stack> = OnceCell::const_new();
    let cluster = CLUSTER.get_or_try_init(|| own_stack("cluster", NODES)).await?;
    Ok(cluster.clone())
}

/// Whose turn it is with the cluster: each leaves it as it was.
static TURN: Mutex<()> = Mutex::const_new(());

/// A fleet under load, with top-ups that wait.
struct Ground {
    stack: Stack,
    app: App,
    checker: Checker,
    load: Load,
    /// Whose top-up waits, and for when.
    due: Vec<(i64, Timestamp)>,
    caller: Caller,
}

impl Ground {
    async fn start(caller: Caller) -> Result<Self> {
        let stack = cluster().await?;
        // Whatever a test that failed left behind.
        let start = |node| stack.act(Server::Broker(node), Act::Start);
        tokio::try_join!(start(0), start(1), start(2))?;
        let options = AppOptions::whole()
            .count("sms-sent", 2)
            .spacing(SPACING)
            .setting("AMQP__HEARTBEAT", "3s")
            .setting("AMQP__CONNECT_TIMEOUT", "3s")
            .setting(
                "SWEEPER__TOPUP_OVERDUE",
                &format!("{}s", caller.overdue().as_secs()),
            )
            .setting("SWEEPER__INTERVAL", &format!("{}s", SWEEP_INTERVAL.as_secs()));
        let app = App::start_on(&stack, options).await?;
        let busy = BUSY.map(|id| main_account(id).credits(1_000_000));
        let waiting = WAITING.map(|id| main_account(id).credits(150).card("AUTH_ok"));
        app.import(&[&busy[..], &waiting[..]].concat()).await?;
        let mut ground = Self {
            load: Load::start(&app),
            checker: Checker::new(),
            due: Vec::new(),
            stack,
            app,
            caller,
        };
        ground.spend(60).await?;
        for id in WAITING {
            ground.app.topup_in(id, "sms", &["succeeded"]).await?;
        }
        ground.spend(500).await?;
        for id in WAITING {
            let waiting = ground.app.topup_in(id, "sms", &["scheduled"]).await?;
            ground
                .due
                .push((id, waiting.due_at.context("it waits for nothing")?));
        }
        Ok(ground)
    }

    /// Everybody whose top-ups are watched spends so many credits.
    async fn spend(&mut self, credits: i64) -> Result<()> {
        let events = WAITING.map(|id| event(id).credits(credits));
        self.app.send(&events).await?;
        events.iter().for_each(|event| self.checker.accepted(event));
        Ok(())
    }

    /// The node on which a queue's leader is.
    async fn leader_of(&self, queue: &str) -> Result<u8> {
        let path = format!("/api/queues/{}/{queue}", self.app.space().vhost());
        let leader = eventually("the queue's leader", async || {
            let queue = self.stack.management()?.get(&path).await?;
            Ok(queue["leader"].as_str().map(str::to_owned))
        })
        .await?;
        let mut number = None;
        for node in 0..NODES {
            let overview = self.stack.management_of(node)?.get("/api/overview").await?;
            if overview["node"] == leader.as_str() {
                number = Some(node);
            }
        }
        number.with_context(|| format!("{leader} is no node of the cluster"))
    }

    async fn act(&self, node: u8, act: Act) -> Result<()> {
        self.stack.act(Server::Broker(node), act).await
    }

    /// Waits until events that are sent from now on are debited, and says how long that took.
    async fn debits_go_on(&mut self, what: &str) -> Result<()> {
        let started = Instant::now();
        let probe = event(BUSY[0]);
        Sender::to(self.app.space())
            .send(std::slice::from_ref(&probe))
            .await?;
        self.checker.accepted(&probe);
        let id = probe.event_id();
        let sql = format!("SELECT count(*) FROM ledger WHERE event_id = '{id}'");
        eventually("a debit", async || {
            Ok((self.app.rows.count(&sql).await? == 1).then_some(()))
        })
        .await
        .with_context(|| what.to_owned())?;
        println!("{what}: an event is debited after {:.1?}", started.elapsed());
        Ok(())
    }

    /// Waits until every node sees all of them; starting one takes a busy machine longer than other things.
    async fn all_nodes_run(&self) -> Result<()> {
        for node in 0..NODES {
            let mut seen = self.sees_all(node).await;
            for _ in 1..START_PATIENCES {
                if seen.is_err() {
                    seen = self.sees_all(node).await;
                }
            }
            seen.with_context(|| format!("as node {node} sees it"))?;
        }
        Ok(())
    }

    async fn sees_all(&self, node: u8) -> Result<()> {
        let management = self.stack.management_of(node)?;
        eventually("three running nodes", async || {
            // A node that is about to join answers with errors.
            let Ok(nodes) = management.get("/api/nodes").await else {
                return Ok(None);
            };
            let running = nodes.as_array().into_iter().flatten();
            let running = running.filter(|node| node["running"] == true).count();
            Ok((running == usize::from(NODES)).then_some(()))
        })
        .await
    }

    /// The fault is over: everything comes to rest, and is judged.
    async fn finish(mut self) -> Result<()> {
        let over = Timestamp::now();
        self.all_nodes_run().await?;
        self.app.see_again().await?;
        for event in self.load.stop().await? {
            self.checker.accepted(&event);
        }
        for (id, due) in &self.due {
            self.app.topup_in(*id, "sms", &["succeeded"]).await?;
            let captures = self.app.outside.captures(2 * WAITING.len()).await?;
            let charged = captures.iter().rfind(|capture| capture.is_of(*id));
            let charged = charged.context("it was never charged")?.at;
            let late = charged.duration_since((*due).max(over));
            println!("the waiting top-up of {id} is charged {late:#} after its time, or the fault's end");
            ensure!(
                late < self.caller.late_max(),
                "the top-up of {id} comes {late:#} late"
            );
        }
        self.app.wait_until_idle().await?;
        let verdict = self.checker.judge(&self.app).await?;
        println!("{verdict}");
        verdict.must_be_clean()?;
        self.app.finish().await
    }
}

/// A sender that never rests, and knows what it sent.
struct Load {
    is_over: Arc<AtomicBool>,
    sending: JoinHandle<Result<Vec<Event>>>,
}

impl Load {
    fn start(app: &App) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, mut sender) = (Arc::clone(&is_over), Sender::to(app.space()));
        let sending = tokio::spawn(async move {
            let mut sent = Vec::new();
            let mut turn = interval(LOT_EVERY);
            while !told.load(Ordering::Relaxed) {
                turn.tick().await;
                let lot: Vec<Event> = BUSY.iter().cycle().take(LOT).map(|&id| event(id)).collect();
                sender.send(&lot).await?;
                sent.extend(lot);
            }
            Ok(sent)
        });
        Self { is_over, sending }
    }

    async fn stop(&mut self) -> Result<Vec<Event>> {
        self.is_over.store(true, Ordering::Relaxed);
        (&mut self.sending).await?
    }
}

#[tokio::test]
async fn the_node_that_leads_a_queue_is_killed_and_another_one_leads() -> Result<()> {
    let _turn = TURN.lock().await;
    let mut ground = Ground::start(Caller::Broker).await?;
    let leader = ground.leader_of("sms-sent").await?;
    ground.act(leader, Act::Kill).await?;
    ground.debits_go_on("without the leader").await?;
    ground.act(leader, Act::Start).await?;
    ground.debits_go_on("with it").await?;
    ground.finish().await
}

#[tokio::test]
async fn a_node_that_is_cut_off_waits_and_comes_back_when_it_is_not() -> Result<()> {
    let _turn = TURN.lock().await;
    let mut ground = Ground::start(Caller::Broker).await?;
    let leader = ground.leader_of("sms-sent").await?;
    let others = cut_off(&ground.stack, leader).await?;
    ground.debits_go_on("with the leader cut off").await?;
    let mend = format!("[erlang:set_cookie(Node, erlang:get_cookie()) || Node <- {others}].");
    ground.stack.rabbitmqctl(leader, &["eval", &mend]).await?;
    ground.debits_go_on("with it again").await?;
    ground.finish().await
}

/// Lets a node and the others refuse each other. Returns the others' names, as Erlang writes them.
async fn cut_off(stack: &Stack, node: u8) -> Result<String> {
    let others = stack.rabbitmqctl(node, &["eval", "nodes()."]).await?;
    let others = others.trim().to_owned();
    let cut = format!(
        "[begin erlang:set_cookie(Node, 'another'), erlang:disconnect_node(Node) end || Node <- {others}]."
    );
    stack.rabbitmqctl(node, &["eval", &cut]).await?;
    Ok(others)
}

#[tokio::test]
async fn all_nodes_are_restarted_one_after_the_other_and_nobody_waits_for_long() -> Result<()> {
    let _turn = TURN.lock().await;
    let mut ground = Ground::start(Caller::Broker).await?;
    for node in 0..NODES {
        ground.act(node, Act::Stop).await?;
        ground.debits_go_on(&format!("without node {node}")).await?;
        ground.act(node, Act::Start).await?;
        ground.all_nodes_run().await?;
    }
    ground.debits_go_on("with all of them").await?;
    ground.finish().await
}

/// A node that goes on finds the others there at once, and so does not know that it was gone; whoever halted it starts
/// it again.
#[tokio::test]
async fn a_node_that_is_halted_is_left_for_another_until_it_is_started_again() -> Result<()> {
    let _turn = TURN.lock().await;
    let mut ground = Ground::start(Caller::Sweeper).await?;
    let leader = ground.leader_of("sms-sent").await?;
    ground.act(leader, Act::Pause).await?;
    ground.debits_go_on("with the leader halted").await?;
    ground.act(leader, Act::Resume).await?;
    ground.debits_go_on("with it again").await?;
    ground.act(leader, Act::Kill).await?;
    ground.act(leader, Act::Start).await?;
    ground.finish().await
}
