//! The keeper: a process that owns one stack, so that the stack never outlives its user.
//!
//! It prints one line of JSON with the addresses once everything is ready, and stops and removes
//! everything when its standard input ends (its user is gone, however it went) or on SIGTERM. Through
//! standard input it is also told which processes and which databases and virtual hosts are to go with it, and
//! asked to do things to its servers, which it answers with a line each. A server that is down because somebody asked
//! for that is no broken stack.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::addresses::Addresses;
use crate::containers::{self, Containers};
use crate::database;
use crate::home::Home;
use crate::line::{Answer, Request, Wish};
use crate::management::Management;
use crate::native::Native;
use crate::stack::Options;

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
    /// Nothing waits for the disk, for tests: what was committed or confirmed survives the servers' own end, and not
    /// the machine's.
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
    /// The same for each RabbitMQ node; the first is the one above.
    pub(crate) nodes: Vec<Addresses>,
    pub(crate) mode: Mode,
    pub(crate) logs: PathBuf,
    pub(crate) files: PathBuf,
}

/// Where the broker and the database come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
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
    /// As it stands on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Containers => "containers",
            Self::External => "external",
        }
    }

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
    /// Shared with the acts that are under way.
    Native(Arc<Native>),
    Containers(Box<Containers>),
    External,
}

impl Backend {
    fn native(&self) -> Option<Arc<Native>> {
        match self {
            Self::Native(native) => Some(Arc::clone(native)),
            Self::Containers(_) | Self::External => None,
        }
    }
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
pub async fn keep(options: &Options) -> Result<()> {
    crate::http::install_crypto();
    let mode = options.mode.map_or_else(Mode::from_env, Ok)?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut requests = read_requests();
    let home = Home::create(&options.name)?;
    let mut belongings = Belongings::default();

    let started = tokio::select! {
        started = start(&home, mode, options) => started,
        _ = terminate.recv() => Err(anyhow!("told to stop while starting")),
        _ = interrupt.recv() => Err(anyhow!("told to stop while starting")),
        // Nothing can be told before the ready line; this is the end of standard input.
        _ = requests.recv() => Err(anyhow!("the stack's user went while it was starting")),
    };
    let (backend, nodes) = match started {
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
    let addresses = nodes.first().context("a stack has a broker")?.clone();
    let told = say(&Ready {
        addresses: addresses.clone(),
        nodes,
        mode,
        logs: home.logs(),
        files,
    });
    if told.is_ok() {
        tokio::select! {
            () = serve(&mut requests, &mut belongings, &backend) => {}
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

/// The servers, and the addresses by way of each RabbitMQ node.
async fn start(home: &Home, mode: Mode, options: &Options) -> Result<(Backend, Vec<Addresses>)> {
    ensure!(
        options.nodes == 1 || (options.nodes == 3 && mode == Mode::Native),
        "a stack has one RabbitMQ node, or natively three"
    );
    match mode {
        Mode::Native => {
            let (native, addresses) = Native::start(home, options).await?;
            Ok((Backend::Native(Arc::new(native)), addresses))
        }
        Mode::Containers => {
            let (containers, addresses) = Containers::start(home, options.durability).await?;
            Ok((Backend::Containers(Box::new(containers)), vec![addresses]))
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
            Ok((Backend::External, vec![addresses]))
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

fn say(what: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_string(what).context("writing a line to the stack's user")?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())
        .and_then(|()| out.flush())
        .context("telling the stack's user")
}

/// Does what it is told until there is nobody to tell it any more. Acts take their time beside all else; those that
/// are under way at the end are given up.
async fn serve(requests: &mut mpsc::Receiver<Request>, belongings: &mut Belongings, backend: &Backend) {
    let mut under_way = JoinSet::new();
    loop {
        let request = tokio::select! {
            request = requests.recv() => request,
            Some(_) = under_way.join_next() => continue,
        };
        match request {
            None => return,
            Some(Request::Guard { pid, started_ticks }) => {
                belongings.processes.insert(pid, started_ticks);
            }
            Some(Request::Release { pid }) => {
                belongings.processes.remove(&pid);
            }
            Some(Request::Space { name }) => {
                belongings.spaces.insert(name);
            }
            Some(Request::Removed { name }) => {
                belongings.spaces.remove(&name);
            }
            Some(Request::Do { number, wish }) => {
                let native = backend.native();
                under_way.spawn(async move {
                    let said = match native {
                        Some(native) => fulfil(&native, wish).await,
                        None => Err(anyhow!(
                            "only the servers of a native stack can be acted on (TOPUP_STACK)"
                        )),
                    };
                    let said = said.map_err(|error| format!("{error:#}"));
                    // Where nobody listens, the end of standard input is about to say so.
                    let _ = say(&Answer { number, said });
                });
            }
        }
    }
}

async fn fulfil(native: &Native, wish: Wish) -> Result<String> {
    match wish {
        Wish::Act { server, act } => native.act(server, act).await.map(|()| String::new()),
        Wish::Rabbitmqctl { node, arguments } => native.rabbitmqctl(node, &arguments).await,
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
