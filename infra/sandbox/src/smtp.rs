//! The mail relay: takes every mail and delivers none.
//!
//! The state machine of the protocol is the `mailin` crate's; here are its sockets, TLS, and trouble. Mail is
//! taken after STARTTLS alone, unless the sandbox was told otherwise.

mod envelope;
pub(crate) mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use mailin::{Action, Response, Session, SessionBuilder};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::world::World;
use envelope::{Ending, Envelope};

/// Connections open at once; more wait to be taken.
const CONNECTIONS_MAX: usize = 200;
/// Longest line of a command or a mail, with its end.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How long a client may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Name in the greeting.
const NAME: &str = "sandbox.invalid";

/// What all connections share.
#[derive(Clone)]
pub struct Relay {
    world: Arc<World>,
    tls: TlsAcceptor,
    plain: bool,
}

impl Relay {
    /// A relay that takes mail without STARTTLS only if `plain`.
    pub(crate) fn new(world: Arc<World>, tls: Arc<rustls::ServerConfig>, plain: bool) -> Self {
        Self {
            world,
            tls: tls.into(),
            plain,
        }
    }
}

/// How a conversation ended.
enum Ended {
    Closed,
    StartTls,
}

/// Serves until accepting fails for good.
pub(crate) async fn serve(listener: TcpListener, relay: Relay) -> anyhow::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .context("the relay's slots")?;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, or a client that is gone already: neither is the end of the relay.
                tracing::warn!(%error, "accepting a mail connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let relay = relay.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, peer.ip(), relay).await {
                tracing::debug!(error = format!("{error:#}"), "a mail connection ended badly");
            }
            drop(slot);
        });
    }
}

async fn converse(stream: TcpStream, peer: IpAddr, relay: Relay) -> anyhow::Result<()> {
    stream.set_nodelay(true).context("setting TCP_NODELAY")?;
    let mut plain = BufReader::new(stream);
    let (envelope, ending) = Envelope::new(Arc::clone(&relay.world), relay.plain);
    let mut session = SessionBuilder::new(NAME).enable_start_tls().build(peer, envelope);
    write(&mut plain, &session.greeting()).await?;
    match talk(&mut plain, &mut session, &ending).await? {
        Ended::Closed => Ok(()),
        Ended::StartTls => {
            // What was sent too early, in the clear, is dropped with the buffer.
            let encrypted = relay
                .tls
                .accept(plain.into_inner())
                .await
                .context("TLS handshake")?;
            let (envelope, ending) = Envelope::new(relay.world, true);
            // A session begins anew under TLS; nothing said before it counts.
            let mut session = SessionBuilder::new(NAME).enable_start_tls().build(peer, envelope);
            session.tls_active();
            match talk(&mut BufReader::new(encrypted), &mut session, &ending).await? {
                Ended::Closed => Ok(()),
                Ended::StartTls => bail!("STARTTLS inside TLS"),
            }
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    session: &mut Session<Envelope>,
    ending: &Ending,
) -> anyhow::Result<Ended> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut *stream).take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut line);
        let read = tokio::time::timeout(SILENCE_MAX, read)
            .await
            .context("the client said nothing")?;
        if read.context("reading a line")? == 0 {
            return Ok(Ended::Closed);
        }
        if line.last() != Some(&b'\n') {
            bail!("a line without end, or longer than {LINE_BYTES_MAX} bytes");
        }
        let response = session.process(&line);
        if ending.dropped() {
            return Ok(Ended::Closed);
        }
        match response.action {
            Action::NoReply => {}
            Action::Reply => write(stream, &response).await?,
            Action::Close => {
                write(stream, &response).await?;
                stream.shutdown().await.context("closing")?;
                return Ok(Ended::Closed);
            }
            Action::UpgradeTls => {
                write(stream, &response).await?;
                return Ok(Ended::StartTls);
            }
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), response: &Response) -> anyhow::Result<()> {
    let bytes = response.buffer().context("composing a reply")?;
    stream.write_all(&bytes).await.context("replying")?;
    stream.flush().await.context("replying")
}
