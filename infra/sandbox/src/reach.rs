//! How far the sandbox reaches: this machine's loopback, or a network of containers and nothing beyond it.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, ensure};
use reqwest::Url;

/// Names that this machine's loopback has.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Where it listens, and whom it calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reach {
    /// This machine alone.
    #[default]
    Loopback,
    /// A network of its own, as containers have one, under this name.
    Network(String),
}

impl Reach {
    /// May it be reached there?
    pub(crate) fn allow_listening(&self, option: &str, address: SocketAddr) -> anyhow::Result<()> {
        let is_allowed = match self {
            Self::Loopback => address.ip().is_loopback(),
            Self::Network(_) => true,
        };
        ensure!(
            is_allowed,
            "{option} {address}: the sandbox listens on loopback alone"
        );
        Ok(())
    }

    /// A webhooks' address that may be called. On a network that is a name without a dot: none of the world's names
    /// is like that, so that a slip calls nobody.
    pub(crate) fn webhook_url(&self, url: &str) -> anyhow::Result<Url> {
        let url: Url = url.parse().with_context(|| format!("webhook URL {url:?}"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        match self {
            Self::Loopback => ensure!(
                is_local && url.scheme() == "http",
                "webhook URL {url}: plain HTTP to this machine's loopback alone"
            ),
            Self::Network(_) => ensure!(
                (is_local || !host.contains(['.', ':'])) && url.scheme() == "http",
                "webhook URL {url}: plain HTTP to a name on this network alone"
            ),
        }
        Ok(url)
    }

    /// Every name that it is called by.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = match self {
            Self::Loopback => None,
            Self::Network(name) => Some(name.clone()),
        };
        let names = LOOPBACK_NAMES.into_iter().map(str::to_owned);
        names.chain(name).collect()
    }

    /// How the others call what listens there: `127.0.0.1:41234`, `sandbox:8080`.
    pub(crate) fn authority(&self, address: SocketAddr) -> String {
        match self {
            Self::Loopback => address.to_string(),
            Self::Network(name) => format!("{name}:{}", address.port()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_to_loopback_alone() {
        let allowed = |url: &str| Reach::Loopback.webhook_url(url).is_ok();
        for url in [
            "http://127.0.0.1:80/x",
            "http://localhost/x",
            "http://[::1]:8080/x",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "http://192.0.2.1/x",
            "http://example.com/x",
            "http://edge/x",
            "https://127.0.0.1/x",
            "nonsense",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }

    #[test]
    fn on_a_network_webhooks_go_to_its_own_names_alone() {
        let reach = Reach::Network("sandbox".to_owned());
        for url in ["http://edge:8080/x", "http://127.0.0.1/x"] {
            assert!(reach.webhook_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://192.0.2.1/x",
            "http://3221225985/x",
            "http://[2001:db8::1]/x",
            "http://example.com/x",
            "https://edge/x",
        ] {
            assert!(reach.webhook_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn it_is_called_by_its_name() {
        let address = "0.0.0.0:8080".parse().unwrap();
        let reach = Reach::Network("sandbox".to_owned());
        assert_eq!(reach.authority(address), "sandbox:8080");
        assert_eq!(reach.names(), ["localhost", "127.0.0.1", "::1", "sandbox"]);
    }
}
