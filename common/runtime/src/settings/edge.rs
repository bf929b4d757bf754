//! Settings of the process that the world outside calls.

use super::reader::{Reader, SettingsError};
use super::values::{HttpUrl, Niceness};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The edge's public address, and whom it listens to.
#[derive(Debug, Clone)]
pub struct Edge {
    /// For webhooks, the HTTP interface and the pages.
    pub listen: SocketAddr,
    /// What people and platforms call it by, from outside; without it, its own address.
    pub public_url: Option<HttpUrl>,
    /// Where the payment gateway sends webhooks from; empty: their signature alone decides.
    pub webhook_senders: Vec<IpAddr>,
    /// Load balancers in front of the edge, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
    /// Connections to the database of one edge, at most: few, so that however many people look at their credits, the
    /// workers' statements do not queue behind theirs.
    pub database_connections: usize,
    /// Requests of the interface and the pages in hand at once; further ones hear 503.
    pub requests_max: usize,
    /// Requests of one token a second, at each edge; for a moment twice as many.
    pub requests_per_second: u32,
    /// Requests of one network a minute, at each edge, that bear no token or none that is known.
    pub unknown_per_minute: u32,
    /// Leave to send that one token asks for or closes a second, at each edge; for a moment twice as much.
    pub holds_per_second: u32,
    /// How far the edge stands behind other processes for the machine's processors: where workers have much to do,
    /// whoever asks the edge waits for them, and not the other way round.
    pub nice: Niceness,
    /// How long credits are set aside for a batch whose sender does not say.
    pub hold_ttl: Duration,
    /// And at most, whatever it says.
    pub hold_ttl_max: Duration,
    /// How long somebody who does nothing stays signed in.
    pub session_idle: Duration,
    /// The terms that account holders agree to when a card is to be charged automatically, or by one click.
    pub terms_version: String,
    /// Where these can be read.
    pub terms_url: Option<HttpUrl>,
}

impl Edge {
    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            listen: r.value(
                "edge.listen",
                "127.0.0.1:0",
                "the edge's public address; port 0 takes a free one",
            )?,
            public_url: r.optional("edge.public_url", "what account holders and platforms call the edge by, from outside: `https://credits.example.com`; links in mails and on the payment gateway's page begin with it; without it, its own address")?,
            webhook_senders: r
                .optional("edge.webhook_senders", "IP addresses that webhooks may come from, separated by commas (the payment gateway publishes its own); without it, or empty, the signature alone decides")?
                .unwrap_or_default(),
            proxies: r
                .optional("edge.proxies", "IP addresses of load balancers in front of the edge, separated by commas; their `X-Forwarded-For`, and nobody else's, says who called")?
                .unwrap_or_default(),
            database_connections: r.value("edge.database_connections", "8", "connections to the database of one edge, at most")?,
            requests_max: r.value("edge.requests_max", "256", "requests of the HTTP interface and the Client Zone in hand at once, webhooks apart; further ones are told to come again")?,
            requests_per_second: r.value("edge.requests_per_second", "50", "requests of one token a second, at each edge, leave to send apart; for a moment twice as many")?,
            unknown_per_minute: r.value("edge.unknown_per_minute", "60", "requests of one network a minute, at each edge, that bear no token or none that is known; past it such requests are told to come again, and nobody is looked up")?,
            holds_per_second: r.value("edge.holds_per_second", "5000", "how often one token may ask leave to send, or close it, a second, at each edge; for a moment twice as often")?,
            nice: r.value("edge.nice", "10", "how far the edge stands behind other processes for the processors of its machine, 0 to 19; between containers, or units of a service manager, their own shares count")?,
            hold_ttl: r.value("edge.hold_ttl", "15m", "S5: how long credits are set aside for a batch whose sender does not say")?,
            hold_ttl_max: r.value("edge.hold_ttl_max", "24h", "S5: how long they are set aside at most, whatever a sender says")?,
            session_idle: r.value("edge.session_idle", "30m", "how long somebody who does nothing stays signed in")?,
            terms_version: r.value("edge.terms_version", "1", "which terms account holders agree to when a card is to be charged automatically or by one click; kept with each agreement")?,
            terms_url: r.optional("edge.terms_url", "where these terms can be read")?,
        })
    }
}
