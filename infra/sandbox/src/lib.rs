//! The outside world, played on loopback, so that the fleet can be run, shown and tested without anybody's
//! money, phone or mailbox:
//!
//! - the **payment gateway's** HTTP interface: saved cards, hosted page, verification, the list of a day's
//!   payments, refunds, signed webhooks ([`gateway`], [`webhooks`]),
//! - the **SMS provider's** ([`sms`]),
//! - a **mail relay** that speaks SMTP with STARTTLS ([`smtp`]),
//! - and, for whoever watches, `/sandbox/…`: lists of all that was seen, and trouble made to order ([`control`]).
//!
//! What a card does follows from its authorization code ([`behaviour`]); what a payment then is stands in the
//! books ([`books`]). Answers have the real interface's shapes, its known hazards included ([`gateway::shape`]);
//! what looks random is drawn from a seed and the payment's reference, so that a run can be had again.
//!
//! Deliberately absent: disk (everything is forgotten at the end), cards known by number, the real gateway's limits of
//! calls a minute, and any address but loopback, unless it is told that it has a network of its own ([`reach`]).

pub mod behaviour;
pub mod books;
pub mod control;
pub mod gateway;
pub mod reach;
pub mod record;
pub mod sms;
pub mod smtp;
pub mod trouble;
pub mod webhooks;
pub mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::DefaultBodyLimit;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::reach::Reach;
use crate::world::World;

/// Largest request that is read.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// How the sandbox is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where gateway, SMS provider and control are served; port 0 takes a free one.
    pub http: SocketAddr,
    /// Where the mail relay listens; port 0 takes a free one.
    pub smtp: SocketAddr,
    /// Where it may listen, and whom it may call.
    pub reach: Reach,
    /// Where the certificate is written that mail clients have to trust, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The gateway's secret key; `sk_live_…` plays live mode.
    pub secret_key: String,
    /// The SMS provider's key; `None`: not looked at.
    pub sms_api_key: Option<String>,
    /// Where webhooks go at first; plain HTTP.
    pub webhook_url: Option<String>,
    /// How long every gateway call takes at least.
    pub latency: Duration,
    /// How long what is pending takes.
    pub pending: Duration,
    /// How long a challenged payment waits for its customer before it is abandoned.
    pub abandoned: Duration,
    /// Decides what is left to chance.
    pub seed: u64,
    /// Whether mail is taken without STARTTLS.
    pub smtp_plain: bool,
}

impl Default for Options {
    fn default() -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            http: anywhere,
            smtp: anywhere,
            reach: Reach::Loopback,
            ca_file: None,
            secret_key: "sk_test_sandbox".to_owned(),
            sms_api_key: None,
            webhook_url: None,
            latency: Duration::ZERO,
            pending: Duration::from_secs(1),
            abandoned: Duration::from_mins(10),
            seed: 1,
            smtp_plain: false,
        }
    }
}

/// A running sandbox; it takes no more connections once this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// Where HTTP is served.
    pub http: SocketAddr,
    /// Where mail is taken.
    pub smtp: SocketAddr,
    parts: JoinSet<anyhow::Result<()>>,
}

impl Sandbox {
    /// Binds both addresses, writes the certificate and starts serving.
    ///
    /// # Errors
    /// An address is out of reach or not free, the certificate cannot be written, or the webhooks' URL is out of
    /// reach.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let (http, http_listener) = bind("--http", options.http, &options.reach).await?;
        let (smtp, smtp_listener) = bind("--smtp", options.smtp, &options.reach).await?;
        // The HTTP client of the webhooks wants a provider, although it speaks plain HTTP alone. Another part
        // of the same process may have installed one: the first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = Arc::new(World::new(&options, http)?);
        let tls = smtp::tls::Identity::generate(options.reach.names())?;
        if let Some(path) = &options.ca_file {
            tokio::fs::write(path, tls.ca_pem())
                .await
                .with_context(|| format!("writing the certificate to {}", path.display()))?;
        }
        let relay = smtp::Relay::new(Arc::clone(&world), tls.server()?, options.smtp_plain);
        let mut parts = JoinSet::new();
        parts.spawn(smtp::serve(smtp_listener, relay));
        parts.spawn(serve_http(http_listener, world));
        Ok(Self { http, smtp, parts })
    }

    /// Waits until a part stops by itself, which none does while it is well.
    ///
    /// # Errors
    /// Why it stopped.
    pub async fn stopped(&mut self) -> anyhow::Result<()> {
        match self.parts.join_next().await {
            Some(ended) => ended.context("a part of the sandbox failed")?,
            None => Ok(()),
        }
    }
}

async fn serve_http(listener: TcpListener, world: Arc<World>) -> anyhow::Result<()> {
    let router = gateway::router()
        .merge(sms::router())
        .nest("/sandbox", control::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(world);
    // Without this, small answers wait for the caller's delayed acknowledgement.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    axum::serve(listener, router).await.context("serving HTTP")
}

async fn bind(option: &str, address: SocketAddr, reach: &Reach) -> anyhow::Result<(SocketAddr, TcpListener)> {
    reach.allow_listening(option, address)?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{option} {address}"))?;
    Ok((
        listener
            .local_addr()
            .with_context(|| format!("{option} {address}"))?,
        listener,
    ))
}
