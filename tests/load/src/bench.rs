//! What every measurement works with: a stack, and on it one fleet for each size of platform, with its accounts.
//!
//! The fleet of the usual platform is whole; the others are there for their databases, and have an `sms-sent` only
//! while they are measured. No `sms-sent` runs while a queue is filled.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use topup_stack::{Durability, Fleet, FleetOptions, Options, Stack, WORKERS};

use crate::database::Database;
use crate::measures::peers::Peers;
use crate::plain::Plain;
use crate::plan::{Part, Plan};
use crate::progress;
use crate::samples::Samples;
use crate::sender::Sender;
use crate::watch::Watch;

/// The worker whose queue is drained.
pub(crate) const WORKER: &str = "sms-sent";
/// Triggering events before those that are measured: the first ones find cold caches and connections.
pub(crate) const WARM_UP: u32 = 5;
/// The first account whose first send triggers a top-up; each has one of its own.
const TRIGGERING_FROM: u32 = 1_000_001;
/// The first account that only spends.
pub(crate) const SPENDING_FROM: u32 = 100_000_001;
/// Odd and no multiple of 5, so that every account of a power of ten has its turn, in no order that a disk would like.
const STRIDE: u64 = 2_654_435_761;

/// How often one token may ask leave to send.
const HOLDS_PER_SECOND: &str = "TOPUP__EDGE__HOLDS_PER_SECOND";

/// The fleets and who watches them.
#[derive(Debug)]
pub(crate) struct Bench {
    stack: Stack,
    pub(crate) watch: Watch,
    pub(crate) few: Ground,
    pub(crate) many: Option<Ground>,
    pub(crate) long: Option<Ground>,
    pub(crate) plain: Option<Plain>,
    pub(crate) peers: Option<Peers>,
    /// Triggering events so far; as many charges, text messages and mails has the sandbox seen.
    pub(crate) triggered: u32,
}

/// One platform: a database, a virtual host and a fleet.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) fleet: Fleet,
    pub(crate) sender: Sender,
    pub(crate) database: Database,
    pub(crate) amqp_url: String,
    pub(crate) accounts: u32,
    /// Sends that have to be in the ledger in the end.
    pub(crate) sent: u64,
}

impl Bench {
    /// Starts the usual platform; [`Self::fill`] makes the others.
    pub(crate) async fn set_up(plan: &Plan) -> Result<Self> {
        let stack = Stack::start(Options {
            name: "load".to_owned(),
            durability: Durability::Full,
            ..Options::default()
        })
        .await?;
        eprintln!("load: starting the fleet");
        let few = Ground::start(&stack, "few", 1, plan.sizes.accounts_few).await?;
        few.import(&stack, triggers(plan)).await?;
        let watch = Watch::at(few.fleet.sandbox_url())?;
        Ok(Self {
            stack,
            watch,
            few,
            many: None,
            long: None,
            plain: None,
            peers: None,
            triggered: 0,
        })
    }

    /// Makes what the parts of this run need beside it.
    pub(crate) async fn fill(&mut self, plan: &Plan, samples: &mut Samples) -> Result<()> {
        let sizes = plan.sizes;
        if plan.has(Part::Peers) {
            self.peers = Peers::prepare(&self.stack, samples).await?;
        }
        if plan.has(Part::Naive) || self.peers.is_some() {
            self.plain = Some(Plain::make(&self.stack, sizes.accounts_few).await?);
        }
        if plan.has(Part::Size) {
            let (many, long) = tokio::try_join!(
                Ground::start(&self.stack, "many", 0, sizes.accounts_many),
                Ground::long(&self.stack, sizes.accounts_few, sizes.ledger_rows),
            )?;
            (self.many, self.long) = (Some(many), Some(long));
        }
        Ok(())
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Checks that nothing was lost or doubled on the way, then stops everything.
    pub(crate) async fn tear_down(self) -> Result<()> {
        let Self {
            stack,
            few,
            many,
            long,
            ..
        } = self;
        let mut result = Ok(());
        for ground in [Some(few), many, long].into_iter().flatten() {
            result = result.and(ground.tear_down().await);
        }
        stack.stop().await;
        result
    }
}

impl Ground {
    async fn start(stack: &Stack, name: &str, of_each: usize, accounts: u32) -> Result<Self> {
        let space = stack.space(name).await?;
        // The gateway's limits are those of a live key; what is measured is the fleet.
        let mut env: BTreeMap<String, String> = ["CHARGES", "VERIFIES", "OTHERS"]
            .map(|calls| (format!("TOPUP__PAYSTACK__{calls}_PER_MINUTE"), "0".to_owned()))
            .into();
        // So are a token's; how many can be answered, is what is asked.
        env.insert(HOLDS_PER_SECOND.to_owned(), "1000000".to_owned());
        let options = FleetOptions {
            env,
            counts: WORKERS.map(|worker| (worker, of_each)).into(),
            ..FleetOptions::default()
        };
        let fleet = Fleet::start(&space, options).await?;
        let database = Database::connect(space.database_url()).await?;
        let bar = progress::bar("opening accounts", u64::from(accounts));
        database.open_accounts(SPENDING_FROM, accounts, &bar).await?;
        bar.finish_and_clear();
        Ok(Self {
            fleet,
            sender: Sender::connect(space.amqp_url()).await?,
            database,
            amqp_url: space.amqp_url().to_owned(),
            accounts,
            sent: 0,
        })
    }

    /// One with so many rows in its ledger.
    async fn long(stack: &Stack, accounts: u32, rows: u32) -> Result<Self> {
        let mut ground = Self::start(stack, "long", 0, accounts).await?;
        ground.fill_ledger(rows).await?;
        Ok(ground)
    }

    /// Prices, and accounts whose first send triggers a top-up.
    async fn import(&self, stack: &Stack, triggering_count: u32) -> Result<()> {
        let mut accounts = String::new();
        for id in (0..triggering_count).map(triggering) {
            let email = format!("account{id}@example.com");
            let card = json!({"authorization_code": format!("AUTH_ok_{id}"), "email": email, "brand": "visa",
                "last4": "4081", "exp_month": 12, "exp_year": 2035, "signature": format!("SIG_{id}")});
            let auto_topup =
                json!({"method": "card", "threshold": 100, "quantity": 500, "enabled": true, "card": card});
            let line = json!({"account_id": id, "kind": "main", "currency": "ZAR", "language": "en",
                "mobile": format!("+2782{id}"), "email": email,
                "wallets": [{"service": "sms", "credits": 101, "low_credit_threshold": 0, "auto_topup": auto_topup}]});
            writeln!(accounts, "{line}")?;
        }
        let price = json!({"service": "sms", "currency": "ZAR", "from_credits": 0, "unit_price_minor": "25.5",
            "tax_percent": "15"});
        for (command, text) in [("prices", format!("{price}\n")), ("import", accounts)] {
            let path = stack.files().join(format!("{command}.ndjson"));
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            self.fleet
                .fleetctl(&[command, &path.display().to_string()])
                .await?;
        }
        Ok(())
    }

    async fn fill_ledger(&mut self, rows: u32) -> Result<()> {
        let bar = progress::bar("filling the long ledger", u64::from(rows));
        self.database
            .fill_ledger(rows, SPENDING_FROM, self.accounts, &bar)
            .await?;
        bar.finish_and_clear();
        self.sent += u64::from(rows);
        Ok(())
    }

    /// The account that the spending event with this number is for.
    pub(crate) fn spending(&self) -> impl Fn(u32) -> u32 + Send + use<> {
        spending(self.accounts)
    }

    /// Publishes so many events while nobody takes any.
    pub(crate) async fn fill_queue(&mut self, count: u32, account: impl Fn(u32) -> u32) -> Result<()> {
        self.stop_workers().await?;
        let bar = progress::bar("publishing events", u64::from(count));
        self.sender.publish_all(count, account, &bar).await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Lets every `sms-sent` finish and end.
    pub(crate) async fn stop_workers(&mut self) -> Result<()> {
        for worker in self
            .fleet
            .workers()
            .iter_mut()
            .filter(|worker| worker.name() == WORKER)
        {
            worker.terminate().await?;
        }
        Ok(())
    }

    /// One `sms-sent`, started anew.
    pub(crate) async fn start_one_worker(&mut self) -> Result<()> {
        self.stop_workers().await?;
        self.fleet.add(WORKER).await.map(drop)
    }

    /// Each running `sms-sent`: its id and its own address.
    pub(crate) fn running(&mut self) -> Result<Vec<(i32, String)>> {
        let mut running = Vec::new();
        for worker in self.fleet.workers() {
            if worker.name() == WORKER && worker.try_wait()?.is_none() {
                running.push((worker.pid(), worker.http_url()));
            }
        }
        Ok(running)
    }

    async fn tear_down(self) -> Result<()> {
        let sends = self.database.sends().await?;
        ensure!(
            sends == self.sent,
            "{sends} sends are in the ledger, and {} were made",
            self.sent
        );
        self.fleet.fleetctl(&["audit"]).await?;
        self.fleet.stop().await
    }
}

/// The account, of so many, that the spending event with this number is for: each in its turn.
pub(crate) fn spending(accounts: u32) -> impl Fn(u32) -> u32 + Send + use<> {
    let accounts = u64::from(accounts);
    move |number| SPENDING_FROM + u32::try_from(u64::from(number) * STRIDE % accounts).unwrap_or_default()
}

/// How many accounts are needed whose first send triggers a top-up.
fn triggers(plan: &Plan) -> u32 {
    let one_at_a_time = if plan.has(Part::Latency) {
        2 * (WARM_UP + plan.sizes.triggers)
    } else {
        0
    };
    let at_once = if plan.tops_up() {
        plan.rounds * plan.sizes.topups
    } else {
        0
    };
    // A file without a line is no file of accounts.
    (one_at_a_time + at_once).max(1)
}

/// The account of the triggering event with this number, counted from 0.
pub(crate) fn triggering(number: u32) -> u32 {
    TRIGGERING_FROM + number
}
