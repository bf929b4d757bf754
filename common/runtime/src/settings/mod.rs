//! The settings of every process: one structure, read from files and the environment, refused as a whole
//! with one line that names what is wrong.
//!
//! Every process may be given every variable. Sources, the later winning: the TOML files that `TOPUP_CONFIG`
//! names (separated by colons), then the environment. `TOPUP__RULES__CARD_SPACING=30m` is
//! `card_spacing = "30m"` under `[rules]` in a file. A secret can stand in a file of its own:
//! `TOPUP__AMQP__URL_FILE=/run/secrets/amqp-url`.
//!
//! Deliberately not here: reading settings again while running; a changed setting is a restart.

mod edge;
mod payments;
mod production;
mod read;
mod reader;
mod traces;
mod values;

use crate::broker::Address;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use reader::{Reader, variable};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use topup_rules::retry::RetryPolicy;

pub use edge::Edge;
pub use payments::{Inquiries, Paystack};
pub(crate) use read::whole_seconds;
pub use reader::{FILES_VARIABLE, SettingDoc, SettingsError};
pub use traces::Traces;
#[cfg(fuzzing)]
pub(crate) use values::read_as_any;
pub use values::{HttpUrl, LogFormat, Mode, Niceness, Share};

/// Everything that can be set, parsed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether real customers are served.
    pub mode: Mode,
    /// The broker.
    pub amqp: Amqp,
    /// The database.
    pub database: Database,
    /// The payment gateway.
    pub paystack: Paystack,
    /// The SMS provider that carries notices.
    pub sms: Sms,
    /// The mail relay.
    pub smtp: Smtp,
    /// Questions about payments whose outcome is not known.
    pub inquiries: Inquiries,
    /// What the business decides by.
    pub rules: Rules,
    /// The process's own HTTP address.
    pub http: Http,
    /// The edge's public address.
    pub edge: Edge,
    /// Who is told of trouble.
    pub operators: Operators,
    /// Words of notices.
    pub platform: Platform,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// Log lines.
    pub log: Log,
    /// Where spans go.
    pub traces: Traces,
    /// Threads.
    pub runtime: Runtime,
    /// The worker of the queue `sms-sent`.
    pub sms_sent: BatchWorker,
    /// The worker of the queue `topup-requested`.
    pub topup_requested: Worker,
    /// The worker of the queue `payment-results`.
    pub payment_results: Worker,
    /// The worker of the queue `notifications`.
    pub notifications: Worker,
    /// What time alone brings about.
    pub sweeper: Sweeper,
}

/// How to reach the broker, and how patiently.
#[derive(Debug, Clone)]
pub struct Amqp {
    url: Option<Address>,
    /// The management interface's address, user and password included; used to check effective settings.
    pub management_url: Option<SecretString>,
    /// Whom to trust beside the system's authorities: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Whether every session declares exchanges, queues and bindings; otherwise `fleetctl topology apply` alone.
    pub declare: bool,
    /// How often the peers show that they live.
    pub heartbeat: Duration,
    /// How long one attempt to connect, to declare or to close may take.
    pub connect_timeout: Duration,
    /// How long the broker may take to confirm a message.
    pub confirm_timeout: Duration,
    /// Messages on their way to the broker at once, at most.
    pub publishes_max: usize,
}

impl Amqp {
    /// Where the broker is.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn address(&self) -> Result<&Address, SettingsError> {
        self.url.as_ref().ok_or_else(|| missing("amqp.url"))
    }
}

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct Database {
    url: Option<SecretString>,
    /// Whom to trust instead of the system's authorities: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Connections of one process, at most.
    pub connections_max: usize,
    /// A statement that takes longer is ended by the server.
    pub statement_timeout: Duration,
}

impl Database {
    /// The PostgreSQL URL.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn url(&self) -> Result<&SecretString, SettingsError> {
        self.url.as_ref().ok_or_else(|| missing("database.url"))
    }
}

/// The SMS provider that carries notices.
#[derive(Debug, Clone)]
pub struct Sms {
    url: Option<HttpUrl>,
    api_key: Option<SecretString>,
    /// How long a call may take.
    pub timeout: Duration,
}

impl Sms {
    /// Its address.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn url(&self) -> Result<&HttpUrl, SettingsError> {
        self.url.as_ref().ok_or_else(|| missing("sms.url"))
    }

    /// Its key.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn api_key(&self) -> Result<&SecretString, SettingsError> {
        self.api_key.as_ref().ok_or_else(|| missing("sms.api_key"))
    }
}

/// The mail relay.
#[derive(Debug, Clone)]
pub struct Smtp {
    url: Option<SecretString>,
    from: Option<String>,
    /// Whom to trust beside the system's authorities: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// How long handing over one mail may take.
    pub timeout: Duration,
}

impl Smtp {
    /// `smtp://` or `smtps://`, user and password included.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn url(&self) -> Result<&SecretString, SettingsError> {
        self.url.as_ref().ok_or_else(|| missing("smtp.url"))
    }

    /// The sender: `Top-ups <no-reply@example.com>`.
    ///
    /// # Errors
    /// Names the variable when nothing was given.
    pub fn from(&self) -> Result<&str, SettingsError> {
        self.from.as_deref().ok_or_else(|| missing("smtp.from"))
    }
}

/// What the business decides by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// C1: the least time between two automatic card top-ups of one account.
    pub card_spacing: SignedDuration,
    /// C7: how many definite failures in a row disable a wallet's automatic top-up.
    pub failures_to_disable: u32,
    /// S4: how far back an event's times may lie.
    pub window_back: SignedDuration,
    /// S4: how far ahead an event's times may lie.
    pub window_ahead: SignedDuration,
    /// C12: whose days and months caps are counted in.
    pub time_zone: TimeZone,
    /// C8: how long an unknown outcome is asked about before a person has to.
    pub unknown_max: SignedDuration,
    /// How long a customer may take on the payment gateway's page before a purchase counts as not paid.
    pub page_max: SignedDuration,
    /// How long before a card expires its holder is told.
    pub card_expiry_notice: SignedDuration,
    /// The charge with which a card is registered is given back (E3).
    pub refund_registration: bool,
}

/// The process's own HTTP address.
#[derive(Debug, Clone)]
pub struct Http {
    /// For `/livez`, `/readyz` and `/metrics`; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// Who is told of trouble.
#[derive(Debug, Clone)]
pub struct Operators {
    /// An e-mail address; without one, alerts stay in the log.
    pub email: Option<String>,
}

/// Words of notices.
#[derive(Debug, Clone)]
pub struct Platform {
    /// What account holders know the platform by.
    pub name: String,
    /// Where an account holder mends a card or a threshold.
    pub account_url: Option<HttpUrl>,
}

/// How the process ends.
#[derive(Debug, Clone)]
pub struct Shutdown {
    /// How long what is in hand may still take.
    pub grace: Duration,
}

/// Log lines.
#[derive(Debug, Clone)]
pub struct Log {
    /// How they look.
    pub format: LogFormat,
    /// Which are written, by target and level: `info,topup_store=debug`.
    pub filter: String,
}

/// Threads.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Worker threads of the process, beside one for each broker connection.
    pub threads: usize,
}

/// A worker that takes messages one by one, many at once.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Messages in hand at once, which is also what the broker sends ahead.
    pub at_once: u16,
    /// When a message that failed is tried again.
    pub retry: RetryPolicy,
}

/// A worker that takes messages in batches.
#[derive(Debug, Clone)]
pub struct BatchWorker {
    /// Messages of one transaction, at most.
    pub batch_max: usize,
    /// Messages that the broker sends ahead.
    pub prefetch: u16,
    /// When a message that failed is tried again.
    pub retry: RetryPolicy,
}

/// What time alone brings about.
#[derive(Debug, Clone)]
pub struct Sweeper {
    /// How often it looks.
    pub interval: Duration,
    /// How long a row may wait in the outbox before the sweeper publishes it.
    pub outbox_overdue: SignedDuration,
    /// How long after its moment a top-up counts as overdue.
    pub topup_overdue: SignedDuration,
    /// Rows of one look, at most.
    pub rows_max: u32,
    /// How long after a day's end, in the platform's time zone, its payments are compared with the gateway's.
    pub reconcile_after: SignedDuration,
    /// How often the sweeper looks whether a day that is over is still to be compared.
    pub reconcile_look: Duration,
}

fn missing(path: &str) -> SettingsError {
    SettingsError(format!("{} is not set", variable(path)))
}

impl Settings {
    /// Reads the files that `TOPUP_CONFIG` names and the environment.
    ///
    /// # Errors
    /// One line: the first setting that is unknown, ill-typed or not allowed in this mode.
    pub fn load() -> Result<Self, SettingsError> {
        Self::read(Reader::from_process()?)
    }

    fn read(mut reader: Reader) -> Result<Self, SettingsError> {
        reader.refuse_unknown(&Self::reference())?;
        let settings = Self::build(&mut reader)?;
        settings.refuse_fakes()?;
        Ok(settings)
    }

    /// Every setting there is, in order.
    #[must_use]
    pub fn reference() -> Vec<SettingDoc> {
        let mut nothing_given = Reader::default();
        // Every default is valid, which a test holds; the documents are complete in any case but that.
        let _settings = Self::build(&mut nothing_given);
        nothing_given.into_docs()
    }
}

#[cfg(test)]
impl Settings {
    /// From the variables alone.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let given = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Reader::from_sources(&[], given)
            .and_then(Self::read)
            .expect("a test's settings are right")
    }
}

#[cfg(test)]
mod tests;
