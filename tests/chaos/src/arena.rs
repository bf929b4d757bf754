//! Where it all happens: the servers, the fleet behind its wires, and the hands that do things to them.

mod processes;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_postgres::NoTls;
use topup_failpoints::{Failpoint, VARIABLE};
use topup_stack::{Act, Server, Space, Stack};
use topup_tests::{App, Raw, Weather, Wires, own_stack, raw};

use crate::dice::Dice;
use crate::eyes::Eyes;
use crate::fault::{Bad, Fault, PROGRAMS, QUEUES, Wire};
use crate::sandbox::Sandbox;
use crate::traffic::useless;

use processes::{End, options};
pub(crate) use processes::{not_ready, wanted};

/// Bytes a second of a slow wire.
const SLOW_BYTES_PER_S: u32 = 4_000;
/// Bytes after which a connection is cut: in the middle of a frame, and after it could do something.
const CUT_AFTER_BYTES: u64 = 5_003;
/// How long a slow gateway takes: longer than some of the fleet's patience, shorter than that of others.
const SLOW_GATEWAY_MS: u64 = 1_500;
/// Answers that are spoiled until somebody calls it off.
const ALL_CALLS: u32 = 1_000_000;
/// Useless messages in each queue at once.
const USELESS: usize = 25;
/// What is told to the broker so that it raises an alarm, and so that it ends.
const NO_MEMORY: [&str; 2] = ["set_vm_memory_high_watermark", "0.00001"];
const ENOUGH_MEMORY: [&str; 2] = ["set_vm_memory_high_watermark", "0.4"];
const NO_DISK: [&str; 2] = ["set_disk_free_limit", "1000GB"];
const ENOUGH_DISK: [&str; 2] = ["set_disk_free_limit", "50MB"];
/// Tries of an order to a server that may be busy with another fault, and the pause between them.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// Everything that faults are done to.
#[derive(Debug)]
pub(crate) struct Arena {
    /// The fleet; whoever starts or ends a process has it for so long.
    pub(crate) app: Mutex<App>,
    pub(crate) stack: Stack,
    pub(crate) space: Space,
    pub(crate) eyes: Eyes,
    pub(crate) sandbox: Sandbox,
    wires: Arc<Wires>,
    /// Holds what a fault holds open until it ends.
    holding: Mutex<Option<tokio_postgres::Client>>,
}

impl Arena {
    /// Servers, sandbox and fleet, all running.
    pub(crate) async fn set_up(spacing_s: u64) -> Result<Self> {
        let stack = own_stack("chaos", 1).await?;
        let app = App::start_on(&stack, options(spacing_s)).await?;
        Ok(Self {
            space: app.space().clone(),
            eyes: Eyes::on(app.space()),
            sandbox: Sandbox::at(app.fleet.sandbox_url())?,
            wires: Arc::clone(app.wires()?),
            app: Mutex::new(app),
            stack,
            holding: Mutex::default(),
        })
    }

    /// Begins a fault.
    pub(crate) async fn inflict(&self, fault: Fault, dice: &mut Dice) -> Result<()> {
        match fault {
            Fault::Killed { program } => self.end(program, End::Killed, dice).await,
            Fault::KilledAt { program, point, time } => {
                self.end(program, End::Killed, dice).await?;
                let told = Failpoint { point, time }.to_string();
                let mut app = self.app.lock().await;
                app.fleet.add_with(program, &[(VARIABLE, &told)]).await.map(drop)
            }
            Fault::Deployed { program } => self.end(program, End::Told, dice).await,
            Fault::DeployedAll => {
                for program in PROGRAMS {
                    self.end_all(program).await?;
                    self.fill_up(program).await?;
                }
                Ok(())
            }
            Fault::BrokerRestarted => self.stack.act(BROKER, Act::Stop).await,
            Fault::BrokerKilled => self.stack.act(BROKER, Act::Kill).await,
            Fault::BrokerPaused => self.stack.act(BROKER, Act::Pause).await,
            Fault::BrokerWiped => self.stack.act(BROKER, Act::Wipe).await,
            Fault::MemoryAlarm => self.rabbitmqctl(&NO_MEMORY).await,
            Fault::DiskAlarm => self.rabbitmqctl(&NO_DISK).await,
            Fault::ConnectionsClosed => {
                let order = ["close_all_connections", "--vhost", self.space.vhost(), "chaos"];
                self.rabbitmqctl(&order).await
            }
            Fault::QueueDeleted { queue } => again(async || self.eyes.delete(queue).await).await,
            Fault::DelaysPurged => {
                for level in 0..12 {
                    let queue = format!("delay.v1.{level:02}");
                    again(async || self.eyes.purge(&queue).await).await?;
                }
                Ok(())
            }
            Fault::QueueFull { queue } => {
                let policy = json!({"pattern": format!("^{queue}$"), "apply-to": "queues", "priority": 9,
                                    "definition": {"max-length": 1, "overflow": "reject-publish"}});
                again(async || self.stack.management()?.put(&self.policy(), &policy).await).await
            }
            Fault::DatabaseRestarted => self.stack.act(Server::Database, Act::Stop).await,
            Fault::DatabaseKilled => self.stack.act(Server::Database, Act::Kill).await,
            Fault::DatabasePaused => self.stack.act(Server::Database, Act::Pause).await,
            Fault::BackendsTerminated => self.on_server(&[], true).await,
            Fault::ReadOnly => {
                self.on_server(&["SET default_transaction_read_only = on"], true)
                    .await
            }
            Fault::NoConnections => self.on_server(&["WITH ALLOW_CONNECTIONS false"], true).await,
            Fault::WalletsLocked => self.lock_wallets().await,
            Fault::Wire { wire, weather } => {
                self.worsen(wire, weather);
                Ok(())
            }
            Fault::WokenEarly => self.wake_early().await,
            Fault::BadMessages => {
                for queue in &QUEUES[1..] {
                    let bad: Vec<Raw> = (0..USELESS).map(|_| useless(dice)).collect();
                    again(async || self.eyes.publish_to(queue, bad.clone()).await).await?;
                }
                Ok(())
            }
            Fault::Gateway { status } => {
                let order = json!({"status": status, "calls": ALL_CALLS});
                self.sandbox.post("trouble", &order).await
            }
            Fault::SlowGateway => {
                self.sandbox
                    .post("latency", &json!({"ms": SLOW_GATEWAY_MS}))
                    .await
            }
            Fault::Webhooks { how } => {
                let order = json!({"webhooks": how, "calls": ALL_CALLS});
                self.sandbox.post("trouble", &order).await
            }
            Fault::SmsRefused => {
                let order = json!({"sms_status": 503, "calls": ALL_CALLS});
                self.sandbox.post("trouble", &order).await
            }
            Fault::MailTrouble { how } => {
                let order = json!({"smtp": how, "calls": ALL_CALLS});
                self.sandbox.post("trouble", &order).await
            }
        }
    }

    /// Ends it. From here on the fleet has to recover by itself.
    pub(crate) async fn lift(&self, fault: Fault, dice: &mut Dice) -> Result<()> {
        match fault {
            Fault::Killed { program } | Fault::Deployed { program } => self.fill_up(program).await,
            Fault::KilledAt { program, .. } => {
                // Who did not get there in time is killed where it is, and nobody keeps the order to die.
                self.end_armed(program).await?;
                self.fill_up(program).await
            }
            Fault::BrokerRestarted | Fault::BrokerKilled => self.stack.act(BROKER, Act::Start).await,
            Fault::BrokerPaused => self.stack.act(BROKER, Act::Resume).await,
            Fault::BrokerWiped => {
                self.stack.act(BROKER, Act::Start).await?;
                again(async || self.space.make_again().await).await
            }
            Fault::MemoryAlarm => self.rabbitmqctl(&ENOUGH_MEMORY).await,
            Fault::DiskAlarm => self.rabbitmqctl(&ENOUGH_DISK).await,
            Fault::QueueFull { .. } => {
                again(async || self.stack.management()?.delete(&self.policy()).await).await
            }
            Fault::DatabaseRestarted | Fault::DatabaseKilled => {
                self.stack.act(Server::Database, Act::Start).await
            }
            Fault::DatabasePaused => self.stack.act(Server::Database, Act::Resume).await,
            Fault::ReadOnly => {
                self.on_server(&["RESET default_transaction_read_only"], true)
                    .await
            }
            Fault::NoConnections => self.on_server(&["WITH ALLOW_CONNECTIONS true"], false).await,
            Fault::WalletsLocked => {
                // With its connection goes its transaction.
                drop(self.holding.lock().await.take());
                Ok(())
            }
            Fault::Wire { wire, .. } => {
                self.proxy(wire).set(Weather::Fair);
                Ok(())
            }
            Fault::Gateway { .. }
            | Fault::SlowGateway
            | Fault::Webhooks { .. }
            | Fault::SmsRefused
            | Fault::MailTrouble { .. } => self.sandbox.be_good().await,
            Fault::DeployedAll
            | Fault::ConnectionsClosed
            | Fault::QueueDeleted { .. }
            | Fault::DelaysPurged
            | Fault::BackendsTerminated
            | Fault::WokenEarly
            | Fault::BadMessages => {
                // Over as soon as it was done; the dice fall alike whatever the fault was.
                dice.next();
                Ok(())
            }
        }
    }

    async fn rabbitmqctl(&self, order: &[&str]) -> Result<()> {
        again(async || self.stack.rabbitmqctl(0, order).await.map(drop)).await
    }

    fn policy(&self) -> String {
        format!("/api/policies/{}/chaos", self.space.vhost())
    }

    fn proxy(&self, wire: Wire) -> &topup_tests::Proxy {
        match wire {
            Wire::Broker => &self.wires.broker,
            Wire::Database => &self.wires.database,
            Wire::Gateway => &self.wires.gateway,
        }
    }

    fn worsen(&self, wire: Wire, weather: Bad) {
        let proxy = self.proxy(wire);
        let weather = match weather {
            Bad::Cut => return proxy.cut(),
            Bad::Down => Weather::Down,
            Bad::Stalled => Weather::STALLED,
            Bad::DeafServer => Weather::Stalled {
                to_server: true,
                to_client: false,
            },
            Bad::DeafClient => Weather::Stalled {
                to_server: false,
                to_client: true,
            },
            Bad::Slow => Weather::Slow {
                bytes_per_s: SLOW_BYTES_PER_S,
            },
            Bad::CutMidFrame => Weather::CutAfter {
                bytes: CUT_AFTER_BYTES,
            },
        };
        proxy.set(weather);
    }

    /// Alters the database and ends every connection to it, in the name of an administrator.
    async fn on_server(&self, alterations: &[&str], is_cut: bool) -> Result<()> {
        let database = self.space.database();
        again(async || {
            let (server, connection) =
                tokio_postgres::connect(&self.stack.addresses().database_url, NoTls).await?;
            let open = tokio::spawn(connection);
            for alteration in alterations {
                let sql = format!("ALTER DATABASE \"{database}\" {alteration}");
                server.batch_execute(&sql).await?;
            }
            if is_cut {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = $1 AND pid <> pg_backend_pid()";
                server.execute(sql, &[&database]).await?;
            }
            open.abort();
            Ok(())
        })
        .await
    }

    async fn lock_wallets(&self) -> Result<()> {
        again(async || {
            let (client, connection) = tokio_postgres::connect(self.space.database_url(), NoTls).await?;
            tokio::spawn(connection);
            client
                .batch_execute("SET lock_timeout = '5s'; BEGIN; LOCK TABLE wallets IN EXCLUSIVE MODE")
                .await?;
            *self.holding.lock().await = Some(client);
            Ok(())
        })
        .await
    }

    async fn wake_early(&self) -> Result<()> {
        again(async || {
            let scheduled = self.eyes.scheduled().await?;
            let messages: Vec<Raw> = scheduled
                .iter()
                .flat_map(|(account, service, topup)| {
                    let body = json!({"topup_id": topup, "account_id": account, "service": service,
                                      "requested_at": jiff::Timestamp::now()});
                    let message = raw(body.to_string())
                        .kind(Some("topup-requested.v1"))
                        .message_id(&topup.to_string());
                    [message.clone(), message]
                })
                .collect();
            self.eyes.publish_to("topup-requested", messages).await
        })
        .await
    }

    /// Everything as it should be: the last word after all faults.
    pub(crate) async fn calm(&self) -> Result<()> {
        for wire in [Wire::Broker, Wire::Database, Wire::Gateway] {
            self.proxy(wire).set(Weather::Fair);
        }
        self.sandbox.be_good().await
    }
}

const BROKER: Server = Server::Broker(0);

/// Tries until it can be done: the other fault of a pair may be in its way.
async fn again(mut order: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let mut tried = 0;
    loop {
        match order().await {
            Ok(()) => return Ok(()),
            Err(error) if tried >= TRIES => return Err(error),
            Err(_) => tried += 1,
        }
        sleep(PAUSE).await;
    }
}
