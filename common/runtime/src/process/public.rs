//! A process that the world outside calls. It begins without a database and goes on without one: what it is told by
//! webhooks it gives to the broker. What people look at and change needs one, so a small pool stands ready where the
//! database is named; the first connection is made when somebody asks.

use super::frame::{Beginning, Frame, bind};
use super::{Failed, Shutdown, from_start_to_end};
use crate::broker::Publisher;
use crate::health::Health;
use crate::process::Clock;
use crate::settings::{Settings, SettingsError, whole_seconds};
use crate::{Outbox, telemetry};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use topup_store::Store;
use tracing::warn;

/// How long a publish may take while somebody outside waits for its end, whatever the setting says.
const CONFIRM_MAX: Duration = Duration::from_secs(5);
/// How long a statement may take while somebody outside waits for its end, whatever the setting says.
const STATEMENT_MAX: Duration = Duration::from_secs(5);

/// What a process has that the world outside calls.
#[derive(Debug)]
pub struct PublicProcess {
    /// Its name.
    pub name: &'static str,
    /// What was set.
    pub settings: Arc<Settings>,
    /// Publishes with confirms; gives up after 5 seconds at most, since somebody waits.
    pub publisher: Publisher,
    /// Says when to stop.
    pub shutdown: Shutdown,
    /// What `/readyz` tells: of the broker alone.
    pub health: Health,
    /// This machine's clock, near enough for what is written beside the database's own.
    pub clock: Clock,
    /// The database, through a pool of its own that is small; none where it is not named.
    pub database: Option<PublicDatabase>,
    /// Its public address, `edge.listen`: bound, and not listened to yet.
    pub listener: TcpListener,
}

/// The database of a process that the world outside calls.
#[derive(Debug, Clone)]
pub struct PublicDatabase {
    /// With few connections, and statements that end soon.
    pub store: Store,
    /// Publishes what a committed change wants published.
    pub outbox: Outbox,
}

/// Runs a process that the world outside calls: everything around `main`, as [`super::run`] does, but for the
/// database, which need not be there, and not even be named.
///
/// The ready line names the public address, too:
/// `{"ready":{"name":"edge","http":"127.0.0.1:41234","public":"127.0.0.1:41235"}}`.
pub fn run_public<M, E>(name: &'static str, main: M) -> ExitCode
where
    M: AsyncFnOnce(PublicProcess) -> Result<(), E>,
    E: Into<Failed>,
{
    let nice = |settings: &Settings| settings.edge.nice;
    from_start_to_end(name, nice, async |beginning| live(beginning, main).await)
}

async fn live<M, E>(beginning: Beginning, main: M) -> Result<(), Failed>
where
    M: AsyncFnOnce(PublicProcess) -> Result<(), E>,
    E: Into<Failed>,
{
    let (name, settings) = (beginning.name, Arc::clone(&beginning.settings));
    let mut amqp = settings.amqp.clone();
    amqp.confirm_timeout = amqp.confirm_timeout.min(CONFIRM_MAX);
    let frame = Frame::new(beginning, &amqp)?;
    let (database, outbox_task) = match database(name, &settings, &frame.publisher)? {
        Some((database, task)) => (Some(database), Some(task)),
        None => (None, None),
    };
    let listener = bind("edge.listen", settings.edge.listen).await?;
    let public = listener.local_addr()?;
    let process = PublicProcess {
        name,
        settings,
        publisher: frame.publisher.clone(),
        shutdown: frame.shutdown.clone(),
        health: frame.health.clone(),
        clock: frame.clock.clone(),
        database: database.clone(),
        listener,
    };
    let closing = frame.open(Some(public)).await?;
    let ended = main(process).await;
    if let (Some(database), Some(task)) = (database, outbox_task) {
        database.outbox.close();
        if tokio::time::timeout(super::OUTBOX_FLUSH_MAX, task).await.is_err() {
            warn!("the broker takes no messages now; the sweeper publishes what the outbox holds");
        }
    }
    closing.close().await;
    ended.map_err(Into::into)
}

type OutboxTask = tokio::task::JoinHandle<()>;

/// A pool and an outbox, where the database is named.
fn database(
    name: &'static str,
    settings: &Settings,
    publisher: &Publisher,
) -> Result<Option<(PublicDatabase, OutboxTask)>, SettingsError> {
    if settings.database.url().is_err() {
        return Ok(None);
    }
    let mut options = super::store_options(name, settings)?;
    options.connections_max = settings.edge.database_connections;
    options.statement_timeout_s = options.statement_timeout_s.min(whole_seconds(STATEMENT_MAX));
    let store =
        Store::new(&options).map_err(|wrong| SettingsError::about("database.url", &wrong.to_string()))?;
    tokio::spawn(telemetry::watch_pool(store.clone()));
    let (outbox, task) = Outbox::start(store.clone(), publisher.clone());
    let events = outbox.clone();
    let store = store.publishing(move |rows| events.send(rows));
    Ok(Some((PublicDatabase { store, outbox }, task)))
}
