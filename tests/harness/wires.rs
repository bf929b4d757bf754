//! The wires of one fleet: to its broker, its database and its payment gateway.

use anyhow::{Context as _, Result};
use topup_stack::Space;

use super::proxy::Proxy;

/// What the payment gateway's wire leads to until its address is known: nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

/// Each of them fair until it is told otherwise. The test's own connections, the broker's management interface, SMS
/// and mail do not pass through them.
#[derive(Debug)]
pub struct Wires {
    /// AMQP, to the first node.
    pub broker: Proxy,
    /// PostgreSQL.
    pub database: Proxy,
    /// The payment gateway's HTTP.
    pub gateway: Proxy,
}

impl Wires {
    /// Wires to the servers of `space`; the gateway's leads nowhere yet.
    pub(crate) async fn to(space: &Space) -> Result<Self> {
        Ok(Self {
            broker: Proxy::to(host(space.amqp_url())?).await?,
            database: Proxy::to(host(space.database_url())?).await?,
            gateway: Proxy::to(NOWHERE).await?,
        })
    }

    /// The fleet's settings that lead through them.
    pub(crate) fn settings(&self, space: &Space) -> [(String, String); 3] {
        [
            ("AMQP__URL", self.broker.in_place_of_host(space.amqp_url())),
            (
                "DATABASE__URL",
                self.database.in_place_of_host(space.database_url()),
            ),
            ("PAYSTACK__URL", self.gateway.in_place_of_host("http://gateway")),
        ]
        .map(|(name, url)| (format!("TOPUP__{name}"), url))
    }

    /// Lets the gateway's wire lead to this address.
    pub(crate) fn lead_gateway_to(&self, url: &str) -> Result<()> {
        self.gateway.redirect(host(url)?);
        Ok(())
    }
}

/// `host:port` of an address.
fn host(url: &str) -> Result<&str> {
    let (_, rest) = url.split_once("://").context("no address")?;
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    Ok(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}
