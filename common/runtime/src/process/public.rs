//! A process that the world outside calls. It has no database: what it takes it gives to the broker.

use super::frame::{Beginning, Frame, bind};
use super::{Failed, Shutdown, from_start_to_end};
use crate::broker::Publisher;
use crate::health::Health;
use crate::settings::Settings;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long a publish may take while somebody outside waits for its end, whatever the setting says.
const CONFIRM_MAX: Duration = Duration::from_secs(5);

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
    /// Its public address, `edge.listen`: bound, and not listened to yet.
    pub listener: TcpListener,
}

/// Runs a process that the world outside calls: everything around `main`, as [`super::run`] does, but for the
/// database, which is not needed, and not even to be named.
///
/// The ready line names the public address, too:
/// `{"ready":{"name":"edge","http":"127.0.0.1:41234","public":"127.0.0.1:41235"}}`.
pub fn run_public<M, E>(name: &'static str, main: M) -> ExitCode
where
    M: AsyncFnOnce(PublicProcess) -> Result<(), E>,
    E: Into<Failed>,
{
    from_start_to_end(name, async |beginning| live(beginning, main).await)
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
    let listener = bind("edge.listen", settings.edge.listen).await?;
    let public = listener.local_addr()?;
    let process = PublicProcess {
        name,
        settings,
        publisher: frame.publisher.clone(),
        shutdown: frame.shutdown.clone(),
        health: frame.health.clone(),
        listener,
    };
    let closing = frame.open(Some(public)).await?;
    let ended = main(process).await;
    closing.close().await;
    ended.map_err(Into::into)
}
