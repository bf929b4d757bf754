//! A process from start to end: settings, logs, the health address, the database, signals.
//!
//! [`run`] is the whole of a worker's `main`. The order of the end: SIGTERM → consumers stop taking, and finish what
//! they have in hand → the outbox is flushed → connections close → exit code 0. A second signal, or the end of the
//! grace period, ends the process at once with exit code 1; nothing is lost by that either.

use crate::broker::Publisher;
use crate::consume::chain;
use crate::health::{self, Health, Part};
use crate::outbox::Outbox;
use crate::settings::{Settings, SettingsError};
use crate::telemetry;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use topup_store::{Store, StoreOptions};
use tracing::{error, info, warn};

/// A setting is wrong.
const EXIT_SETTINGS: u8 = 2;
/// Anything else went wrong, or the end had to be forced.
const EXIT_FAILED: u8 = 1;
/// How often the database is asked whether it is there, and what time it is.
const DATABASE_LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long that question may take.
const DATABASE_LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end of the process waits for rows that are on their way to the broker.
const OUTBOX_FLUSH_MAX: Duration = Duration::from_secs(5);

/// How long saying goodbye to the broker may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// What a process has around its handler. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name, which is its queue's name where it has one.
    pub name: &'static str,
    /// What was set.
    pub settings: Arc<Settings>,
    /// The database. Connections are made when needed, and again when lost.
    pub store: Store,
    /// Publishes with confirms, on a connection of its own.
    pub publisher: Publisher,
    /// Publishes outbox rows right after their commit.
    pub outbox: Outbox,
    /// Says when to stop.
    pub shutdown: Shutdown,
    /// What `/readyz` tells.
    pub health: Health,
    /// The database's clock, near enough for delays.
    pub clock: Clock,
}

/// Says when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Lets a [`Shutdown`] say so.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Shutdown {
    /// A pair, for tests and tools that are no [`Process`].
    #[must_use]
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Whether it is time.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time.
    pub async fn requested(&self) {
        // An error means that nobody is left who could ask: then it is time, too.
        let mut asked = self.0.clone();
        let _time = asked.wait_for(|stop| *stop).await;
    }
}

impl Stopper {
    /// It is time.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// The database's clock as far as this process knows it: its own, corrected by how far the two lay apart when last
/// compared. A machine whose clock is wrong would otherwise delay messages by as much.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// About now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        let own = Timestamp::now();
        own.checked_add(ahead).unwrap_or(own)
    }

    /// The database said `theirs` at some moment between `asked` and `answered` of our own clock.
    fn learn(&self, asked: Timestamp, theirs: Timestamp, answered: Timestamp) {
        let way = answered.duration_since(asked) / 2;
        let middle = asked.checked_add(way).unwrap_or(asked);
        let ahead_ms = theirs.duration_since(middle).as_millis();
        self.ahead_ms
            .store(i64::try_from(ahead_ms).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Runs a process: everything around `main`, which gets the [`Process`] and returns when it is shut down.
///
/// Writes exactly one line to standard output, when the health address is bound:
/// `{"ready":{"name":"sms-sent","http":"127.0.0.1:41234"}}`; logs go to standard error. Exit codes: 0 after a soft
/// stop, 2 for a wrong setting (one line on standard error says which), 1 for anything else.
pub fn run<M, E>(name: &'static str, main: M) -> ExitCode
where
    M: AsyncFnOnce(Process) -> Result<(), E>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let settings = match Settings::load() {
        Ok(settings) => settings,
        Err(wrong) => return refuse(name, &wrong),
    };
    let metrics = match telemetry::install(name, &settings.log) {
        Ok(metrics) => metrics,
        Err(wrong) => return refuse(name, &wrong),
    };
    // The one TLS implementation's one provider. An error says that it is installed already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.runtime.threads)
        .thread_name(name)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return refuse(name, &error),
    };
    let ended = runtime.block_on(live(name, Arc::new(settings), metrics, main));
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<SettingsError>() {
            Some(wrong) => refuse(name, wrong),
            None => {
                error!(error = %chain(error.as_ref()), "the process failed");
                ExitCode::from(EXIT_FAILED)
            }
        },
    }
}

fn refuse(name: &str, wrong: &dyn std::fmt::Display) -> ExitCode {
    let line = format!("{name}: {wrong}\n");
    // Nothing can be said where nobody listens.
    let _unheard = std::io::stderr().write_all(line.as_bytes());
    ExitCode::from(EXIT_SETTINGS)
}

async fn live<M, E>(
    name: &'static str,
    settings: Arc<Settings>,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    main: M,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    M: AsyncFnOnce(Process) -> Result<(), E>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let (stopper, shutdown) = Shutdown::new();
    let (publisher_stopper, publisher_shutdown) = Shutdown::new();
    let health = Health::default();
    let clock = Clock::default();
    let store = Store::new(&store_options(name, &settings)?)
        .map_err(|wrong| SettingsError::about("database.url", &wrong.to_string()))?;
    let publisher = Publisher::start(
        name,
        &settings.amqp,
        clock.clone(),
        health.part("publisher"),
        publisher_shutdown,
    )?;
    let (outbox, outbox_task) = Outbox::start(store.clone(), publisher.clone());

    let listener = TcpListener::bind(settings.http.listen).await.map_err(|e| {
        SettingsError::about(
            "http.listen",
            &format!("{} can't be listened on: {e}", settings.http.listen),
        )
    })?;
    let address = listener.local_addr()?;
    tokio::spawn(health::serve(listener, health.clone(), metrics.clone()));
    tokio::spawn(telemetry::upkeep(metrics));
    tokio::spawn(watch_database(
        store.clone(),
        clock.clone(),
        health.part("database"),
    ));
    listen_to_signals(stopper, settings.shutdown.grace)?;
    say_ready(name, address)?;
    info!(%address, version = env!("CARGO_PKG_VERSION"), "started");

    let process = Process {
        name,
        settings,
        store,
        publisher: publisher.clone(),
        outbox: outbox.clone(),
        shutdown,
        health,
        clock,
    };
    let ended = main(process).await;
    outbox.close();
    if tokio::time::timeout(OUTBOX_FLUSH_MAX, outbox_task).await.is_err() {
        warn!("the broker takes no messages now; the sweeper publishes what the outbox holds");
    }
    publisher_stopper.stop();
    let _late = tokio::time::timeout(GOODBYE_MAX, publisher.closed()).await;
    info!("stopped");
    ended.map_err(Into::into)
}

fn store_options(name: &'static str, settings: &Settings) -> Result<StoreOptions, SettingsError> {
    let database = &settings.database;
    Ok(StoreOptions {
        url: database.url()?.expose_secret().to_owned(),
        connections_max: database.connections_max,
        ca_file: database.ca_file.clone(),
        application_name: name.to_owned(),
        statement_timeout_s: u32::try_from(database.statement_timeout.as_secs()).unwrap_or(u32::MAX),
    })
}

/// The one line on standard output.
#[derive(Serialize)]
struct ReadyLine<'a> {
    ready: Ready<'a>,
}

#[derive(Serialize)]
struct Ready<'a> {
    name: &'a str,
    http: SocketAddr,
}

fn say_ready(name: &str, address: SocketAddr) -> std::io::Result<()> {
    let line = serde_json::to_string(&ReadyLine {
        ready: Ready { name, http: address },
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The first signal asks everybody to stop; the second one, or the end of the grace period, does not ask.
fn listen_to_signals(stopper: Stopper, grace: Duration) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        info!(grace_s = grace.as_secs(), "stopping: finishing what is in hand");
        stopper.stop();
        tokio::select! {
            _ = terminate.recv() => warn!("second signal: ending at once"),
            _ = interrupt.recv() => warn!("second signal: ending at once"),
            () = tokio::time::sleep(grace) => warn!("the grace period is over: ending at once"),
        }
        std::process::exit(EXIT_FAILED.into());
    });
    Ok(())
}

/// Keeps `/readyz` true to the database, and the clock true to its clock.
async fn watch_database(store: Store, clock: Clock, part: Part) {
    let mut looks = tokio::time::interval(DATABASE_LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let asked = Timestamp::now();
        match tokio::time::timeout(DATABASE_LOOK_TIMEOUT, store.now()).await {
            Ok(Ok(theirs)) => {
                clock.learn(asked, theirs, Timestamp::now());
                part.ready();
            }
            Ok(Err(error)) => part.not_ready(chain(&error)),
            Err(_late) => part.not_ready("no answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_databases() {
        let clock = Clock::default();
        let asked = Timestamp::now();
        let hour = SignedDuration::from_hours(1);
        clock.learn(asked, asked + hour, asked);
        assert!((clock.now().duration_since(Timestamp::now()) - hour).abs() < SignedDuration::from_secs(1));
        clock.learn(
            asked,
            asked + SignedDuration::from_secs(1),
            asked + SignedDuration::from_secs(2),
        );
        assert!(clock.now().duration_since(Timestamp::now()).abs() < SignedDuration::from_secs(1));
    }

    #[tokio::test]
    async fn a_shutdown_is_heard_by_all_who_wait_and_by_all_who_come_later() {
        let (stopper, shutdown) = Shutdown::new();
        assert!(!shutdown.is_requested());
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        stopper.stop();
        waiting.await.unwrap();
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
