//! What the database knows, asked as an operator would: `fleetctl … --json`.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use topup_rules::credits::Credits;
use topup_rules::money::{Currency, Money};
use topup_stack::Fleet;

/// Longest wait for an account or a queue to be as expected.
const WAIT: Duration = Duration::from_secs(15);
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Longest run of one command on a fleet that runs elsewhere.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// Who runs the operator's command.
#[derive(Debug)]
pub(crate) enum Operator {
    /// The fleet that this process started.
    Own(Box<Fleet>),
    /// This program, with this process's own settings, for a fleet that runs elsewhere.
    Elsewhere(PathBuf),
}

impl Operator {
    /// What the command said.
    pub(crate) async fn fleetctl(&self, arguments: &[&str]) -> Result<String> {
        match self {
            Self::Own(fleet) => fleet.fleetctl(arguments).await,
            Self::Elsewhere(_) => {
                let output = self.fleetctl_output(arguments).await?;
                ensure!(
                    output.status.success(),
                    "fleetctl {}: {}{}",
                    arguments.join(" "),
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                );
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            }
        }
    }

    /// The same, whatever its exit status.
    async fn fleetctl_output(&self, arguments: &[&str]) -> Result<Output> {
        match self {
            Self::Own(fleet) => fleet.fleetctl_output(arguments).await,
            Self::Elsewhere(program) => {
                let mut command = Command::new(program);
                let output = command
                    .args(arguments)
                    .stdin(Stdio::null())
                    .kill_on_drop(true)
                    .output();
                let what = || format!("running fleetctl {}", arguments.join(" "));
                timeout(COMMAND_TIMEOUT, output)
                    .await
                    .with_context(what)?
                    .with_context(what)
            }
        }
    }
}

/// An account with one wallet, as `account show` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Account {
    pub(crate) account_id: i64,
    pub(crate) kind: String,
    pub(crate) parent_id: Option<i64>,
    pub(crate) wallets: Vec<Wallet>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Wallet {
    pub(crate) service: String,
    pub(crate) credits: Credits,
    pub(crate) auto_topup: Option<AutoTopup>,
    pub(crate) open_topup: Option<OpenTopup>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AutoTopup {
    pub(crate) method: String,
    pub(crate) threshold: Credits,
    pub(crate) quantity: Credits,
    pub(crate) enabled: bool,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) card: Option<Card>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Card {
    pub(crate) brand: String,
    pub(crate) last4: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OpenTopup {
    pub(crate) state: String,
    pub(crate) due_at: Option<Timestamp>,
}

/// A top-up, as `topup list` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Topup {
    pub(crate) state: String,
    pub(crate) quantity: Credits,
    pub(crate) trigger_balance: Credits,
    pub(crate) requested_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) amount_minor: Option<i64>,
    pub(crate) currency: Currency,
}

/// A line of an account's story.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    /// `called`, `still-open`, `ended`, …
    pub(crate) what: String,
    /// Of a call: what for.
    pub(crate) call: Option<String>,
    /// Of a call: what was said.
    pub(crate) outcome: Option<String>,
    /// Of a step: where it led.
    pub(crate) state: Option<String>,
    /// Of an end: whose result it was.
    pub(crate) settled_by: Option<String>,
}

/// A parked message, as `dead list` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Parked {
    pub(crate) reason: Option<String>,
    pub(crate) message_id: Option<String>,
}

/// What became of a file that was published.
#[derive(Debug, Deserialize)]
pub(crate) struct Published {
    pub(crate) published: u64,
    pub(crate) stopped: Option<String>,
}

/// One check of the audit.
#[derive(Debug, Deserialize)]
pub(crate) struct Check {
    pub(crate) rule: String,
    pub(crate) name: String,
    pub(crate) violations_counted: u64,
}

impl Wallet {
    /// The settings of a wallet that the story knows to have some.
    pub(crate) fn settings(&self) -> Result<&AutoTopup> {
        self.auto_topup.as_ref().context("the wallet has no auto top-up")
    }
}

impl Account {
    /// The wallet for text messages, which is the one that the story is about.
    pub(crate) fn sms(&self) -> Result<&Wallet> {
        let wallet = self.wallets.iter().find(|wallet| wallet.service == "sms");
        wallet.with_context(|| format!("account {} has no wallet for SMS", self.account_id))
    }
}

impl Card {
    /// `visa •••• 4081`.
    pub(crate) fn name(&self) -> String {
        format!("{} •••• {}", self.brand, self.last4)
    }
}

impl Topup {
    /// The price.
    pub(crate) fn amount(&self) -> Result<Money> {
        let amount_minor = self.amount_minor.context("the top-up has no price")?;
        Ok(Money {
            amount_minor,
            currency: self.currency,
        })
    }

    /// When it ended.
    pub(crate) fn settled_at(&self) -> Result<Timestamp> {
        self.settled_at.context("the top-up has not ended")
    }
}

/// The account as it stands.
pub(crate) async fn account(operator: &Operator, id: i64) -> Result<Account> {
    json(operator, &["account", "show", &id.to_string()]).await
}

/// The account as soon as it is as wanted, or as it stands after the longest wait.
pub(crate) async fn account_when(
    operator: &Operator,
    id: i64,
    is_wanted: impl Fn(&Wallet) -> bool,
) -> Result<Account> {
    let until = Instant::now() + WAIT;
    loop {
        let account = account(operator, id).await?;
        if is_wanted(account.sms()?) || Instant::now() > until {
            return Ok(account);
        }
        sleep(LOOK_PAUSE).await;
    }
}

/// What happened to an account's top-ups, as `why` has it.
pub(crate) async fn story(operator: &Operator, account: i64) -> Result<Vec<Told>> {
    #[derive(Deserialize)]
    struct Story {
        story: Vec<Told>,
    }
    let Story { story } = json(operator, &["why", &account.to_string()]).await?;
    Ok(story)
}

/// The account's newest top-up.
pub(crate) async fn last_topup(operator: &Operator, account: i64) -> Result<Topup> {
    #[derive(Deserialize)]
    struct List {
        topups: Vec<Topup>,
    }
    let id = account.to_string();
    let List { topups } = json(operator, &["topup", "list", "--account", &id, "--limit", "1"]).await?;
    topups
        .into_iter()
        .next()
        .with_context(|| format!("account {account} has no top-up"))
}

/// Publishes a file of events, each line checked.
pub(crate) async fn publish(operator: &Operator, file: &str) -> Result<Published> {
    json(operator, &["publish", file]).await
}

/// Publishes a file's lines as they are.
pub(crate) async fn publish_unchecked(operator: &Operator, file: &str) -> Result<Published> {
    json(operator, &["publish", file, "--unchecked"]).await
}

/// What `publish` says of a file that it does not publish to its end.
pub(crate) async fn publish_refused(operator: &Operator, file: &str) -> Result<Published> {
    let output = operator.fleetctl_output(&["--json", "publish", file]).await?;
    if output.status.success() {
        bail!("fleetctl publish {file} was expected to stop at a broken line, and did not");
    }
    read(&output.stdout, "publish")
}

/// The parked messages of a queue, as soon as there are so many, or what there is after the longest wait.
pub(crate) async fn parked(operator: &Operator, queue: &str, at_least: usize) -> Result<Vec<Parked>> {
    #[derive(Deserialize)]
    struct List {
        messages: Vec<Parked>,
    }
    let until = Instant::now() + WAIT;
    loop {
        let List { messages } = json(operator, &["dead", "list", "--queue", queue]).await?;
        if messages.len() >= at_least || Instant::now() > until {
            return Ok(messages);
        }
        sleep(LOOK_PAUSE).await;
    }
}

/// Every check of the audit, kept or not.
pub(crate) async fn audit(operator: &Operator) -> Result<Vec<Check>> {
    #[derive(Deserialize)]
    struct Report {
        checks: Vec<Check>,
    }
    let output = operator.fleetctl_output(&["--json", "audit"]).await?;
    let report: Report = read(&output.stdout, "audit")
        .with_context(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
    Ok(report.checks)
}

async fn json<T: DeserializeOwned>(operator: &Operator, arguments: &[&str]) -> Result<T> {
    let mut all = vec!["--json"];
    all.extend(arguments);
    let text = operator.fleetctl(&all).await?;
    read(text.as_bytes(), &arguments.join(" "))
}

fn read<T: DeserializeOwned>(json: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(json).with_context(|| format!("reading what fleetctl {what} says"))
}
