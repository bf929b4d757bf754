//! What every process has around it, whether or not it has a database: the health address, a publisher, signals.

use super::Failed;
use super::clock::Clock;
use super::shutdown::{Shutdown, Stopper, listen_to_signals};
use crate::broker::Publisher;
use crate::health::{self, Health};
use crate::settings::{Amqp, Settings, SettingsError};
use crate::telemetry;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing::info;

/// How long saying goodbye to the broker may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// What is known before anything has begun.
pub(super) struct Beginning {
    pub(super) name: &'static str,
    pub(super) settings: Arc<Settings>,
    pub(super) metrics: PrometheusHandle,
}

/// A process without what it does.
pub(super) struct Frame {
    pub(super) name: &'static str,
    pub(super) settings: Arc<Settings>,
    pub(super) publisher: Publisher,
    pub(super) shutdown: Shutdown,
    pub(super) health: Health,
    pub(super) clock: Clock,
    stopper: Stopper,
    publisher_stopper: Stopper,
    metrics: PrometheusHandle,
}

impl Frame {
    /// Begins to connect to the broker; nothing else is begun yet.
    pub(super) fn new(beginning: Beginning, amqp: &Amqp) -> Result<Self, SettingsError> {
        let Beginning {
            name,
            settings,
            metrics,
        } = beginning;
        let (stopper, shutdown) = Shutdown::new();
        let (publisher_stopper, publisher_shutdown) = Shutdown::new();
        let health = Health::default();
        let clock = Clock::default();
        let publisher = Publisher::start(
            name,
            amqp,
            clock.clone(),
            health.part("publisher"),
            publisher_shutdown,
        )?;
        Ok(Self {
            name,
            settings,
            publisher,
            shutdown,
            health,
            clock,
            stopper,
            publisher_stopper,
            metrics,
        })
    }

    /// Opens the health address, listens to signals, and says so in the ready line, with the public address of a
    /// process that has one. What is left is the closing.
    pub(super) async fn open(self, public: Option<SocketAddr>) -> Result<Closing, Failed> {
        let listener = bind("http.listen", self.settings.http.listen).await?;
        let address = listener.local_addr()?;
        tokio::spawn(health::serve(listener, self.health, self.metrics.clone()));
        tokio::spawn(telemetry::upkeep(self.metrics));
        listen_to_signals(self.stopper, self.settings.shutdown.grace)?;
        say_ready(self.name, address, public)?;
        info!(%address, "started");
        Ok(Closing {
            publisher: self.publisher,
            publisher_stopper: self.publisher_stopper,
        })
    }
}

/// What is left to do at the end.
pub(super) struct Closing {
    publisher: Publisher,
    publisher_stopper: Stopper,
}

impl Closing {
    /// Says goodbye to the broker.
    pub(super) async fn close(self) {
        self.publisher_stopper.stop();
        let _late = tokio::time::timeout(GOODBYE_MAX, self.publisher.closed()).await;
        info!("stopped");
    }
}

/// Listens on the address that a setting names.
pub(super) async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, SettingsError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|e| SettingsError::about(setting, &format!("{address} can't be listened on: {e}")))
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
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<SocketAddr>,
}

fn say_ready(name: &str, http: SocketAddr, public: Option<SocketAddr>) -> std::io::Result<()> {
    let line = serde_json::to_string(&ReadyLine {
        ready: Ready { name, http, public },
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
