//! Every setting's name, default and meaning, in one place: reading them with nothing given makes the reference.

use super::reader::{Reader, SettingsError, variable};
use super::{
    Amqp, BatchWorker, Database, Edge, Http, Inquiries, Log, Operators, Paystack, Platform, Rules, Runtime,
    Settings, Shutdown, Sms, Smtp, Sweeper, Traces, Worker,
};
use crate::broker::Address;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use topup_rules::retry::RetryPolicy;

/// Database connections that no process can do without: some of its work holds one while it needs another.
const CONNECTIONS_MIN: usize = 2;

impl Settings {
    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            mode: r.value("mode", "development", "`production` or `development`; production refuses fakes (a sandbox, a test key, the broker's guest user) and whatever would go without TLS")?,
            amqp: Amqp::build(r)?,
            database: Database::build(r)?,
            paystack: Paystack::build(r)?,
            sms: Sms::build(r)?,
            smtp: Smtp::build(r)?,
            inquiries: Inquiries::build(r)?,
            rules: Rules::build(r)?,
            http: Http { listen: r.value("http.listen", "127.0.0.1:0", "the process's own address for /livez, /readyz and /metrics; port 0 takes a free one, which the ready line names")? },
            edge: Edge::build(r)?,
            operators: Operators { email: r.optional("operators.email", "e-mail address for alerts to the operators; without it they stay in the log")? },
            platform: Platform {
                name: r.value("platform.name", "Messaging", "what account holders know the platform by; used in notices")?,
                account_url: r.optional("platform.account_url", "where an account holder mends a card or a threshold; without it notices name no address")?,
            },
            shutdown: Shutdown { grace: r.value("shutdown.grace", "30s", "how long what is in hand may take after SIGTERM before the process ends hard")? },
            log: Log {
                format: r.value("log.format", "json", "`json` or `human`; on standard error")?,
                filter: r.value("log.filter", "info,lapin=off,deadpool.postgres=off,tokio_postgres=warn", "what is logged, by target and level: `info,topup_store=debug`")?,
            },
            traces: Traces::build(r)?,
            runtime: Runtime { threads: r.value("runtime.threads", "2", "worker threads of one process")? },
            sms_sent: BatchWorker {
                batch_max: r.value("sms_sent.batch_max", "2000", "messages of one transaction, at most")?,
                prefetch: r.value("sms_sent.prefetch", "8000", "messages that the broker sends ahead")?,
                retry: retry(r, SMS_SENT_RETRY)?,
            },
            topup_requested: worker(r, TOPUP_REQUESTED_AT_ONCE, TOPUP_REQUESTED_RETRY)?,
            payment_results: worker(r, PAYMENT_RESULTS_AT_ONCE, PAYMENT_RESULTS_RETRY)?,
            notifications: worker(r, NOTIFICATIONS_AT_ONCE, NOTIFICATIONS_RETRY)?,
            sweeper: Sweeper {
                interval: r.value("sweeper.interval", "15s", "how often the sweeper looks for what is overdue")?,
                outbox_overdue: r.value("sweeper.outbox_overdue", "10s", "how long a row may wait in the outbox before the sweeper publishes it")?,
                topup_overdue: r.value("sweeper.topup_overdue", "30s", "how long after its moment a top-up counts as overdue and is woken again")?,
                rows_max: r.value("sweeper.rows_max", "1000", "rows of one look, at most")?,
                reconcile_after: r.value("sweeper.reconcile_after", "2h", "how long after a day's end, in the time zone of the rules, its payments are compared with the payment gateway's list")?,
                reconcile_look: r.value("sweeper.reconcile_look", "5m", "how often the sweeper looks whether a day that is over is still to be compared")?,
            },
        })
    }
}

impl Amqp {
    fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        let url = r.secret(
            "amqp.url",
            "the broker: `amqp://user:password@host1:5672,host2:5672/vhost`, or `amqps://`; required",
        )?;
        let url = url
            .map(|url| Address::parse(url.expose_secret()))
            .transpose()
            .map_err(|wrong| SettingsError(format!("{}: {wrong}", variable("amqp.url"))))?;
        Ok(Self {
            url,
            management_url: r.secret("amqp.management_url", "the management interface, `http://user:password@host:15672`; where given, a worker checks the queues' effective settings before it consumes")?,
            ca_file: r.optional("amqp.ca_file", "PEM file of an authority to trust beside the system's, for `amqps://`")?,
            declare: r.value("amqp.declare", "true", "whether every session declares exchanges, queues and bindings; `false` where its user may not, and `fleetctl topology apply` does")?,
            heartbeat: r.value("amqp.heartbeat", "10s", "how often broker and process show each other that they live; twice that without a sign is a lost connection")?,
            connect_timeout: r.value("amqp.connect_timeout", "10s", "how long one attempt to connect, to declare or to close may take")?,
            confirm_timeout: r.value("amqp.confirm_timeout", "10s", "how long the broker may take to confirm a message")?,
            publishes_max: r.value("amqp.publishes_max", "512", "messages on their way to the broker at once, at most")?,
        })
    }
}

/// How a PostgreSQL URL begins.
const DATABASE_SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

impl Database {
    fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        let url = r.secret(
            "database.url",
            "PostgreSQL 15 or newer: `postgres://user:password@host:5432/database`; required",
        )?;
        // Other notations can be had wrong in ways that the driver answers by repeating the password.
        let is_url = |url: &SecretString| {
            DATABASE_SCHEMES
                .iter()
                .any(|scheme| url.expose_secret().starts_with(scheme))
        };
        if !url.as_ref().is_none_or(is_url) {
            let wrong = "begins with neither postgres:// nor postgresql://";
            return Err(SettingsError::about("database.url", wrong));
        }
        let ca_file = r.optional(
            "database.ca_file",
            "PEM file of an authority to trust instead of the system's, for TLS to the database",
        )?;
        let connections_max = r.value(
            "database.connections_max",
            "8",
            "database connections of one process, at most; 2 at least",
        )?;
        if connections_max < CONNECTIONS_MIN {
            let wrong = "is too small: some work holds one connection while it needs another, so 2 at least";
            return Err(SettingsError::about("database.connections_max", wrong));
        }
        Ok(Self {
            url,
            ca_file,
            connections_max,
            statement_timeout: r.value(
                "database.statement_timeout",
                "30s",
                "a statement that takes longer is ended by the server",
            )?,
        })
    }
}

impl Sms {
    fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            url: r.optional(
                "sms.url",
                "the SMS provider that carries notices; required where notices are sent",
            )?,
            api_key: r.secret(
                "sms.api_key",
                "the SMS provider's key; required where notices are sent",
            )?,
            timeout: r.value(
                "sms.timeout",
                "15s",
                "how long a call to the SMS provider may take",
            )?,
        })
    }
}

impl Smtp {
    fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            url: r.secret("smtp.url", "the mail relay: `smtp://user:password@host:587?tls=required` or `smtps://…`; required where notices are sent")?,
            from: r.optional("smtp.from", "the sender of mails: `Top-ups <no-reply@example.com>`; required where notices are sent")?,
            ca_file: r.optional("smtp.ca_file", "PEM file of an authority to trust beside the system's, for TLS to the mail relay")?,
            timeout: r.value("smtp.timeout", "20s", "how long handing over one mail may take")?,
        })
    }
}

impl Rules {
    fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            card_spacing: r.value("rules.card_spacing", "30m", "C1: the least time between two automatic card top-ups of one account, counted from the moment the earlier one settled")?,
            failures_to_disable: r.value("rules.failures_to_disable", "1", "C7: how many definite failures in a row disable a wallet's automatic top-up")?,
            window_back: r.value("rules.window_back", "90d", "S4: how far back an event's times may lie")?,
            window_ahead: r.value("rules.window_ahead", "1h", "S4: how far ahead an event's times may lie")?,
            time_zone: r.value("rules.time_zone", "UTC", "C12: IANA name of the time zone whose days and months caps are counted in")?,
            unknown_max: r.value("rules.unknown_max", "24h", "C8: how long an unknown outcome is asked about before it is parked for a person")?,
            page_max: r.value("rules.page_max", "24h", "how long a customer may take on the payment gateway's page before a purchase counts as not paid")?,
            card_expiry_notice: r.value("rules.card_expiry_notice", "30d", "how long before a card expires its holder is told; whole days")?,
            refund_registration: r.value("rules.refund_registration", "true", "E3: whether the charge with which a card is registered is given back; it buys no credits")?,
        })
    }
}

/// The names and defaults of one worker's retries.
struct RetryNames {
    attempts_max: (&'static str, &'static str),
    first: (&'static str, &'static str),
    max: (&'static str, &'static str),
}

const SMS_SENT_RETRY: RetryNames = RetryNames {
    attempts_max: ("sms_sent.attempts_max", "10"),
    first: ("sms_sent.retry_first", "2s"),
    max: ("sms_sent.retry_max", "10m"),
};
const TOPUP_REQUESTED_RETRY: RetryNames = RetryNames {
    attempts_max: ("topup_requested.attempts_max", "20"),
    first: ("topup_requested.retry_first", "2s"),
    max: ("topup_requested.retry_max", "10m"),
};
const PAYMENT_RESULTS_RETRY: RetryNames = RetryNames {
    attempts_max: ("payment_results.attempts_max", "20"),
    first: ("payment_results.retry_first", "2s"),
    max: ("payment_results.retry_max", "10m"),
};
const NOTIFICATIONS_RETRY: RetryNames = RetryNames {
    attempts_max: ("notifications.attempts_max", "15"),
    first: ("notifications.retry_first", "5s"),
    max: ("notifications.retry_max", "1h"),
};
/// A few hundred top-ups can be asked for in one moment, and nearly all their time is the gateway's: 500 of them, 200 ms
/// each, take 3.1 s with 32 at once and 0.8 s with 128. A charge under way holds a connection to the gateway and some
/// tens of kilobytes, but no transaction and none of the database's connections. How many calls a minute the gateway
/// takes is another setting; and whoever is killed leaves at most so many charges to be asked about.
const TOPUP_REQUESTED_AT_ONCE: (&str, &str) = ("topup_requested.at_once", "128");
const PAYMENT_RESULTS_AT_ONCE: (&str, &str) = ("payment_results.at_once", "32");
const NOTIFICATIONS_AT_ONCE: (&str, &str) = ("notifications.at_once", "16");

fn worker(
    r: &mut Reader,
    (path, default): (&'static str, &'static str),
    names: RetryNames,
) -> Result<Worker, SettingsError> {
    let meaning = "messages in hand at once, which is also what the broker sends ahead";
    Ok(Worker {
        at_once: r.value(path, default, meaning)?,
        retry: retry(r, names)?,
    })
}

fn retry(r: &mut Reader, names: RetryNames) -> Result<RetryPolicy, SettingsError> {
    let attempts_max = r.value(
        names.attempts_max.0,
        names.attempts_max.1,
        "tries of a message, the first included, before it is parked",
    )?;
    let first: Duration = r.value(
        names.first.0,
        names.first.1,
        "pause before a message's second try; doubled each time; whole seconds",
    )?;
    let max: Duration = r.value(
        names.max.0,
        names.max.1,
        "longest pause between two tries of a message",
    )?;
    Ok(RetryPolicy {
        attempts_max,
        first_s: whole_seconds(first),
        max_s: whole_seconds(max),
    })
}

/// Rounded up; a second at least.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}
