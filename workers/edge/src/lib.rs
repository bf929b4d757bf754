//! The process `edge`: what the world outside calls.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`webhooks`] | `POST /webhooks/paystack`: the payment gateway tells of a payment |
//! | [`api`] | `/v1/…`: the HTTP interface, for platforms that have pages and senders of their own |
//! | `pages` | all else: the Client Zone, pages for account holders |
//!
//! [`buying`] and [`registering`] are the conversations with the payment gateway, whoever begins them; [`auto_topup`] and
//! [`moving`] what needs no such conversation; [`invoicing`] what stands on a receipt; [`signing_in`] knows people by a password and a code.
//!
//! [`http`] is what every request of the interface goes through. Each path, or family of paths, is a file with its
//! routes; they are joined in [`serve()`].
//!
//! What a webhook tells is believed only as far as it is signed, and goes to the broker: it needs no database, and a
//! database that is away costs none. Everything else does; without one it is told to come again. Nothing is decided
//! here: the rules are asked, by way of the store, and their words are what callers hear.
//!
//! Deliberately absent: TLS and names (a load balancer stands in front, see `edge.proxies`), the process's own health
//! and metrics (they have an address of their own, which is not public), any memory of what webhooks told before: every
//! effect is idempotent, and a repeat is recognised where it would have one.

mod agreeing;
pub mod api;
pub mod auto_topup;
pub mod buying;
pub mod holding;
pub mod http;
pub mod invoicing;
pub mod moving;
mod pages;
mod paying;
pub mod registering;
mod senders;
mod serve;
pub mod signing_in;
mod stalling;
pub mod webhooks;

use holding::Holding;
use http::caller::Callers;
use http::limits::Limits;
use http::strangers::Strangers;
use senders::Senders;
use std::sync::Arc;
use tokio::sync::Semaphore;
use topup_gateways::payment::PaymentGateway;
use topup_runtime::{Clock, PublicDatabase, PublicProcess, Publisher, Settings, SettingsError};

pub use serve::serve;

/// The process's name.
pub const NAME: &str = "edge";

/// What the routes share.
#[derive(Debug)]
pub struct Edge {
    settings: Arc<Settings>,
    gateway: PaymentGateway,
    publisher: Publisher,
    clock: Clock,
    /// None: webhooks alone are served.
    database: Option<PublicDatabase>,
    /// Where people find the pages, from outside: without a slash at its end.
    public_url: String,
    senders: Senders,
    webhooks: Semaphore,
    callers: Callers,
    strangers: Strangers,
    limits: Limits,
    /// None: there is no database.
    holding: Option<Holding>,
}

impl Edge {
    /// With what the process has.
    ///
    /// # Errors
    /// Names the setting that is missing or unusable.
    pub fn new(process: &PublicProcess) -> Result<Arc<Self>, SettingsError> {
        let settings = &process.settings;
        Ok(Arc::new(Self {
            settings: Arc::clone(settings),
            clock: process.clock.clone(),
            database: process.database.clone(),
            public_url: public_url(process)?,
            holding: process
                .database
                .as_ref()
                .map(|database| Holding::start(database.store.clone())),
            gateway: settings.paystack.client(PaymentGateway::paystack)?,
            publisher: process.publisher.clone(),
            senders: Senders::new(&settings.edge.webhook_senders, &settings.edge.proxies),
            webhooks: Semaphore::new(webhooks::AT_ONCE_MAX),
            callers: Callers::default(),
            strangers: Strangers::new(settings.edge.unknown_per_minute),
            limits: Limits::new(
                settings.edge.requests_per_second,
                settings.edge.holds_per_second,
                settings.edge.requests_max,
            ),
        }))
    }
}

/// As it was set; without that, the address that is listened to.
fn public_url(process: &PublicProcess) -> Result<String, SettingsError> {
    if let Some(url) = &process.settings.edge.public_url {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    let own = process.listener.local_addr();
    let own = own.map_err(|wrong| SettingsError::about("edge.listen", &wrong.to_string()))?;
    Ok(format!("http://{own}"))
}
