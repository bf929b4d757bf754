//! A process from start to end: settings, logs, the health address, the database where there is one, signals.
//!
//! [`run`] is the whole of a worker's `main`. The order of the end: SIGTERM → consumers stop taking, and finish what
//! they have in hand → the outbox is flushed → connections close → the last spans of traces are exported → exit code 0.
//! A second signal, or the end of the grace period, ends the process at once with exit code 1; nothing is lost by that
//! either.

mod clock;
mod frame;
mod presence;
mod public;
mod shutdown;

use crate::broker::Publisher;
use crate::consume::chain;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::settings::{Mode, Niceness, Settings, SettingsError};
use crate::telemetry;
use frame::{Beginning, Frame};
use presence::Present;
use secrecy::ExposeSecret as _;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use topup_store::{Store, StoreOptions};
use tracing::{error, warn};

pub use clock::Clock;
pub(crate) use presence::Presence;
pub use public::{PublicDatabase, PublicProcess, run_public};
pub use shutdown::{Shutdown, Stopper};

/// Why a process ended badly.
type Failed = Box<dyn Error + Send + Sync>;

/// A setting is wrong.
const EXIT_SETTINGS: u8 = 2;
/// Anything else went wrong, or the end had to be forced.
const EXIT_FAILED: u8 = 1;
/// How long the end of the process waits for rows that are on their way to the broker.
const OUTBOX_FLUSH_MAX: Duration = Duration::from_secs(5);

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
    /// Whether its queue is paused, and how it stands itself.
    pub(crate) presence: Presence,
}

/// Runs a process: everything around `main`, which gets the [`Process`] and returns when it is shut down.
///
/// Writes exactly one line to standard output, when the health address is bound:
/// `{"ready":{"name":"sms-sent","http":"127.0.0.1:41234"}}`; logs go to standard error. Exit codes: 0 after a soft
/// stop, 2 for a wrong setting (one line on standard error says which), 1 for anything else.
pub fn run<M, E>(name: &'static str, main: M) -> ExitCode
where
    M: AsyncFnOnce(Process) -> Result<(), E>,
    E: Into<Failed>,
{
    from_start_to_end(
        name,
        |_| Niceness::default(),
        async |beginning| live(beginning, main).await,
    )
}

/// Everything around a process's life: settings, logs, threads, and the exit code that its end makes. `nice` says how
/// far it stands behind others for the machine's processors.
fn from_start_to_end(
    name: &'static str,
    nice: impl FnOnce(&Settings) -> Niceness,
    life: impl AsyncFnOnce(Beginning) -> Result<(), Failed>,
) -> ExitCode {
    let settings = match Settings::load() {
        Ok(settings) => settings,
        Err(wrong) => return refuse(name, &wrong),
    };
    let metrics = match telemetry::install(name, &settings.log) {
        Ok(metrics) => metrics,
        Err(wrong) => return refuse(name, &wrong),
    };
    if let Err(refused) = tell_failpoint(settings.mode) {
        return refuse(name, &refused);
    }
    // Before there are threads: each begins as the one that starts it.
    if let Err(error) = stand_back(nice(&settings)) {
        warn!(%error, "the process stands behind nobody for the machine's processors");
    }
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
    let traces = match telemetry::traces::install(name, &settings.traces) {
        Ok(traces) => traces,
        Err(wrong) => return refuse(name, &wrong),
    };
    let ended = runtime.block_on(async {
        let exporting = traces.map(telemetry::traces::Exporter::start);
        let ended = life(Beginning {
            name,
            settings: Arc::new(settings),
            metrics,
        })
        .await;
        if let Some(exporting) = exporting {
            exporting.finish().await;
        }
        ended
    });
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

/// Never forward again: whoever started the process may have put it further back.
fn stand_back(nice: Niceness) -> rustix::io::Result<()> {
    if rustix::process::getpriority_process(None)? < nice.get() {
        rustix::process::setpriority_process(None, nice.get())?;
    }
    Ok(())
}

/// A process that is to be killed by a test says so, and serves nobody else.
fn tell_failpoint(mode: Mode) -> Result<(), String> {
    let told =
        topup_failpoints::told().map_err(|wrong| format!("{}: {wrong}", topup_failpoints::VARIABLE))?;
    match (told, mode) {
        (None, Mode::Production | Mode::Development) => Ok(()),
        (Some(_), Mode::Production) => Err(format!("{} is for tests alone", topup_failpoints::VARIABLE)),
        (Some(failpoint), Mode::Development) => {
            warn!(%failpoint, "built for tests: to be killed at a point");
            Ok(())
        }
    }
}

fn refuse(name: &str, wrong: &dyn std::fmt::Display) -> ExitCode {
    let line = format!("{name} v{}: {wrong}\n", env!("CARGO_PKG_VERSION"));
    // Nothing can be said where nobody listens.
    let _unheard = std::io::stderr().write_all(line.as_bytes());
    ExitCode::from(EXIT_SETTINGS)
}

async fn live<M, E>(beginning: Beginning, main: M) -> Result<(), Failed>
where
    M: AsyncFnOnce(Process) -> Result<(), E>,
    E: Into<Failed>,
{
    let (name, settings) = (beginning.name, Arc::clone(&beginning.settings));
    let store = Store::new(&store_options(name, &settings)?)
        .map_err(|wrong| SettingsError::about("database.url", &wrong.to_string()))?;
    let frame = Frame::new(beginning, &settings.amqp)?;
    let (outbox, outbox_task) = Outbox::start(store.clone(), frame.publisher.clone());
    let (presence, farewell) = presence::start(Present {
        name,
        store: store.clone(),
        health: frame.health.clone(),
        clock: frame.clock.clone(),
        shutdown: frame.shutdown.clone(),
    });
    let process = Process {
        name,
        settings,
        store: store.clone(),
        publisher: frame.publisher.clone(),
        outbox: outbox.clone(),
        shutdown: frame.shutdown.clone(),
        health: frame.health.clone(),
        clock: frame.clock.clone(),
        presence,
    };
    tokio::spawn(telemetry::watch_pool(store.clone()));
    let database = frame.health.part("database");
    tokio::spawn(clock::watch_database(store, frame.clock.clone(), database));
    let closing = frame.open(None).await?;
    let ended = main(process).await;
    outbox.close();
    if tokio::time::timeout(OUTBOX_FLUSH_MAX, outbox_task).await.is_err() {
        warn!("the broker takes no messages now; the sweeper publishes what the outbox holds");
    }
    farewell.say().await;
    closing.close().await;
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
