//! A small fleet in the middle of its work, with everything on its queues that an operator may meet.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use topup_stack::{Fleet, FleetOptions, Management, Space, Stack, workspace};
use uuid::Uuid;

/// Accounts that are topped up once and then wait for their next time.
const WAITING: std::ops::RangeInclusive<i64> = 1001..=1023;
/// One that sends all the time.
const BUSY: i64 = 2001;
/// One that nobody has imported.
const UNKNOWN: i64 = 4711;
/// Sends of [`BUSY`] in one go, and between two of them.
const SENDS: usize = 150;
const SENDS_EVERY: Duration = Duration::from_secs(1);
/// Longest wait for the fleet to do its part.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the fleet works before anything is pictured, so that rates can be seen.
const WARM: Duration = Duration::from_secs(45);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(200);

/// Everything that is looked at.
pub(crate) struct Stage {
    pub(crate) space: Space,
    fleet: Arc<Fleet>,
    management: Management,
    over: Arc<AtomicBool>,
    sending: JoinHandle<Result<()>>,
}

impl Stage {
    /// Starts the fleet and brings it there.
    pub(crate) async fn set(stack: &Stack) -> Result<Self> {
        let space = stack.space("pictures").await?;
        let mut options = FleetOptions::default();
        options.counts.insert("sms-sent", 2);
        let fleet = Arc::new(Fleet::start(&space, options).await?);
        let over = Arc::new(AtomicBool::new(false));
        let mut stage = Self {
            management: stack.management()?,
            sending: tokio::spawn(async { Ok(()) }),
            space,
            fleet,
            over,
        };
        stage.accounts().await?;
        stage.sending = tokio::spawn(send_on(Arc::clone(&stage.fleet), Arc::clone(&stage.over)));
        stage.topups().await?;
        stage.dead_letters().await?;
        sleep(WARM).await;
        Ok(stage)
    }

    async fn accounts(&self) -> Result<()> {
        let prices = workspace().join("infra/demo/samples/prices.ndjson");
        self.fleet
            .fleetctl(&["prices", &prices.display().to_string()])
            .await?;
        let waiting = WAITING.map(|id| account(id, json!(101), true));
        let lines = waiting.chain([account(BUSY, json!(900_000), false)]);
        self.fleet
            .fleetctl(&["import", &self.file("accounts", lines)?])
            .await
            .map(drop)
    }

    /// Every account is topped up, and then wants the next top-up within the half hour; nobody is told of the last.
    async fn topups(&self) -> Result<()> {
        self.publish("first", WAITING.map(|id| event(id, json!(1))))
            .await?;
        self.until("nothing in notifications", "notifications", 0).await?;
        self.until("nothing to settle", "payment-results", 0).await?;
        let pause = [
            "pause",
            "notifications",
            "--reason",
            "the mail relay is being moved",
        ];
        self.fleet.fleetctl(&pause).await?;
        self.until_nobody_takes("notifications").await?;
        self.publish("second", WAITING.map(|id| event(id, json!(500))))
            .await?;
        let waiting = u64::try_from(WAITING.count()).unwrap_or(u64::MAX);
        self.until("top-ups that wait", "delay.v1.10", waiting).await
    }

    /// What senders get wrong.
    async fn dead_letters(&self) -> Result<()> {
        let mut broken = event(1001, json!(1));
        broken["credits"] = json!(-3);
        let unknown = || event(UNKNOWN, json!(1)).to_string();
        let cut_off = r#"{"event_id": "0193"#.to_owned();
        let bodies = [unknown(), broken.to_string(), cut_off, unknown(), unknown()];
        for body in &bodies {
            self.publish_raw("sms-sent", body).await?;
        }
        self.until("dead letters", "sms-sent.dead", bodies.len() as u64)
            .await?;
        self.publish_raw("sms-snet", &event(1001, json!(1)).to_string())
            .await
    }

    async fn publish(&self, name: &str, events: impl Iterator<Item = Value>) -> Result<()> {
        self.fleet
            .fleetctl(&["publish", &self.file(name, events)?])
            .await
            .map(drop)
    }

    /// As a sender would who has a body of his own making.
    async fn publish_raw(&self, key: &str, body: &str) -> Result<()> {
        let mut message = json!({
            "routing_key": key, "payload": body, "payload_encoding": "string",
            "properties": {
                "type": "sms-sent.v1", "content_type": "application/json", "delivery_mode": 2,
                "app_id": "campaigns", "timestamp": Timestamp::now().as_second(),
            },
        });
        if let Ok(body) = serde_json::from_str::<Value>(body) {
            message["properties"]["message_id"] = body["event_id"].clone();
        }
        let path = format!("/api/exchanges/{}/topup/publish", self.space.vhost());
        self.management.post(&path, &message).await.map(drop)
    }

    async fn until(&self, what: &str, queue: &str, messages: u64) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let path = format!("/api/queues/{}/{queue}", self.space.vhost());
        while self.management.get(&path).await?["messages"].as_u64() != Some(messages) {
            ensure!(Instant::now() < until, "waited in vain for {what}");
            sleep(POLL).await;
        }
        Ok(())
    }

    async fn until_nobody_takes(&self, queue: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let path = format!("/api/queues/{}/{queue}", self.space.vhost());
        while self.management.get(&path).await?["consumers"] != 0 {
            ensure!(Instant::now() < until, "somebody still takes from {queue}");
            sleep(POLL).await;
        }
        Ok(())
    }

    fn file(&self, name: &str, lines: impl Iterator<Item = Value>) -> Result<String> {
        write(self.space.stack().files().join(format!("{name}.ndjson")), lines)
    }

    /// Everything ends.
    pub(crate) async fn strike(self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        self.sending.await.context("the sender")??;
        let fleet = Arc::into_inner(self.fleet).context("the fleet is still in use")?;
        fleet.stop().await
    }
}

/// A sender at its work.
async fn send_on(fleet: Arc<Fleet>, over: Arc<AtomicBool>) -> Result<()> {
    let path = fleet.space().stack().files().join("sends.ndjson");
    while !over.load(Ordering::Relaxed) {
        let file = write(path.clone(), (0..SENDS).map(|_| event(BUSY, json!(0.2))))?;
        fleet.fleetctl(&["publish", &file]).await?;
        sleep(SENDS_EVERY).await;
    }
    Ok(())
}

fn write(path: PathBuf, lines: impl Iterator<Item = Value>) -> Result<String> {
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path.display().to_string())
}

fn account(id: i64, credits: Value, refilled: bool) -> Value {
    let email = format!("ops-{id}@example.com");
    let card = json!({
        "authorization_code": "AUTH_ok", "email": email, "brand": "visa", "last4": "4081", "exp_month": 12,
        "exp_year": 2030, "signature": format!("SIG_{id}"),
    });
    let auto = json!({"method": "card", "threshold": 100, "quantity": 500, "enabled": true, "card": card});
    json!({
        "account_id": id, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
        "mobile": format!("+2782000{id}"), "email": email,
        "wallets": [{
            "service": "sms", "credits": credits, "low_credit_threshold": if refilled { 100 } else { 0 },
            "auto_topup": if refilled { auto } else { Value::Null },
        }],
    })
}

fn event(account: i64, credits: Value) -> Value {
    json!({
        "event_id": Uuid::now_v7(), "account_id": account, "service": "sms", "credits": credits, "messages": 1,
        "sent_at": Timestamp::now(),
    })
}
