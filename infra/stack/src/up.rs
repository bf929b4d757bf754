//! `stack up` and `stack down`: a stack with the whole fleet, left running for a person.
//!
//! A process of its own (`stack hold`) owns them, as a test would; `up` starts it, shows what it says
//! and goes, `down` ends it. A lock tells whether there is one, so nothing stale can be mistaken for it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, setsid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::fleet::{
    EDGE, FLEETCTL, Fleet, FleetOptions, PUBLIC_URL, callers_settings, public_url_variable, url_variable,
};
use crate::home::{self, Sole};
use crate::keeper::Durability;
use crate::place;
use crate::stack::{Options, Stack};

/// The stack's name, and so the beginning of its directory's.
const NAME: &str = "up";
/// Longest wait for everything to end by itself.
const DOWN_TIMEOUT: Duration = Duration::from_secs(150);
/// Longest wait for the keeper to clear up after an owner that had to be killed.
const CLEAR_TIMEOUT: Duration = Duration::from_secs(45);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);
/// The file of addresses is for its owner: it holds passwords.
const OWNER_ONLY: u32 = 0o600;

/// The variables of a running fleet, as shell assignments.
#[must_use]
pub fn env_file() -> PathBuf {
    place::stack_dir().join("env")
}

/// The variables of the last one; a shell may still have them.
fn previous_env_file() -> PathBuf {
    place::stack_dir().join("env.previous")
}

fn lock_file() -> PathBuf {
    place::stack_dir().join("up.lock")
}

fn log_file() -> PathBuf {
    place::stack_dir().join("up.log")
}

/// Builds and starts everything, unless it is up already, and prints the addresses.
///
/// # Errors
/// The build or one of the parts failed; whatever was started is stopped.
pub async fn up() -> Result<()> {
    fs::create_dir_all(place::stack_dir()).context("making target/stack")?;
    if Sole::holder(&lock_file()).is_some() {
        return already_up().await;
    }
    tokio::task::spawn_blocking(place::build_workspace)
        .await
        .context("building")??;
    retire_env();
    let log = File::create(log_file()).context("making target/stack/up.log")?;
    let errors = log.try_clone().context("sharing the log file")?;
    let mut hold = Command::new(place::program("stack")?);
    hold.arg("hold")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    let previous = assignments(&fs::read_to_string(previous_env_file()).unwrap_or_default());
    for (name, value) in callers_settings() {
        // Left in this shell by an earlier `up`: addresses of servers that are gone.
        if is_left_over(&previous, &name, &value) {
            hold.env_remove(name);
        }
    }
    let mut hold = hold.spawn().context("starting the stack's owner")?;
    follow(&mut hold).await?;
    print_addresses()
}

async fn already_up() -> Result<()> {
    let until = Instant::now() + DOWN_TIMEOUT;
    while !env_file().is_file() {
        ensure!(
            Sole::holder(&lock_file()).is_some(),
            "the stack stopped while starting: see {}",
            log_file().display()
        );
        ensure!(
            Instant::now() < until,
            "another `stack up` is still starting: see {}",
            log_file().display()
        );
        sleep(POLL).await;
    }
    println!("already up");
    print_addresses()
}

/// Shows the owner's progress until all is up.
async fn follow(hold: &mut Child) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut log = File::open(log_file()).context("reading target/stack/up.log")?;
    let mut said = Vec::new();
    loop {
        let is_up = env_file().is_file();
        let ended = hold.try_wait().context("looking at the stack's owner")?;
        log.read_to_end(&mut said)
            .context("reading target/stack/up.log")?;
        std::io::stderr().write_all(&said).context("showing progress")?;
        said.clear();
        if let Some(status) = ended {
            bail!(
                "the stack did not come up ({status}); see {}",
                log_file().display()
            );
        }
        if is_up {
            return Ok(());
        }
        tokio::select! {
            () = sleep(POLL) => {}
            _ = interrupt.recv() => {
                down().await?;
                bail!("stopped by Ctrl-C");
            }
        }
    }
}

fn print_addresses() -> Result<()> {
    let path = env_file();
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    for (name, value) in assignments(&text) {
        if name.ends_with("_URL") && !name.starts_with(crate::process::SETTINGS_PREFIX) {
            println!("{name:<28} {value}");
        }
    }
    println!("every address and setting: {}", path.display());
    Ok(())
}

/// Stops everything that `up` started. Nothing to stop is no error.
///
/// # Errors
/// Something would not stop.
pub async fn down() -> Result<()> {
    let Some(pid) = Sole::holder(&lock_file()) else {
        let was_killed = keeper_is_there();
        await_keeper().await?;
        retire_env();
        println!("{}", if was_killed { "down" } else { "nothing is up" });
        return Ok(());
    };
    signal_to(pid, Signal::TERM);
    let until = Instant::now() + DOWN_TIMEOUT;
    while Sole::holder(&lock_file()) == Some(pid) {
        if Instant::now() > until {
            eprintln!(
                "stack: killing what did not stop within {} s",
                DOWN_TIMEOUT.as_secs()
            );
            signal_to(pid, Signal::KILL);
            break;
        }
        sleep(POLL).await;
    }
    await_keeper().await?;
    retire_env();
    println!("down");
    Ok(())
}

fn signal_to(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended meanwhile, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

async fn await_keeper() -> Result<()> {
    let until = Instant::now() + CLEAR_TIMEOUT;
    while keeper_is_there() {
        ensure!(
            Instant::now() < until,
            "the broker or the database is still stopping"
        );
        sleep(POLL).await;
    }
    Ok(())
}

/// Whether a keeper still holds the directory of a stack that `up` started.
fn keeper_is_there() -> bool {
    fs::read_dir(place::stack_dir())
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            home::is_named(&entry.file_name(), NAME)
                && File::open(entry.path().join(home::LOCK)).is_ok_and(|lock| !home::is_free(&lock))
        })
}

fn retire_env() {
    // Not there: nothing to retire.
    let _ = fs::rename(env_file(), previous_env_file());
}

/// Owns the stack and the fleet until SIGTERM. Run by [`up`].
///
/// # Errors
/// One of the parts failed; whatever was started is stopped.
pub async fn hold() -> Result<()> {
    let Some(_sole) = Sole::take(&lock_file()).context("taking target/stack/up.lock")? else {
        bail!("already up");
    };
    // Away from the terminal, so that closing it does not end the fleet. An error says that this process
    // leads its session already, which is as good.
    let _ = setsid();
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let (stack, fleet) = tokio::select! {
        started = start() => started?,
        _ = terminate.recv() => return Ok(()),
    };
    terminate.recv().await;
    retire_env();
    let stopped = fleet.stop().await;
    stack.stop().await;
    stopped
}

async fn start() -> Result<(Stack, Fleet)> {
    let stack = Stack::start(Options {
        name: NAME.to_owned(),
        durability: Durability::Full,
        ..Options::default()
    })
    .await?;
    let space = stack.space(NAME).await?;
    eprintln!("stack: starting the fleet");
    let options = FleetOptions {
        callers_settings: true,
        ..FleetOptions::default()
    };
    let mut fleet = Fleet::start(&space, options).await?;
    write_env(&mut fleet)?;
    Ok((stack, fleet))
}

fn write_env(fleet: &mut Fleet) -> Result<()> {
    let mut variables = fleet.env_of(FLEETCTL);
    variables.insert(
        "MANAGEMENT_URL".to_owned(),
        fleet.space().management_url().to_owned(),
    );
    if let Some(url) = &fleet.space().stack().addresses().prometheus_url {
        variables.insert("RABBITMQ_METRICS_URL".to_owned(), url.clone());
    }
    variables.insert("SANDBOX_URL".to_owned(), fleet.sandbox_url());
    for worker in fleet.workers() {
        variables.insert(url_variable(worker.label()), worker.http_url());
        if let Some(url) = worker.public_url() {
            variables.insert(public_url_variable(worker.label()), url);
        }
    }
    let mut text = String::from("# Exports all that it sets: . target/stack/env\nset -a\n");
    for (name, value) in variables {
        text.push_str(&format!("{name}='{}'\n", value.replace('\'', r"'\''")));
    }
    text.push_str("set +a\n");
    // Complete or not there: whoever waits for it may read it at once.
    let path = env_file();
    let draft = path.with_extension("draft");
    File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(OWNER_ONLY)
        .open(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, &path))
        .with_context(|| format!("writing {}", path.display()))
}

/// The assignments of a file that [`write_env`] wrote.
fn assignments(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').replace(r"'\''", "'")))
        .collect()
}

/// Whether a setting is an earlier `up`'s, and good for as long as its stack alone.
fn is_left_over(previous: &BTreeMap<String, String>, name: &str, value: &str) -> bool {
    let said = |name: &str| previous.get(name).map(String::as_str) == Some(value);
    let is_address = ["__URL", "__MANAGEMENT_URL", "__LISTEN", "__CA_FILE"]
        .iter()
        .any(|ending| name.ends_with(ending));
    // One that somebody chose stays.
    let is_public = name == PUBLIC_URL && said(&public_url_variable(EDGE));
    said(name) && (is_address || is_public)
}

#[cfg(test)]
mod tests {
    use super::{assignments, is_left_over};

    #[test]
    fn assignments_are_read_back() {
        let read = assignments("# a comment\nA='1'\nB='x=y'\nC='it'\\''s'\n");
        let pairs: Vec<(&str, &str)> = read.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "x=y"), ("C", "it's")]);
    }
    #[test]
    fn what_an_earlier_stack_was_called_by_is_left_behind_and_what_somebody_chose_is_not() {
        let previous = assignments(
            "TOPUP__AMQP__MANAGEMENT_URL='http://m:1'\nTOPUP__EDGE__PUBLIC_URL='http://e:1'\nEDGE_URL='http://e:1'\n",
        );
        let is_left_over = |name: &str, value: &str| is_left_over(&previous, name, value);
        assert!(is_left_over("TOPUP__AMQP__MANAGEMENT_URL", "http://m:1"));
        assert!(!is_left_over("TOPUP__AMQP__MANAGEMENT_URL", "http://m:2"));
        assert!(is_left_over("TOPUP__EDGE__PUBLIC_URL", "http://e:1"));
        assert!(!is_left_over("TOPUP__RULES__CARD_SPACING", "30m"));
        let chosen = assignments("TOPUP__EDGE__PUBLIC_URL='https://x'\nEDGE_URL='http://e:1'\n");
        assert!(!super::is_left_over(
            &chosen,
            "TOPUP__EDGE__PUBLIC_URL",
            "https://x"
        ));
    }
}
