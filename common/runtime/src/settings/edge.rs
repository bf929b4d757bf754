//! Settings of the process that the world outside calls.

use super::reader::{Reader, SettingsError};
use std::net::{IpAddr, SocketAddr};

/// The edge's public address, and whom it listens to.
#[derive(Debug, Clone)]
pub struct Edge {
    /// For webhooks.
    pub listen: SocketAddr,
    /// Where the payment gateway sends webhooks from; empty: their signature alone decides.
    pub webhook_senders: Vec<IpAddr>,
    /// Load balancers in front of the edge, whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpAddr>,
}

impl Edge {
    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            listen: r.value(
                "edge.listen",
                "127.0.0.1:0",
                "the edge's public address; port 0 takes a free one",
            )?,
            webhook_senders: r
                .optional("edge.webhook_senders", "IP addresses that webhooks may come from, separated by commas (the payment gateway publishes its own); without it, or empty, the signature alone decides")?
                .unwrap_or_default(),
            proxies: r
                .optional("edge.proxies", "IP addresses of load balancers in front of the edge, separated by commas; their `X-Forwarded-For`, and nobody else's, says who called")?
                .unwrap_or_default(),
        })
    }
}
