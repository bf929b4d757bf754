//! The whole fleet on one space: the sandbox as the outside world, and every worker.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Response;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process::{Launch, Process, SETTINGS_PREFIX, client, command};
use crate::space::Space;

/// The fleet's long-running programs, in the order in which they are listed to people.
pub const WORKERS: [&str; 6] = [
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    EDGE,
];
/// The one among them that the payment gateway calls.
pub(crate) const EDGE: &str = "edge";
/// What account holders call it by.
pub(crate) const PUBLIC_URL: &str = "TOPUP__EDGE__PUBLIC_URL";
/// Where it is called.
const WEBHOOK_PATH: &str = "/webhooks/paystack";
/// The program that plays the outside world.
const SANDBOX: &str = "sandbox";
/// The key that it wants, where nobody gave another.
const SANDBOX_SECRET_KEY: &str = "sk_test_sandbox";
/// The operator's command.
pub(crate) const FLEETCTL: &str = "fleetctl";
/// Longest run of one operator's command.
const FLEETCTL_TIMEOUT: Duration = Duration::from_secs(300);

/// How to start a fleet.
#[derive(Debug, Clone, Default)]
pub struct FleetOptions {
    /// Settings (`TOPUP__…`) beside the addresses; they win over everything else.
    pub env: BTreeMap<String, String>,
    /// Settings of one program alone (`sms-sent`, `fleetctl`), which win over all others: a user of its own, for one.
    /// An empty one is taken away.
    pub own_env: BTreeMap<&'static str, BTreeMap<String, String>>,
    /// How many of a worker to run, where that is not one (none is possible).
    pub counts: BTreeMap<&'static str, usize>,
    /// Whether this process's own `TOPUP__…` variables win over the defaults: right for a person's fleet,
    /// and wrong for a test's, which must not depend on the shell that it runs in.
    pub callers_settings: bool,
    /// Whether the space's database has its tables already, because it was copied from one that has.
    pub is_migrated: bool,
    /// Further arguments for the sandbox.
    pub sandbox_arguments: Vec<String>,
    /// Where the fleet's programs are, if not among this build's: those of another version. The sandbox is always
    /// this build's.
    pub programs: Option<PathBuf>,
}

/// A running fleet. Dropping it kills it; [`Fleet::stop`] lets it finish.
#[derive(Debug)]
pub struct Fleet {
    space: Space,
    env: BTreeMap<String, String>,
    own_env: BTreeMap<&'static str, BTreeMap<String, String>>,
    logs: PathBuf,
    sandbox: Process,
    workers: Vec<Process>,
    programs: Option<PathBuf>,
}

impl Fleet {
    /// Starts the sandbox, makes tables, queues and exchanges, starts the workers and waits until all are ready.
    ///
    /// # Errors
    /// A program has not been built, or one of the steps failed; the error holds the end of the log concerned.
    pub async fn start(space: &Space, options: FleetOptions) -> Result<Self> {
        let mut fleet = Self::prepare(space, &options).await?;
        if !options.is_migrated {
            fleet.fleetctl(&["migrate"]).await?;
        }
        fleet.fleetctl(&["topology", "apply"]).await?;
        let wanted = WORKERS.iter().flat_map(|name| {
            let count = options.counts.get(name).copied().unwrap_or(1);
            (1..=count)
                .map(|number| label(name, number))
                .map(|label| fleet.launch((*name).to_owned(), label))
        });
        fleet.workers = fleet.start_all(wanted, false).await?;
        fleet.announce_edge().await?;
        Ok(fleet)
    }

    /// The sandbox alone, with settings that point at it and at the space: for whoever starts the rest by hand.
    ///
    /// # Errors
    /// The sandbox has not been built or did not start.
    pub async fn prepare(space: &Space, options: &FleetOptions) -> Result<Self> {
        let stack = space.stack();
        let logs = stack.logs().join(space.vhost());
        let ca_file = stack
            .files()
            .join(format!("{}-mail-ca.pem", space.vhost()))
            .display()
            .to_string();
        let mut arguments: Vec<String> = [
            "--http",
            "127.0.0.1:0",
            "--smtp",
            "127.0.0.1:0",
            "--ca-file",
            &ca_file,
        ]
        .map(str::to_owned)
        .into();
        arguments.extend(["--secret-key".to_owned(), secret_key(options)?]);
        arguments.extend(options.sandbox_arguments.iter().cloned());
        let launch = Launch {
            name: SANDBOX.to_owned(),
            label: SANDBOX.to_owned(),
            arguments,
            env: BTreeMap::new(),
            logs: logs.clone(),
            programs: None,
        };
        let sandbox = Process::spawn(stack, launch).await?;
        let env = settings(space, &sandbox, ca_file, options)?;
        Ok(Self {
            space: space.clone(),
            env,
            own_env: options.own_env.clone(),
            logs,
            sandbox,
            workers: Vec::new(),
            programs: options.programs.clone(),
        })
    }

    /// The space that it works on.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Every program's settings, as environment variables.
    #[must_use]
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// `http://127.0.0.1:port` of the sandbox.
    #[must_use]
    pub fn sandbox_url(&self) -> String {
        self.sandbox.http_url()
    }

    /// The sandbox.
    pub fn sandbox(&mut self) -> &mut Process {
        &mut self.sandbox
    }

    /// Every worker, in the order of [`WORKERS`].
    pub fn workers(&mut self) -> &mut [Process] {
        &mut self.workers
    }

    /// The worker with this label (`sms-sent`, `sms-sent-2`).
    ///
    /// # Errors
    /// There is none.
    pub fn worker(&mut self, label: &str) -> Result<&mut Process> {
        let worker = self.workers.iter_mut().find(|worker| worker.label() == label);
        worker.with_context(|| format!("no worker {label} in this fleet"))
    }

    /// Starts one more of a worker, or one in the place of one that has ended, and waits until it is ready.
    ///
    /// # Errors
    /// It did not start.
    pub async fn add(&mut self, name: &str) -> Result<&mut Process> {
        self.add_many(name, 1).await?;
        self.workers.last_mut().context("a worker was just added")
    }

    /// Starts one more of a worker, with these variables in its environment beside the fleet's, and waits until it is
    /// ready, or has ended: what its environment says may be its end.
    ///
    /// # Errors
    /// It did not start.
    pub async fn add_with(&mut self, name: &str, env: &[(&str, &str)]) -> Result<&mut Process> {
        let label = self.free_labels(name, 1)?.pop().context("a label")?;
        let mut launch = self.launch(name.to_owned(), label);
        let own = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        launch.env.extend(own);
        let started = self.start_all([launch].into_iter(), true).await?;
        self.workers.extend(started);
        if name == EDGE {
            self.announce_edge().await?;
        }
        self.workers.last_mut().context("a worker was just added")
    }

    /// Starts several more of a worker, all at once, and waits until all are ready.
    ///
    /// # Errors
    /// One did not start.
    pub async fn add_many(&mut self, name: &str, count: usize) -> Result<()> {
        let labels = self.free_labels(name, count)?;
        let wanted = labels
            .into_iter()
            .map(|label| self.launch(name.to_owned(), label));
        let started = self.start_all(wanted, false).await?;
        self.workers.extend(started);
        if name == EDGE {
            self.announce_edge().await?;
        }
        Ok(())
    }

    /// From here on takes programs from there: another version's, or with `None` this build's.
    pub fn take_programs_from(&mut self, programs: Option<PathBuf>) {
        self.programs = programs;
    }

    /// Forgets the workers that have ended, and finds labels for further ones.
    fn free_labels(&mut self, name: &str, count: usize) -> Result<Vec<String>> {
        let mut kept = Vec::with_capacity(self.workers.len() + count);
        for mut worker in self.workers.drain(..) {
            if worker.try_wait()?.is_none() {
                kept.push(worker);
            }
        }
        self.workers = kept;
        let is_taken = |label: &String| self.workers.iter().any(|worker| worker.label() == label);
        let free = (1..=self.workers.len() + count)
            .map(|number| label(name, number))
            .filter(|label| !is_taken(label))
            .take(count);
        Ok(free.collect())
    }

    /// Starts programs, all at once, and waits until all are ready; in the order given. One that ends before may be
    /// what is wanted.
    async fn start_all(&self, wanted: impl Iterator<Item = Launch>, may_end: bool) -> Result<Vec<Process>> {
        let mut starting: JoinSet<Result<(usize, Process)>> = JoinSet::new();
        for (order, launch) in wanted.enumerate() {
            let stack = self.space.stack().clone();
            starting.spawn(async move {
                let mut process = Process::spawn(&stack, launch).await?;
                match process.wait_ready().await {
                    Err(_) if may_end && process.try_wait()?.is_some() => {}
                    ready => ready?,
                }
                Ok((order, process))
            });
        }
        let mut started = Vec::new();
        while let Some(process) = starting.join_next().await {
            started.push(process.context("starting a worker")??);
        }
        started.sort_by_key(|(order, _)| *order);
        Ok(started.into_iter().map(|(_, process)| process).collect())
    }

    /// Tells the sandbox where webhooks go from now on: to the edge that was started last. Without one they go
    /// nowhere, as before.
    async fn announce_edge(&self) -> Result<()> {
        let Some(public) = self.edge_url() else {
            return Ok(());
        };
        let told = client()?
            .post(format!("{}/sandbox/webhook-url", self.sandbox_url()))
            .json(&json!({"url": format!("{public}{WEBHOOK_PATH}")}))
            .send()
            .await
            .and_then(Response::error_for_status);
        told.map(drop).context("telling the sandbox where webhooks go")
    }

    /// Runs the operator's command with the fleet's settings.
    ///
    /// # Errors
    /// It did not start, did not end in time, or exited with another status than 0; what it said is in the error.
    pub async fn fleetctl(&self, arguments: &[&str]) -> Result<String> {
        let output = self.fleetctl_output(arguments).await?;
        ensure!(
            output.status.success(),
            "fleetctl {}: {}: {}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same, whatever its exit status.
    ///
    /// # Errors
    /// It did not start or did not end in time.
    pub async fn fleetctl_output(&self, arguments: &[&str]) -> Result<Output> {
        let program = command(self.programs.as_deref(), FLEETCTL, &self.env_of(FLEETCTL))?;
        let mut command = tokio::process::Command::from(program);
        let output = command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        timeout(FLEETCTL_TIMEOUT, output)
            .await
            .with_context(|| format!("fleetctl {} did not end", arguments.join(" ")))?
            .with_context(|| format!("running fleetctl {}", arguments.join(" ")))
    }

    /// Lets every worker finish (SIGTERM), all at once, then ends the sandbox.
    ///
    /// # Errors
    /// One of them did not end in time or not with status 0.
    pub async fn stop(mut self) -> Result<()> {
        let mut ending: JoinSet<Result<()>> = JoinSet::new();
        for mut worker in self.workers.drain(..) {
            ending.spawn(async move {
                let status = worker.terminate().await?;
                ensure!(status.success(), "{} ended with {status}", worker.label());
                Ok(())
            });
        }
        let mut result = Ok(());
        while let Some(ended) = ending.join_next().await {
            let ended = ended.context("ending a worker").and_then(|ended| ended);
            result = result.and(ended);
        }
        let sandbox = self.sandbox.terminate().await.map(drop);
        result.and(sandbox)
    }

    /// Where the edge that was started last is called: `http://127.0.0.1:port`.
    #[must_use]
    pub fn edge_url(&self) -> Option<String> {
        let edges = self.workers.iter().filter(|worker| worker.name() == EDGE);
        edges.filter_map(Process::public_url).next_back()
    }

    /// One program's settings, as environment variables. Commands are told where the edge is, unless somebody chose what
    /// it is called by: links in mails begin with it. Those of another version than this one's might not know the setting.
    #[must_use]
    pub fn env_of(&self, program: &str) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        if program == FLEETCTL
            && self.programs.is_none()
            && let Some(url) = self.edge_url()
        {
            env.entry(PUBLIC_URL.to_owned()).or_insert(url);
        }
        if let Some(own) = self.own_env.get(program) {
            override_with(&mut env, own.clone());
            env.retain(|_, value| !value.is_empty());
        }
        env
    }

    fn launch(&self, name: String, label: String) -> Launch {
        Launch {
            env: self.env_of(&name),
            name,
            label,
            arguments: Vec::new(),
            logs: self.logs.clone(),
            programs: self.programs.clone(),
        }
    }
}

/// The name of the variable that holds a process's own address: `SMS_SENT_HTTP_URL`.
pub(crate) fn url_variable(label: &str) -> String {
    format!("{}_HTTP_URL", variable(label))
}

/// The name of the variable that holds the address that the world outside calls: `EDGE_URL`.
pub(crate) fn public_url_variable(label: &str) -> String {
    format!("{}_URL", variable(label))
}

fn variable(label: &str) -> String {
    label.to_ascii_uppercase().replace('-', "_")
}

fn label(name: &str, number: usize) -> String {
    if number == 1 {
        name.to_owned()
    } else {
        format!("{name}-{number}")
    }
}

/// This process's own settings for a fleet.
pub(crate) fn callers_settings() -> impl Iterator<Item = (String, String)> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(SETTINGS_PREFIX))
}

/// Puts settings in the place of others. A secret given by file takes the place of one that is given as it is.
fn override_with(settings: &mut BTreeMap<String, String>, own: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in own {
        settings.remove(name.strip_suffix("_FILE").unwrap_or(&name));
        settings.insert(name, value);
    }
}

/// The payment gateway's key that the fleet will have: the sandbox wants the same, and signs webhooks with it.
fn secret_key(options: &FleetOptions) -> Result<String> {
    let variable = format!("{SETTINGS_PREFIX}PAYSTACK__SECRET_KEY");
    let callers: BTreeMap<String, String> = if options.callers_settings {
        callers_settings().collect()
    } else {
        BTreeMap::new()
    };
    for given in [&options.env, &callers] {
        if let Some(key) = given.get(&variable) {
            return Ok(key.clone());
        }
        if let Some(file) = given.get(&format!("{variable}_FILE")) {
            let key = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
            return Ok(key.trim().to_owned());
        }
    }
    Ok(SANDBOX_SECRET_KEY.to_owned())
}

fn settings(
    space: &Space,
    sandbox: &Process,
    ca_file: String,
    options: &FleetOptions,
) -> Result<BTreeMap<String, String>> {
    let smtp = sandbox.smtp().context("the sandbox named no SMTP address")?;
    let defaults: [(&str, String); 16] = [
        // With it, a worker looks at its queues' effective settings before it consumes.
        ("AMQP__MANAGEMENT_URL", space.management_url().to_owned()),
        ("AMQP__URL", space.amqp_hosts_url()),
        ("DATABASE__URL", space.database_url().to_owned()),
        ("EDGE__LISTEN", "127.0.0.1:0".to_owned()),
        ("HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("MODE", "development".to_owned()),
        ("OPERATORS__EMAIL", "operators@example.com".to_owned()),
        ("PAYSTACK__SECRET_KEY", SANDBOX_SECRET_KEY.to_owned()),
        ("PAYSTACK__TIMEOUT", "30s".to_owned()),
        ("PAYSTACK__URL", sandbox.http_url()),
        ("RULES__CARD_SPACING", "30m".to_owned()),
        ("SMS__API_KEY", "sandbox".to_owned()),
        ("SMS__URL", sandbox.http_url()),
        ("SMTP__CA_FILE", ca_file),
        ("SMTP__FROM", "topup@example.com".to_owned()),
        // STARTTLS or nothing, as with a real relay.
        ("SMTP__URL", format!("smtp://{smtp}?tls=required")),
    ];
    let mut settings: BTreeMap<String, String> = defaults
        .map(|(name, value)| (format!("{SETTINGS_PREFIX}{name}"), value))
        .into();
    if options.callers_settings {
        override_with(&mut settings, callers_settings());
    }
    settings.extend(options.env.clone());
    Ok(settings)
}
