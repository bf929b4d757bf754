//! A server that can be killed, stopped, started, halted and wiped while its stack lives on.

use anyhow::{Context as _, Result};
use rustix::process::Signal;
use tokio::sync::Mutex;

use super::leader::Leader;
use super::ports::Port;
use crate::acts::Act;

/// Starts before giving up; a port lost between the look and the use is what a second one mends.
const START_ATTEMPTS: u32 = 2;

/// What is particular about one kind of server.
pub(super) trait Kind {
    /// What tells it to stop in its own order.
    const STOP: Signal;

    /// What it listens on.
    fn ports(&self) -> Vec<&Port>;

    /// Makes what a start needs and a wipe took, where it is not there.
    async fn prepare(&self) -> Result<()>;

    /// Starts its process.
    fn launch(&self) -> Result<Leader>;

    /// Waits until it serves.
    async fn until_it_serves(&self, leader: &mut Leader) -> Result<()>;

    /// Removes its data, and whatever a kill left of it in the system. It is down.
    fn wipe(&self) -> Result<()>;
}

/// One server, up or down. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server<K> {
    /// `None` while it is down. The first to be dropped: what its kind then clears up must not be in use.
    leader: Mutex<Option<Leader>>,
    kind: K,
}

impl<K: Kind> Server<K> {
    /// One that is down.
    pub(super) fn new(kind: K) -> Self {
        Self {
            leader: Mutex::new(None),
            kind,
        }
    }

    pub(super) fn kind(&self) -> &K {
        &self.kind
    }

    /// Does something to it; acts on one server wait for each other.
    pub(super) async fn act(&self, act: Act) -> Result<()> {
        let mut leader = self.leader.lock().await;
        match act {
            Act::Start => self.start(&mut leader).await,
            Act::Kill => {
                if let Some(up) = leader.take() {
                    up.kill().await;
                }
                Ok(())
            }
            Act::Stop => {
                if let Some(up) = leader.take() {
                    up.stop(K::STOP).await;
                }
                Ok(())
            }
            Act::Pause => {
                leader.as_mut().context("it is down")?.pause();
                Ok(())
            }
            Act::Resume => {
                if let Some(up) = leader.as_mut() {
                    up.resume();
                }
                Ok(())
            }
            Act::Wipe => {
                if let Some(up) = leader.take() {
                    up.kill().await;
                }
                self.kind.wipe()
            }
        }
    }

    async fn start(&self, leader: &mut Option<Leader>) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.start_once(leader).await {
                Err(error) if attempt < START_ATTEMPTS => {
                    eprintln!("stack: {error:#}");
                    eprintln!("stack: trying again");
                    attempt += 1;
                }
                started => return started,
            }
        }
    }

    async fn start_once(&self, leader: &mut Option<Leader>) -> Result<()> {
        let has_ended = match leader.as_mut() {
            Some(up) => up.ended()?.is_some(),
            None => true,
        };
        if has_ended {
            for port in self.kind.ports() {
                port.until_free().await?;
            }
            self.kind.prepare().await?;
            *leader = Some(self.kind.launch()?);
        }
        let up = leader.as_mut().context("it was just started")?;
        up.resume();
        let served = self.kind.until_it_serves(up).await;
        if served.is_err() {
            // What does not serve is down.
            if let Some(up) = leader.take() {
                up.kill().await;
            }
        }
        served
    }

    /// Ends it for good; its data is of no use to anybody afterwards.
    pub(super) async fn end(&self) {
        match self.leader.lock().await.take() {
            Some(up) => up.end().await,
            // What a kill left of it. The rest goes with the stack's directory.
            None => drop(self.kind.wipe()),
        }
    }
}
