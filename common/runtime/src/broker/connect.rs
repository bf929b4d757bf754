//! One connection with one channel: trying each host in turn, within time-outs, under a name that people in the
//! management page understand.

use super::refusal::TopologyError;
use super::socket::Socket;
use crate::settings::Amqp;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::LongString;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use std::future::Future;
use std::time::Duration;
use topup_store::certificate_advice;

/// Of every program of the fleet.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why there is no session with the broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A host refused, or was not there.
    #[error("broker {host}: {source}{}", certificate_advice(.source, "TOPUP__AMQP__CA_FILE"))]
    Unreachable {
        /// Host and port.
        host: String,
        /// What happened.
        source: lapin::Error,
    },
    /// The broker did not answer in time.
    #[error("broker: no answer within {} s to: {doing}", .after.as_secs())]
    TimedOut {
        /// What was asked.
        doing: String,
        /// How long the answer was waited for.
        after: Duration,
    },
    /// The broker refused, or the connection broke.
    #[error("broker: {doing}: {source}")]
    Failed {
        /// What was asked.
        doing: String,
        /// What happened.
        source: lapin::Error,
    },
    /// The broker ended a consumer: its queue was deleted, or has lost its leader.
    #[error("broker: {queue} is gone, or moves to another node")]
    Cancelled {
        /// Whose.
        queue: String,
    },
    /// What stands on the broker is not what is needed.
    #[error("{0}")]
    Topology(#[from] TopologyError),
    /// The file of trusted authorities can't be read.
    #[error("CA file {path}: {source}")]
    CaFile {
        /// Which file.
        path: String,
        /// What happened.
        source: std::io::Error,
    },
}

impl BrokerError {
    /// The library could not read what the broker sent. The likeliest cause is one message whose properties
    /// are not UTF-8.
    pub(crate) fn is_parsing(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } | Self::Failed { source, .. } => is_parsing(source),
            Self::TimedOut { .. } | Self::Cancelled { .. } | Self::Topology(_) | Self::CaFile { .. } => false,
        }
    }
}

pub(crate) fn is_parsing(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ParsingError(_))
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Messages of anybody arrive on it.
    Consume,
    /// Messages of ours alone leave by it.
    Publish,
}

impl Purpose {
    /// Largest frame, in bytes. The library keeps two buffers of 32 frames for each connection.
    const fn frame_max(self) -> u32 {
        match self {
            // The broker's own default: a sender's headers may fill a whole frame, and a smaller limit would make
            // such a message impossible to receive. Said explicitly all the same, since the library then reserves
            // its buffers at once, untouched, instead of growing them later, which touches every page.
            Self::Consume => 131_072,
            // Our own headers are small, and bodies are cut into as many frames as they need.
            Self::Publish => 32_768,
        }
    }
}

/// What people in the management page read of a connection: its name in every list, and on its own page in a sentence
/// what it is there for.
#[derive(Debug, Clone)]
pub(crate) struct Sign {
    /// `sms-sent@host#pid v0.1.0 consuming`.
    pub(crate) name: String,
    what_for: String,
}

impl Sign {
    /// Of a process that takes messages of a queue.
    pub(crate) fn consuming(process: &str, queue: &str) -> Self {
        Self {
            name: format!("{} consuming", connection_name(process)),
            what_for: format!(
                "takes the messages of {queue}, and acknowledges them when they are dealt with"
            ),
        }
    }

    /// Of a process that publishes.
    pub(crate) fn publishing(process: &str) -> Self {
        Self {
            name: format!("{} publishing", connection_name(process)),
            what_for: format!(
                "publishes what {process} causes, retries and dead letters included; takes nothing"
            ),
        }
    }

    /// Of an operator's command.
    pub(crate) fn by_hand(command: &str) -> Self {
        Self {
            name: format!("{} by hand", connection_name(command)),
            what_for: "a person's command; gone when it has ended".to_owned(),
        }
    }
}

/// A connection and its channel.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    /// How long closing may take.
    patience: Duration,
    /// Cut when the link is dropped, however that comes about.
    _socket: Socket,
}

impl Link {
    /// How long the broker may take for an answer.
    pub(crate) const fn patience(&self) -> Duration {
        self.patience
    }

    /// Says goodbye, within a bound. What the broker still holds for this channel goes back to its queue.
    pub(crate) async fn close(self) {
        let goodbye = async {
            let _gone = self.channel.close(200, "done".into()).await;
            let _gone = self.connection.close(200, "done".into()).await;
        };
        let _late = tokio::time::timeout(self.patience, goodbye).await;
    }
}

/// Connects to the first host that answers, beginning with number `first` so that tries rotate, and opens a channel.
pub(crate) async fn connect(
    amqp: &Amqp,
    uris: &[AMQPUri],
    purpose: Purpose,
    sign: &Sign,
    first: usize,
) -> Result<Link, BrokerError> {
    let mut last = None;
    for n in 0..uris.len() {
        let Some(uri) = uris.get((first + n) % uris.len()) else {
            continue;
        };
        match connect_one(amqp, uri.clone(), purpose, sign).await {
            Ok(link) => return Ok(link),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| BrokerError::TimedOut {
        doing: "connect".to_owned(),
        after: Duration::ZERO,
    }))
}

async fn connect_one(
    amqp: &Amqp,
    mut uri: AMQPUri,
    purpose: Purpose,
    sign: &Sign,
) -> Result<Link, BrokerError> {
    let host = format!("{}:{}", uri.authority.host, uri.authority.port);
    uri.query.heartbeat = Some(u16::try_from(amqp.heartbeat.as_secs()).unwrap_or(u16::MAX).max(1));
    uri.query.frame_max = Some(purpose.frame_max());
    let properties = ConnectionProperties::default()
        .with_connection_name(sign.name.as_str().into())
        .with_client_property("product".into(), LongString::from("topup fleet"))
        .with_client_property("version".into(), LongString::from(VERSION))
        .with_client_property("information".into(), LongString::from(sign.what_for.as_str()));
    let tls = OwnedTLSConfig {
        identity: None,
        cert_chain: ca_chain(amqp).await?,
    };
    let socket = Socket::default();
    let connecting = async {
        let connection = socket.connect(uri, properties, tls, amqp.connect_timeout).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    };
    match tokio::time::timeout(amqp.connect_timeout, connecting).await {
        Ok(Ok((connection, channel))) => Ok(Link {
            connection,
            channel,
            patience: amqp.connect_timeout,
            _socket: socket,
        }),
        Ok(Err(source)) => Err(BrokerError::Unreachable { host, source }),
        Err(_late) => Err(BrokerError::TimedOut {
            doing: format!("connect to {host}"),
            after: amqp.connect_timeout,
        }),
    }
}

async fn ca_chain(amqp: &Amqp) -> Result<Option<String>, BrokerError> {
    match &amqp.ca_file {
        None => Ok(None),
        Some(path) => match tokio::fs::read_to_string(path).await {
            Ok(pem) => Ok(Some(pem)),
            Err(source) => Err(BrokerError::CaFile {
                path: path.display().to_string(),
                source,
            }),
        },
    }
}

/// Does one thing with the broker within a time-out, and says what it was when it fails.
pub(crate) async fn within<T>(
    timeout: Duration,
    doing: &str,
    work: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(BrokerError::Failed {
            doing: doing.to_owned(),
            source,
        }),
        Err(_late) => Err(BrokerError::TimedOut {
            doing: doing.to_owned(),
            after: timeout,
        }),
    }
}

/// Which process it is, as the management page shows it: `sms-sent@host#pid v0.1.0`.
fn connection_name(process: &str) -> String {
    format!("{process}@{}#{} v{}", host_name(), std::process::id(), VERSION)
}

/// A consumer's name in the management page: `sms-sent.host.pid.1`.
pub(crate) fn tag_name(process: &str) -> String {
    format!("{process}.{}.{}.1", host_name(), std::process::id())
}

/// The machine's name, or `localhost`.
#[must_use]
pub fn host_name() -> String {
    hostname::get()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned())
}
