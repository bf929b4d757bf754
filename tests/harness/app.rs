//! One test's fleet, and the hands and eyes on it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;
use topup_stack::{Fleet, Management, Space, Stack, WORKERS};

use super::accounts::Account;
use super::broker::Broker;
use super::events::Event;
use super::options::AppOptions;
use super::outside::Outside;
use super::own_users::OwnUsers;
use super::patience::{SERVERS_PATIENCE, eventually, within};
use super::prices::Price;
use super::rows::{Busy, Rows, TopupRow};
use super::shared;
use super::views::AccountView;
use super::wires::Wires;

/// Programs that take from no queue.
const WITHOUT_QUEUE: [&str; 2] = ["sweeper", "edge"];
/// Longest wait for one connection of the test's own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Looks in a row that must all find the fleet idle: a message can be on its way between two places.
const IDLE_LOOKS: u32 = 3;

/// A running fleet. A test that is done with it calls [`App::finish`]; one that fails just drops it.
#[derive(Debug)]
pub struct App {
    /// The processes.
    pub fleet: Fleet,
    /// The queues.
    pub broker: Broker,
    /// The world outside.
    pub outside: Outside,
    /// The database.
    pub rows: Rows,
    busy: Busy,
    queues: Vec<&'static str>,
    wires: Option<Arc<Wires>>,
    own_users: Option<OwnUsers>,
    _leave: SemaphorePermit<'static>,
}

impl App {
    /// Starts the fleet in a space of its own and lists the prices.
    ///
    /// # Errors
    /// Something did not start; the error holds the end of the log concerned.
    pub async fn start(options: AppOptions) -> Result<Self> {
        let leave = shared::leave_to_run(options.is_alone).await?;
        let space = match options.has_own_users {
            // Its tables are their owner's, not everybody's.
            true => shared::fresh_space().await?,
            false => shared::migrated_space().await?,
        };
        Self::start_in(space, options, leave).await
    }

    /// The same with options that depend on the space; what else is made for it comes back beside.
    ///
    /// # Errors
    /// As [`App::start`], and what `prepare` finds.
    pub async fn start_by<T>(
        options: AppOptions,
        prepare: impl AsyncFnOnce(&Space, AppOptions) -> Result<(AppOptions, T)>,
    ) -> Result<(Self, T)> {
        let leave = shared::leave_to_run(options.is_alone).await?;
        let space = shared::migrated_space().await?;
        let (options, made) = prepare(&space, options).await?;
        Ok((Self::start_in(space, options, leave).await?, made))
    }

    /// The same on a stack of the test's own, whose servers it may do anything to: see [`own_stack`](crate::own_stack).
    ///
    /// # Errors
    /// Something did not start; the error holds the end of the log concerned.
    pub async fn start_on(stack: &Stack, mut options: AppOptions) -> Result<Self> {
        let leave = shared::leave_to_run(options.is_alone).await?;
        options.fleet.is_migrated = false;
        let space = stack.space(&shared::test_name()).await?;
        Self::start_in(space, options, leave).await
    }

    async fn start_in(
        space: Space,
        mut options: AppOptions,
        leave: SemaphorePermit<'static>,
    ) -> Result<Self> {
        let runs = |worker| options.fleet.counts.get(worker).copied() != Some(0);
        let busy = Busy {
            notices: runs("notifications"),
            topups: runs("topup-requested") && runs("payment-results"),
        };
        let queues = WORKERS
            .into_iter()
            .filter(|worker| !WITHOUT_QUEUE.contains(worker) && runs(worker))
            .collect();
        let wires = match options.is_behind_wires {
            true => Some(Arc::new(Wires::to(&space).await?)),
            false => None,
        };
        if let Some(wires) = &wires {
            options.fleet.env.extend(wires.settings(&space));
        }
        let own_users = match options.has_own_users {
            true => Some(OwnUsers::make(&space, &options.fleet.env).await?),
            false => None,
        };
        if let Some(own) = &own_users {
            options.fleet.own_env = own.settings(&space)?;
        }
        let fleet = Fleet::start(&space, options.fleet).await?;
        if let Some(wires) = &wires {
            wires.lead_gateway_to(&fleet.sandbox_url())?;
        }
        let app = Self {
            broker: Broker::connect(space.amqp_url()).await?,
            outside: Outside::new(fleet.sandbox_url())?,
            rows: Rows::connect(space.database_url()).await?,
            fleet,
            busy,
            queues,
            wires,
            own_users,
            _leave: leave,
        };
        if !options.prices.is_empty() {
            app.list_prices(&options.prices).await?;
        }
        Ok(app)
    }

    /// The wires that the fleet is behind; who lets somebody else see to them meanwhile takes a clone.
    ///
    /// # Errors
    /// It is not ([`AppOptions::behind_wires`]).
    pub fn wires(&self) -> Result<&Arc<Wires>> {
        self.wires.as_ref().context("this fleet is not behind wires")
    }

    /// The users and roles of its processes.
    ///
    /// # Errors
    /// They have none of their own ([`AppOptions::own_users`]).
    pub fn own_users(&self) -> Result<&OwnUsers> {
        self.own_users
            .as_ref()
            .context("this fleet's processes have no users of their own")
    }

    /// Makes the test's own connections anew, after the servers were away; to whichever node of the broker serves.
    ///
    /// # Errors
    /// Broker or database did not serve in time.
    pub async fn see_again(&mut self) -> Result<()> {
        let space = self.space().clone();
        let nodes: Vec<String> = space.amqp_node_urls();
        let mut why = None;
        let broker = within(SERVERS_PATIENCE, "a connection to the broker", async || {
            for url in &nodes {
                match timeout(CONNECT_TIMEOUT, Broker::connect(url)).await {
                    Ok(Ok(broker)) => return Ok(Some(broker)),
                    Ok(Err(error)) => why = Some(format!("{error:#}")),
                    Err(_elapsed) => why = Some(format!("no answer in {} s", CONNECT_TIMEOUT.as_secs())),
                }
            }
            Ok(None)
        });
        self.broker = match broker.await {
            Ok(broker) => broker,
            Err(error) => bail!("{error}; at last: {}", why.unwrap_or_default()),
        };
        self.rows = within(SERVERS_PATIENCE, "a connection to the database", async || {
            let connecting = timeout(CONNECT_TIMEOUT, Rows::connect(space.database_url())).await;
            Ok(connecting.ok().and_then(Result::ok))
        })
        .await?;
        Ok(())
    }

    /// The database and the virtual host.
    #[must_use]
    pub fn space(&self) -> &Space {
        self.fleet.space()
    }

    /// The broker's management interface.
    ///
    /// # Errors
    /// Its address is no URL.
    pub fn management(&self) -> Result<Management> {
        self.space().stack().management()
    }

    /// Where the edge is called: `http://127.0.0.1:port`.
    ///
    /// # Errors
    /// There is no edge.
    pub fn edge_url(&mut self) -> Result<String> {
        let edge = self.fleet.worker("edge")?;
        edge.public_url().context("the edge named no public address")
    }

    /// Imports accounts, mains before their subs.
    ///
    /// # Errors
    /// One was refused.
    pub async fn import(&self, accounts: &[Account]) -> Result<()> {
        let file = self.file(accounts.iter().map(Account::line))?;
        self.fleet.fleetctl(&["import", &file]).await.map(drop)
    }

    /// Replaces the price list.
    ///
    /// # Errors
    /// It was refused.
    pub async fn list_prices(&self, prices: &[Price]) -> Result<()> {
        let file = self.file(prices.iter().map(Price::line))?;
        self.fleet.fleetctl(&["prices", &file]).await.map(drop)
    }

    /// Publishes events as a proper sender does.
    ///
    /// # Errors
    /// The broker did not confirm all of them.
    pub async fn send(&self, events: &[Event]) -> Result<()> {
        self.broker.publish(events.iter().map(Event::message)).await
    }

    /// Runs the operator's command with `--json` and reads what it printed.
    ///
    /// # Errors
    /// It ended with another status than 0, or printed no JSON.
    pub async fn fleetctl(&self, arguments: &[&str]) -> Result<Value> {
        let printed = self.fleet.fleetctl(&[arguments, &["--json"]].concat()).await?;
        serde_json::from_str(&printed)
            .with_context(|| format!("fleetctl {} printed no JSON: {printed}", arguments.join(" ")))
    }

    /// Runs the operator's command as it is, whatever its exit status.
    ///
    /// # Errors
    /// It did not start or did not end in time.
    pub async fn fleetctl_output(&self, arguments: &[&str]) -> Result<Output> {
        self.fleet.fleetctl_output(arguments).await
    }

    /// An account as the operator sees it.
    ///
    /// # Errors
    /// There is none.
    pub async fn account(&self, id: i64) -> Result<AccountView> {
        AccountView::read(self.fleetctl(&["account", "show", &id.to_string()]).await?)
    }

    /// The balance of an account's SMS wallet, as text: `540.5`.
    ///
    /// # Errors
    /// There is no such account or wallet.
    pub async fn balance(&self, id: i64) -> Result<String> {
        Ok(self.account(id).await?.wallet("sms")?.credits.to_string())
    }

    /// Adds credits to an account's SMS wallet by hand, or takes them away (`-12`).
    ///
    /// # Errors
    /// It was refused.
    pub async fn adjust(&self, id: i64, credits: &str) -> Result<Value> {
        self.fleetctl(&[
            "adjust",
            &id.to_string(),
            "--credits",
            credits,
            "--reason",
            "a test",
        ])
        .await
    }

    /// Waits until the ledger has so many sends.
    ///
    /// # Errors
    /// It had not in time, or has more.
    pub async fn sends_recorded(&self, count: i64) -> Result<()> {
        eventually(&format!("{count} sends in the ledger"), async || {
            Ok((self.rows.sends().await? >= count).then_some(()))
        })
        .await?;
        let sends = self.rows.sends().await?;
        ensure!(sends == count, "{sends} sends in the ledger instead of {count}");
        Ok(())
    }

    /// Waits until the balance of a wallet is this.
    ///
    /// # Errors
    /// It was not in time.
    pub async fn balance_becomes(&self, id: i64, service: &str, balance: &str) -> Result<()> {
        let wanted = super::views::credits(balance)?;
        let mut last = None;
        let reached = eventually(&format!("{balance} {service} credits of {id}"), async || {
            last = Some(self.rows.balance(id, service).await?);
            Ok((last == Some(wanted)).then_some(()))
        })
        .await;
        reached.with_context(|| format!("there are {}", last.map_or_else(String::new, |it| it.to_string())))
    }

    /// Waits until the newest top-up of a wallet stands in one of these states.
    ///
    /// # Errors
    /// It did not in time; where it stands instead, is in the error.
    pub async fn topup_in(&self, id: i64, service: &str, states: &[&str]) -> Result<TopupRow> {
        let mut last = None;
        let found = eventually(&format!("a {service} top-up of {id} in {states:?}"), async || {
            let topups = self.rows.topups(id).await?;
            last = topups.into_iter().rfind(|topup| topup.service == service);
            Ok(last
                .clone()
                .filter(|topup| states.contains(&topup.state.as_str())))
        })
        .await;
        found.with_context(|| format!("there is {last:?}"))
    }

    /// Waits until every queue of the running workers is drained and nothing is on its way, delayed messages
    /// aside.
    ///
    /// # Errors
    /// The fleet was still busy when the wait was over; with what, is in the error.
    pub async fn wait_until_idle(&self) -> Result<()> {
        let mut idle_looks = 0;
        let mut busy_with = None;
        let idle = eventually("an idle fleet", async || {
            busy_with = self.busy_with().await?;
            idle_looks = if busy_with.is_none() { idle_looks + 1 } else { 0 };
            Ok((idle_looks >= IDLE_LOOKS).then_some(()))
        })
        .await;
        idle.with_context(|| busy_with.unwrap_or_default())
    }

    async fn busy_with(&self) -> Result<Option<String>> {
        if let Some(busy) = self.rows.busy(&self.busy).await? {
            return Ok(Some(busy));
        }
        for queue in &self.queues {
            let ready = self
                .broker
                .ready(queue)
                .await?
                .with_context(|| format!("{queue} is gone"))?;
            if ready > 0 {
                return Ok(Some(format!("{queue}: {ready}")));
            }
        }
        Ok(None)
    }

    /// Lets the operator's audit check everything that is always true.
    ///
    /// # Errors
    /// What is not true.
    pub async fn audit_is_clean(&self) -> Result<()> {
        self.fleet
            .fleetctl(&["audit"])
            .await
            .map(drop)
            .context("the audit")
    }

    /// The end of a test that went well: nothing is under way, the audit is clean, and every worker ends by
    /// itself when it is told to.
    ///
    /// # Errors
    /// One of these is not so.
    pub async fn finish(self) -> Result<()> {
        self.wait_until_idle().await?;
        self.stop().await
    }

    /// The same, while something is left under way on purpose.
    ///
    /// # Errors
    /// The audit found something, or a worker did not end well.
    pub async fn stop(self) -> Result<()> {
        self.audit_is_clean().await?;
        let space = self.space().clone();
        let Self {
            fleet,
            broker,
            rows,
            own_users,
            ..
        } = self;
        fleet.stop().await?;
        drop((broker, rows));
        let stack = space.stack().clone();
        space.remove().await?;
        match own_users {
            Some(own) => own.remove(&stack).await,
            None => Ok(()),
        }
    }

    /// A file of JSON lines, in the stack's own directory.
    ///
    /// # Errors
    /// It could not be written.
    pub fn file(&self, lines: impl IntoIterator<Item = Value>) -> Result<String> {
        let text: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
        self.text_file(&text)
    }

    /// A file with this text, in the stack's own directory.
    ///
    /// # Errors
    /// It could not be written.
    pub fn text_file(&self, text: &str) -> Result<String> {
        let path = self
            .space()
            .stack()
            .files()
            .join(format!("lines-{}.ndjson", shared::file_number()));
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path.display().to_string())
    }

    /// The fleet's settings, for a process that a test starts by itself.
    #[must_use]
    pub fn env(&self) -> &BTreeMap<String, String> {
        self.fleet.env()
    }
}
