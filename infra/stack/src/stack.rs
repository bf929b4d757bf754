//! A running stack, as its user sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::timeout;

use crate::acts::{Act, Server};
use crate::addresses::Addresses;
use crate::database;
use crate::keeper::{Durability, Mode, Ready, started_ticks};
use crate::line::{Line, Request, Wish};
use crate::management::Management;
use crate::space::Space;

/// Longest wait for a stack, installing packages or downloading images included.
const START_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Longest name of a stack or a space, so that every name made from it fits everywhere.
const NAME_CHARS: usize = 32;

/// What kind of stack to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it is for; part of its directory's name.
    pub name: String,
    /// How careful it is with its data.
    pub durability: Durability,
    /// How many RabbitMQ nodes: 1, or 3 in a cluster, natively alone.
    pub nodes: u8,
    /// Where the servers come from; `None`: where `TOPUP_STACK` says.
    pub mode: Option<Mode>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            durability: Durability::Fast,
            nodes: 1,
            mode: None,
        }
    }
}

/// What the servers say of themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// For example `3.10.8`.
    pub rabbitmq: String,
    /// For example `15.18`.
    pub postgresql: String,
}

/// A private broker and database. The last clone that goes stops it and removes its data, and waits for
/// that; should the process die instead, however suddenly, the stack's keeper notices and does the same.
#[derive(Debug, Clone)]
pub struct Stack {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ready: Ready,
    line: Line,
    spaces: AtomicU32,
}

impl Stack {
    /// Starts a stack; where `TOPUP_STACK` says so, in containers or on servers given from outside.
    /// Progress goes to standard error.
    ///
    /// # Errors
    /// The `stack` program has not been built, or the stack could not be started.
    pub async fn start(options: Options) -> Result<Self> {
        let name = plain(&options.name)?;
        let nodes = options.nodes.to_string();
        let mut arguments = vec!["--name", &name, "--durability", options.durability.name()];
        arguments.extend(["--nodes", &nodes]);
        if let Some(mode) = options.mode {
            arguments.extend(["--mode", mode.name()]);
        }
        let (line, first) = Line::open(&arguments)?;
        let ready = timeout(START_TIMEOUT, first)
            .await
            .with_context(|| format!("the stack was not ready after {} s", START_TIMEOUT.as_secs()))?;
        let ready = ready.context("the stack did not start; its keeper said why above")?;
        let ready: Ready = serde_json::from_str(&ready).context("reading the keeper's ready line")?;
        Ok(Self {
            inner: Arc::new(Inner {
                ready,
                line,
                spaces: AtomicU32::new(0),
            }),
        })
    }

    /// Where it can be reached.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.inner.ready.addresses
    }

    /// Where the broker and the database come from.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.inner.ready.mode
    }

    /// The directory of everybody's logs. It outlives the stack for a while.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.inner.ready.logs
    }

    /// A directory for files that go with the stack.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.inner.ready.files.clone()
    }

    /// A client of the broker's management interface.
    ///
    /// # Errors
    /// The stack's management address is no URL.
    pub fn management(&self) -> Result<Management> {
        Management::new(self.addresses())
    }

    /// The servers' versions.
    ///
    /// # Errors
    /// The broker or the database does not answer.
    pub async fn versions(&self) -> Result<Versions> {
        let overview = self.management()?.get("/api/overview").await?;
        let rabbitmq = overview["rabbitmq_version"].as_str();
        Ok(Versions {
            rabbitmq: rabbitmq.unwrap_or("of unknown version").to_owned(),
            postgresql: database::version(&self.addresses().database_url).await?,
        })
    }

    /// A fresh, empty database and virtual host for one test or one fleet.
    ///
    /// # Errors
    /// The broker or the database refused.
    pub async fn space(&self, name: &str) -> Result<Space> {
        self.make_space(name, None).await
    }

    /// A fresh virtual host, and a database that is a copy of `template`'s, to which nobody may be connected.
    ///
    /// # Errors
    /// The broker or the database refused.
    pub async fn space_from(&self, name: &str, template: &Space) -> Result<Space> {
        self.make_space(name, Some(template.database())).await
    }

    async fn make_space(&self, name: &str, template: Option<&str>) -> Result<Space> {
        let number = self.inner.spaces.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            "topup_{}_{}_{number}",
            plain(name)?.replace('-', "_"),
            std::process::id()
        );
        self.tell(&Request::Space { name: name.clone() })?;
        let management = self.management()?;
        tokio::try_join!(
            management.create_vhost(&name),
            database::create(&self.addresses().database_url, &name, template),
        )
        .with_context(|| format!("making the space {name}"))?;
        Ok(Space::new(self.clone(), name))
    }

    /// Removes a space's database and virtual host.
    pub(crate) async fn remove_space(&self, name: &str) -> Result<()> {
        let management = self.management()?;
        management.delete(&format!("/api/vhosts/{name}")).await?;
        database::remove(&self.addresses().database_url, name).await?;
        self.tell(&Request::Removed {
            name: name.to_owned(),
        })
    }

    /// Lets a process go with the stack at the latest, also where this one dies before it can end it.
    /// [`Process`](crate::Process)es are guarded already.
    ///
    /// # Errors
    /// The stack's keeper is gone.
    pub fn guard(&self, pid: i32) -> Result<()> {
        match started_ticks(pid) {
            Some(started_ticks) => self.tell(&Request::Guard { pid, started_ticks }),
            // It has ended already.
            None => Ok(()),
        }
    }

    /// Takes back [`Self::guard`], because the process has ended.
    ///
    /// # Errors
    /// The stack's keeper is gone.
    pub fn release(&self, pid: i32) -> Result<()> {
        self.tell(&Request::Release { pid })
    }

    /// Does something to one of its servers, and returns when that is done; of several at once, those on the same
    /// server wait for each other. The stack is kept whatever becomes of its servers.
    ///
    /// # Errors
    /// It could not be done; always so where [`Self::has_acts`] is false.
    pub async fn act(&self, server: Server, act: Act) -> Result<()> {
        let done = self.inner.line.ask(Wish::Act { server, act }).await;
        done.map(drop).with_context(|| format!("{act:?} of {server:?}"))
    }

    /// Whether its servers can be acted on: those of a native stack.
    #[must_use]
    pub fn has_acts(&self) -> bool {
        match self.mode() {
            Mode::Native => true,
            Mode::Containers | Mode::External => false,
        }
    }

    /// Runs RabbitMQ's own command on a node, and returns what it printed. It takes a second or two.
    ///
    /// # Errors
    /// It ended with another status than 0, or not in time; always so where [`Self::has_acts`] is false.
    pub async fn rabbitmqctl(&self, node: u8, arguments: &[&str]) -> Result<String> {
        let wish = Wish::Rabbitmqctl {
            node,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        };
        let said = self.inner.line.ask(wish).await;
        said.with_context(|| format!("rabbitmqctl {} on node {node}", arguments.join(" ")))
    }

    /// The address of each RabbitMQ node, without a virtual host.
    #[must_use]
    pub fn amqp_urls(&self) -> Vec<String> {
        let nodes = self.inner.ready.nodes.iter();
        nodes.map(|node| node.amqp_url.clone()).collect()
    }

    /// A client of one node's management interface, for when node 0 is away.
    ///
    /// # Errors
    /// There is no such node, or its address is no URL.
    pub fn management_of(&self, node: u8) -> Result<Management> {
        let node = self.inner.ready.nodes.get(usize::from(node));
        Management::new(node.context("there is no such node")?)
    }

    fn tell(&self, request: &Request) -> Result<()> {
        self.inner.line.tell(request)
    }

    /// Stops the stack (if this is its last clone) without blocking the caller's thread.
    pub async fn stop(self) {
        // A panic while stopping has been reported by the thread itself.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

/// A name of lower-case letters, digits and dashes.
fn plain(name: &str) -> Result<String> {
    let plain: String = name
        .chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() {
                char.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(NAME_CHARS)
        .collect();
    ensure!(!plain.is_empty(), "a stack or space needs a name");
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn names_are_made_plain() {
        assert_eq!(
            plain("A test::of Names").ok().as_deref(),
            Some("a-test--of-names")
        );
        assert_eq!(plain(&"x".repeat(100)).map(|name| name.len()).ok(), Some(32));
        assert!(plain("").is_err());
    }
}
