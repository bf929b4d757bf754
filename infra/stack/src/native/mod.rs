//! The stack from the machine's own packages.
//!
//! Nothing of the system's is used but programs: every directory, port, cookie, password and setting is
//! the stack's own, and everything listens on 127.0.0.1 alone. A broker or database that the machine runs
//! as a service is neither touched nor noticed.

mod family;
mod install;
mod leader;
mod ports;
mod postgres;
mod rabbitmq;
mod random;
mod server;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::acts::{Act, Server};
use crate::addresses::Addresses;
use crate::home::Home;
use crate::stack::Options;

pub(crate) use install::ensure_packages;
pub(crate) use postgres::{USER as POSTGRES_USER, shared_settings as postgres_settings};
pub(crate) use rabbitmq::{ENABLED_PLUGINS as RABBITMQ_PLUGINS, shared_settings as rabbitmq_settings};
pub(crate) use random::secret;

/// Where servers find programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Starts before giving up; a port lost between choosing and using it is what a second one mends.
const START_ATTEMPTS: u32 = 3;
/// How much of a log's end is looked at for an error.
const LOG_TAIL_BYTES: u64 = 64 * 1024;
/// Lines of a log that an error repeats.
const LOG_TAIL_LINES: usize = 15;

/// A native broker and database. Dropping it kills both.
#[derive(Debug)]
pub(crate) struct Native {
    rabbitmq: rabbitmq::Cluster,
    postgres: server::Server<postgres::Postgres>,
}

impl Native {
    /// Installs what is missing, then starts both at once. The addresses are one for each RabbitMQ node.
    pub(crate) async fn start(home: &Home, options: &Options) -> Result<(Self, Vec<Addresses>)> {
        let programs = install::ensure_programs().await?;
        let (rabbitmq, postgres) = tokio::try_join!(
            again(|attempt| rabbitmq::Cluster::start(home, options, attempt)),
            again(|attempt| postgres::start(home, options.durability, &programs, attempt)),
        )?;
        let addresses = rabbitmq.addresses(&postgres.kind().database_url());
        Ok((Self { rabbitmq, postgres }, addresses))
    }

    /// Does something to one of the servers.
    pub(crate) async fn act(&self, server: Server, act: Act) -> Result<()> {
        match server {
            Server::Broker(node) => self.rabbitmq.act(node, act).await,
            Server::Database => self.postgres.act(act).await,
        }
    }

    /// Runs RabbitMQ's own command.
    pub(crate) async fn rabbitmqctl(&self, node: u8, arguments: &[String]) -> Result<String> {
        self.rabbitmq.rabbitmqctl(node, arguments).await
    }

    /// Stops both; their data is of no use to anybody afterwards.
    pub(crate) async fn stop(&self) {
        tokio::join!(self.rabbitmq.end(), self.postgres.end());
    }
}

async fn again<T, F, R>(mut start: F) -> Result<T>
where
    F: FnMut(u32) -> R,
    R: Future<Output = Result<T>>,
{
    let mut attempt = 1;
    loop {
        match start(attempt).await {
            Ok(started) => return Ok(started),
            Err(error) if attempt >= START_ATTEMPTS => return Err(error),
            Err(error) => {
                eprintln!("stack: {error:#}");
                eprintln!("stack: trying again");
                attempt += 1;
            }
        }
    }
}

/// A command with an empty environment, a process group, a log, and a signal from the system should the keeper die.
/// `signal` is that signal's name; `user` whom to become first.
fn service(program: impl AsRef<OsStr>, signal: &str, user: Option<&str>, log: &Path) -> Result<Command> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    let errors = log.try_clone().context("sharing a log file")?;
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
    command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0);
    Ok(command)
}

/// The last lines of a log, for an error.
pub(crate) fn log_tail(path: &Path) -> String {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        file.read_to_end(&mut text)
    });
    if let Err(error) = read {
        return format!("(its log {} cannot be read: {error})", path.display());
    }
    format!(
        "the end of {}:\n{}",
        path.display(),
        tail_of(&String::from_utf8_lossy(&text))
    )
}

/// The last lines of a text.
pub(crate) fn tail_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
