//! The keeper: a process that owns one stack, so that the stack never outlives its user.
//!
//! It prints one line of JSON with the addresses once everything is ready, and stops and removes
//! everything when its standard input ends (its user is gone, however it went) or on SIGTERM. Through
//! standard input it is also told which processes and which databases and virtual hosts are to go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::addresses::Addresses;
use crate::containers::{self, Containers};
use crate::database;
use crate::home::Home;
use crate::management::Management;
use crate::native::Native;

/// Requests read and not yet handled.
const REQUESTS: usize = 256;
/// Longest wait for spaces to be removed from a broker and database that live on.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for servers to end that were stopped while starting.
const END_PAUSE: Duration = Duration::from_millis(500);

/// How careful the stack is with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// As in production.
    Full,
    /// Nothing waits for the disk: for tests.
    Fast,
}

impl Durability {
    /// As it stands on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Fast => "fast",
        }
    }
}

/// What a keeper says once everything is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) addresses: Addresses,
    pub(crate) mode: Mode,
    pub(crate) logs: PathBuf,
    pub(crate) files: PathBuf,
}

/// What a keeper can be told, one JSON value a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Kill this process with the stack, if it still is the one that started at that time.
    Guard { pid: i32, started_ticks: u64 },
    /// That process has ended.
    Release { pid: i32 },
    /// Remove this database and virtual host with the stack.
    Space { name: String },
    /// They have been removed.
    Removed { name: String },
}

/// Where the broker and the database come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Programs of the machine's packages.
    Native,
    /// Containers.
    Containers,
    /// Given, and left running.
    External,
}

impl Mode {
    /// The mode that `TOPUP_STACK` names; native where it is not set.
    ///
    /// # Errors
    /// It names none.
    pub fn from_env() -> Result<Self> {
        match env::var("TOPUP_STACK").as_deref().unwrap_or("native") {
            "" | "native" => Ok(Self::Native),
            "containers" => Ok(Self::Containers),
            "external" => Ok(Self::External),
            other => bail!("TOPUP_STACK={other}: expected native, containers or external"),
        }
    }
}

enum Backend {
    Native(Box<Native>),
    Containers(Box<Containers>),
    External,
}

#[derive(Default)]
struct Belongings {
    processes: BTreeMap<i32, u64>,
    spaces: BTreeSet<String>,
}

/// Starts a stack, serves it until its user is gone, and stops it.
///
/// # Errors
/// The stack could not be started; whatever was started is stopped.
pub async fn keep(name: &str, durability: Durability) -> Result<()> {
    crate::management::install_crypto();
    let mode = Mode::from_env()?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut requests = read_requests();
    let home = Home::create(name)?;
    let mut belongings = Belongings::default();

    let started = tokio::select! {
        started = start(&home, mode, durability) => started,
        _ = terminate.recv() => Err(anyhow::anyhow!("told to stop while starting")),
        _ = interrupt.recv() => Err(anyhow::anyhow!("told to stop while starting")),
        // Nothing can be told before the ready line; this is the end of standard input.
        _ = requests.recv() => Err(anyhow::anyhow!("the stack's user went while it was starting")),
    };
    let (backend, addresses) = match started {
        Ok(started) => started,
        Err(error) => {
            // What was started has been told to end, without being waited for.
            sleep(END_PAUSE).await;
            clear_containers(mode, &home).await;
            home.remove_data();
            return Err(error);
        }
    };
    let files = home.data("files")?;
    let told = announce(&Ready {
        addresses: addresses.clone(),
        mode,
        logs: home.logs(),
        files,
    });
    if told.is_ok() {
        tokio::select! {
            () = serve(&mut requests, &mut belongings) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    stop(backend, &addresses, belongings).await;
    home.remove_data();
    told
}

/// Removes what a start that failed may have made. That start's error is the one to tell; what is left
/// after all is removed by the next stack.
async fn clear_containers(mode: Mode, home: &Home) {
    match mode {
        Mode::Containers => drop(containers::clear_up(home).await),
        Mode::Native | Mode::External => {}
    }
}

async fn start(home: &Home, mode: Mode, durability: Durability) -> Result<(Backend, Addresses)> {
    match mode {
        Mode::Native => {
            let (native, addresses) = Native::start(home, durability).await?;
            Ok((Backend::Native(Box::new(native)), addresses))
        }
        Mode::Containers => {
            let (containers, addresses) = Containers::start(home, durability).await?;
            Ok((Backend::Containers(Box::new(containers)), addresses))
        }
        Mode::External => {
            let addresses = external()?;
            Management::new(&addresses)?
                .get("/api/overview")
                .await
                .context("TOPUP_STACK_MANAGEMENT_URL")?;
            database::version(&addresses.database_url)
                .await
                .context("TOPUP_STACK_DATABASE_URL")?;
            Ok((Backend::External, addresses))
        }
    }
}

fn external() -> Result<Addresses> {
    let given = |name: &str| env::var(name).with_context(|| format!("TOPUP_STACK=external needs {name}"));
    Ok(Addresses {
        amqp_url: given("TOPUP_STACK_AMQP_URL")?,
        database_url: given("TOPUP_STACK_DATABASE_URL")?,
        management_url: given("TOPUP_STACK_MANAGEMENT_URL")?,
        prometheus_url: None,
    })
}

async fn stop(backend: Backend, addresses: &Addresses, belongings: Belongings) {
    for (pid, started_ticks) in belongings.processes {
        kill_if_same(pid, started_ticks);
    }
    match backend {
        Backend::Native(native) => native.stop().await,
        Backend::Containers(containers) => containers.stop().await,
        Backend::External => {
            let removal = async {
                for name in &belongings.spaces {
                    remove_space(addresses, name).await;
                }
            };
            if timeout(REMOVE_TIMEOUT, removal).await.is_err() {
                eprintln!("stack: some databases and virtual hosts may be left on the given servers");
            }
        }
    }
}

/// Removes one database and its virtual host, saying so where it fails.
async fn remove_space(addresses: &Addresses, name: &str) {
    let removed = async {
        Management::new(addresses)?
            .delete(&format!("/api/vhosts/{name}"))
            .await?;
        database::remove(&addresses.database_url, name).await
    };
    if let Err(error) = removed.await {
        eprintln!("stack: {name} is left on the given servers: {error:#}");
    }
}

fn announce(ready: &Ready) -> Result<()> {
    let mut line = serde_json::to_string(ready).context("writing the ready line")?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())
        .and_then(|()| out.flush())
        .context("telling the stack's user")
}

async fn serve(requests: &mut mpsc::Receiver<Request>, belongings: &mut Belongings) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Guard { pid, started_ticks } => {
                belongings.processes.insert(pid, started_ticks);
            }
            Request::Release { pid } => {
                belongings.processes.remove(&pid);
            }
            Request::Space { name } => {
                belongings.spaces.insert(name);
            }
            Request::Removed { name } => {
                belongings.spaces.remove(&name);
            }
        }
    }
}

/// Standard input as requests, read by a thread that may stay blocked when the process ends.
fn read_requests() -> mpsc::Receiver<Request> {
    let (sender, receiver) = mpsc::channel(REQUESTS);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            match serde_json::from_str(&line) {
                Ok(request) => {
                    if sender.blocking_send(request).is_err() {
                        return;
                    }
                }
                Err(error) => eprintln!("stack: not understood: {line}: {error}"),
            }
        }
    });
    receiver
}

/// When the process started, in clock ticks since the machine did; with the id, that names one process for good.
pub(crate) fn started_ticks(pid: i32) -> Option<u64> {
    const FIELD_AFTER_NAME: usize = 19;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; what follows it is regular.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(FIELD_AFTER_NAME)?.parse().ok()
}

fn kill_if_same(pid: i32, ticks: u64) {
    if started_ticks(pid) == Some(ticks)
        && let Some(pid) = Pid::from_raw(pid)
    {
        // It may have ended since, which is what is wanted.
        let _ = kill_process(pid, Signal::KILL);
    }
}
