//! A running stack, as its user sees it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::addresses::Addresses;
use crate::database;
use crate::keeper::{Durability, Mode, Ready, Request, started_ticks};
use crate::management::Management;
use crate::place;
use crate::space::Space;

/// Longest wait for a stack, installing packages or downloading images included.
const START_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Longest wait for a keeper to stop everything.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
/// Pause between two looks whether it has.
const STOP_POLL: Duration = Duration::from_millis(10);
/// Longest name of a stack or a space, so that every name made from it fits everywhere.
const NAME_CHARS: usize = 32;

/// What kind of stack to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// What it is for; part of its directory's name.
    pub name: String,
    /// How careful it is with its data.
    pub durability: Durability,
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
    keeper: Keeper,
    spaces: AtomicU32,
}

/// The keeper's process; dropping it ends the stack.
#[derive(Debug)]
struct Keeper {
    child: Mutex<Child>,
    input: Mutex<Option<ChildStdin>>,
}

impl Stack {
    /// Starts a stack; where `TOPUP_STACK` says so, in containers or on servers given from outside.
    /// Progress goes to standard error.
    ///
    /// # Errors
    /// The `stack` program has not been built, or the stack could not be started.
    pub async fn start(options: Options) -> Result<Self> {
        let name = plain(&options.name)?;
        let (keeper, output) = Keeper::spawn(&name, options.durability)?;
        let line = timeout(START_TIMEOUT, first_line(output))
            .await
            .with_context(|| format!("the stack was not ready after {} s", START_TIMEOUT.as_secs()))?;
        let line = line.context("the stack did not start; its keeper said why above")?;
        let ready: Ready = serde_json::from_str(&line).context("reading the keeper's ready line")?;
        Ok(Self {
            inner: Arc::new(Inner {
                ready,
                keeper,
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

    fn tell(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_string(request).context("writing to the keeper")?;
        line.push('\n');
        let mut input = self
            .inner
            .keeper
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match input.as_mut() {
            Some(input) => input
                .write_all(line.as_bytes())
                .context("the stack's keeper is gone"),
            None => Ok(()),
        }
    }

    /// Stops the stack (if this is its last clone) without blocking the caller's thread.
    pub async fn stop(self) {
        // A panic while stopping has been reported by the thread itself.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Keeper {
    fn spawn(name: &str, durability: Durability) -> Result<(Self, ChildStdout)> {
        let mut child = Command::new(place::program("stack")?)
            .args(["keep", "--name", name, "--durability", durability.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C at the terminal is for the stack's user, whose end then ends the stack.
            .process_group(0)
            .spawn()
            .context("starting the stack's keeper")?;
        let output = child.stdout.take().context("listening to the stack's keeper")?;
        let input = child.stdin.take();
        Ok((
            Self {
                child: Mutex::new(child),
                input: Mutex::new(input),
            },
            output,
        ))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(
            self.input
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < until {
            match child.try_wait() {
                Ok(None) => thread::sleep(STOP_POLL),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        eprintln!(
            "stack: its keeper did not stop after {} s and is killed",
            STOP_TIMEOUT.as_secs()
        );
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The first line of a process's output; `None` where it ends without one.
async fn first_line(output: ChildStdout) -> Option<String> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if BufReader::new(output)
            .read_line(&mut line)
            .is_ok_and(|length| length > 0)
        {
            // Nobody waits any longer: then nobody needs it.
            let _ = sender.send(line);
        }
    });
    receiver.await.ok()
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
