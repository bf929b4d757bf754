//! One program of the fleet, running.
//!
//! Every such program writes one line to standard output once its addresses are bound,
//! `{"ready":{"name":"sms-sent","http":"127.0.0.1:41234"}}`, and its logs to standard error. The sandbox names its
//! `smtp` address, too, and the edge its `public` one.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::http::plain_client;
use crate::native::log_tail;
use crate::place;
use crate::stack::Stack;

/// Longest wait for a program to bind its addresses.
const BIND_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a program to have its broker and database.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a program to end after SIGTERM; longer than any grace period of its own.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(15);
/// Settings of the fleet; those of this process are not for the programs that it starts.
pub(crate) const SETTINGS_PREFIX: &str = "TOPUP__";

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// The binary's name.
    pub(crate) name: String,
    /// The log file's name, without its ending.
    pub(crate) label: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) logs: PathBuf,
    /// Where the binary is, if not among this build's.
    pub(crate) programs: Option<PathBuf>,
}

/// A running program. Dropping it kills it; should this process die, the stack's keeper does.
#[derive(Debug)]
pub struct Process {
    name: String,
    label: String,
    child: Child,
    ready: Ready,
    log: PathBuf,
    stack: Stack,
}

#[derive(Debug, Deserialize)]
struct ReadyLine {
    ready: Ready,
}

#[derive(Debug, Deserialize)]
struct Ready {
    http: SocketAddr,
    smtp: Option<SocketAddr>,
    public: Option<SocketAddr>,
}

impl Process {
    pub(crate) async fn spawn(stack: &Stack, launch: Launch) -> Result<Self> {
        let Launch {
            name,
            label,
            arguments,
            env,
            logs,
            programs,
        } = launch;
        fs::create_dir_all(&logs).with_context(|| format!("making {}", logs.display()))?;
        let log = logs.join(format!("{label}.log"));
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("opening {}", log.display()))?;
        let errors = file.try_clone().context("sharing a log file")?;
        let mut command = command(programs.as_deref(), &name, &env)?;
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors);
        // A Ctrl-C at the terminal is for whoever runs the fleet.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let output = child
            .stdout
            .take()
            .with_context(|| format!("listening to {name}"))?;
        // From here on dropping it kills it.
        let mut process = Self {
            name,
            label,
            child,
            ready: Ready::none(),
            log,
            stack: stack.clone(),
        };
        stack.guard(process.pid())?;
        process.ready = process.bound(output, file).await?;
        Ok(process)
    }

    async fn bound(&mut self, output: ChildStdout, log: File) -> Result<Ready> {
        let name = &self.name;
        let line = match timeout(BIND_TIMEOUT, first_line(output, log)).await {
            Ok(Some(line)) => line,
            Ok(None) => {
                let status = self.child.wait().with_context(|| format!("waiting for {name}"))?;
                bail!("{name} ended while starting ({status}); {}", log_tail(&self.log));
            }
            Err(_) => {
                let waited_s = BIND_TIMEOUT.as_secs();
                bail!("{name} said nothing for {waited_s} s; {}", log_tail(&self.log));
            }
        };
        let line: ReadyLine = serde_json::from_str(&line)
            .with_context(|| format!("{name}'s first line is no ready line: {line}"))?;
        Ok(line.ready)
    }

    /// The binary's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that tells it from others of the same binary, for example `sms-sent-2`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// `http://127.0.0.1:port` of its own HTTP address.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.ready.http)
    }

    /// `http://127.0.0.1:port` of the address that the world outside calls, if it has one.
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        self.ready.public.map(|address| format!("http://{address}"))
    }

    /// Its SMTP address, if it has one.
    #[must_use]
    pub fn smtp(&self) -> Option<SocketAddr> {
        self.ready.smtp
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// It ended meanwhile, or was not ready in time.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let client = client()?;
        let url = format!("{}/readyz", self.http_url());
        let until = Instant::now() + READY_TIMEOUT;
        loop {
            if client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == StatusCode::OK)
            {
                return Ok(());
            }
            if let Some(status) = self.try_wait()? {
                bail!(
                    "{} ended before it was ready ({status}); {}",
                    self.name,
                    log_tail(&self.log)
                );
            }
            if Instant::now() > until {
                let waited_s = READY_TIMEOUT.as_secs();
                bail!(
                    "{} was not ready after {waited_s} s; {}",
                    self.name,
                    log_tail(&self.log)
                );
            }
            sleep(POLL).await;
        }
    }

    /// Its exit status, if it has ended.
    ///
    /// # Errors
    /// The system does not know the process.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("looking at {}", self.name))
    }

    /// Kills it, without a chance to finish anything, and waits for its end.
    ///
    /// # Errors
    /// The system does not know the process.
    pub fn kill9(&mut self) -> Result<ExitStatus> {
        self.child
            .kill()
            .with_context(|| format!("killing {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("waiting for {}", self.name))
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid()).context("a process id is never 0")?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Asks it to finish (SIGTERM) and waits for its end; one that has ended already is no error.
    ///
    /// # Errors
    /// It was still there when its time was up.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        let until = Instant::now() + END_TIMEOUT;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > until {
                bail!(
                    "{} did not end within {} s of SIGTERM",
                    self.name,
                    END_TIMEOUT.as_secs()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Its resident memory in KiB.
    ///
    /// # Errors
    /// It has ended.
    pub fn rss_kb(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .with_context(|| format!("{} has ended", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted; and without its keeper there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.stack.release(self.pid());
    }
}

impl Ready {
    /// Before the process has said anything.
    fn none() -> Self {
        Self {
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
            smtp: None,
            public: None,
        }
    }
}

/// A client for a question or two to a program on loopback.
pub(crate) fn client() -> Result<Client> {
    // Kept by nobody: a test's connections must not outlive its runtime.
    let client = plain_client()
        .pool_max_idle_per_host(0)
        .timeout(ANSWER_TIMEOUT)
        .build();
    client.context("making an HTTP client")
}

/// A program of this build, or of one elsewhere, with `env` as its settings, and none of this process's.
pub(crate) fn command(
    programs: Option<&Path>,
    name: &str,
    env: &BTreeMap<String, String>,
) -> Result<Command> {
    let program = match programs {
        Some(dir) => place::program_in(dir, name)?,
        None => place::program(name)?,
    };
    let mut command = Command::new(program);
    for (variable, _) in env::vars_os() {
        if variable
            .to_str()
            .is_some_and(|variable| variable.starts_with(SETTINGS_PREFIX))
        {
            command.env_remove(variable);
        }
    }
    command.envs(env);
    Ok(command)
}

/// The first line of standard output; what follows goes to the log. `None` where it ends without one.
async fn first_line(output: ChildStdout, mut log: File) -> Option<String> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        if let Some(Ok(line)) = lines.next() {
            // Nobody waits any longer: then nobody needs it.
            let _ = sender.send(line);
        }
        for line in lines.map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
        }
    });
    receiver.await.ok()
}
