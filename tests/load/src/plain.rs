//! Where the job is done without the fleet: the same queues in a virtual host of their own, and a database with no
//! more tables than the job needs. What is left over there, because its taker ended before its acknowledgement
//! was heard, is nobody else's.

use anyhow::{Context as _, Result, ensure};
use lapin::Channel;
use lapin::options::QueuePurgeOptions;
use topup_stack::{Fleet, FleetOptions, Stack};

use crate::bench::{SPENDING_FROM, WORKER, spending};
use crate::database::Database;
use crate::progress;
use crate::sender::Sender;

/// The place.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) database: Database,
    pub(crate) amqp_url: String,
    pub(crate) accounts: u32,
    sender: Sender,
    channel: Channel,
}

impl Plain {
    pub(crate) async fn make(stack: &Stack, accounts: u32) -> Result<Self> {
        let space = stack.space("plain").await?;
        let database = Database::connect(space.database_url()).await?;
        database.make_plain(SPENDING_FROM, accounts).await?;
        let fleet = Fleet::prepare(&space, &FleetOptions::default()).await?;
        fleet.fleetctl(&["topology", "apply"]).await?;
        fleet.stop().await?;
        let sender = Sender::connect(space.amqp_url()).await?;
        let channel = sender.another_channel().await?;
        Ok(Self {
            database,
            amqp_url: space.amqp_url().to_owned(),
            accounts,
            sender,
            channel,
        })
    }

    /// Publishes so many events while nobody takes any.
    pub(crate) async fn fill_queue(&mut self, count: u32) -> Result<()> {
        // What came back after an acknowledgement that was not heard has been debited.
        self.channel
            .queue_purge(WORKER.into(), QueuePurgeOptions::default())
            .await
            .context("emptying a queue")?;
        let bar = progress::bar("publishing events", u64::from(count));
        self.sender
            .publish_all(count, spending(self.accounts), &bar)
            .await?;
        bar.finish_and_clear();
        Ok(())
    }

    /// That each of so many events was debited, once, since there were `before` rows.
    pub(crate) async fn check(&self, before: u64, count: u32) -> Result<()> {
        let rows = self.database.plain_rows().await? - before;
        ensure!(rows == u64::from(count), "{rows} of {count} events were debited");
        Ok(())
    }
}
