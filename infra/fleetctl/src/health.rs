//! `fleetctl health`: whether a process is ready, asked as a container's health check asks.
//!
//! Images hold no other program that could ask. Left out: restarting anything; a process that waits for its broker or
//! database mends itself.

use crate::fleet::Fleet;
use crate::output::{Report, Verdict};
use anyhow::{Context as _, ensure};
use reqwest::Client;
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Longest wait for the answer; shorter than what health checks wait by default.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Serialize)]
struct Health<'a> {
    url: &'a str,
    ready: bool,
    status: u16,
    said: &'a str,
}

/// Asks at `url`; where there is none, at the address that the settings give a process.
///
/// # Errors
/// Settings; nobody answers.
pub(crate) async fn run(fleet: &Fleet, url: Option<&str>) -> anyhow::Result<Report> {
    let url = match url {
        Some(url) => url.to_owned(),
        None => own_url(fleet.settings().http.listen)?,
    };
    let client = Client::builder()
        .no_proxy()
        // No process of the fleet serves TLS at this address.
        .tls_certs_only([])
        .timeout(ANSWER_TIMEOUT)
        .build()
        .context("making an HTTP client")?;
    let asking = || format!("nobody says at {url} whether it is ready");
    let answer = client.get(&url).send().await.with_context(asking)?;
    let status = answer.status();
    let said = answer.text().await.with_context(asking)?;
    let said = said.trim();
    let health = Health {
        url: &url,
        ready: status.is_success(),
        status: status.as_u16(),
        said,
    };
    Report::new(&health, said, Verdict::fine_if(health.ready))
}

/// `/readyz` of a process that listens there, as it is reached on its own machine.
fn own_url(listen: SocketAddr) -> anyhow::Result<String> {
    ensure!(
        listen.port() != 0,
        "TOPUP__HTTP__LISTEN names no port: give the address, http://127.0.0.1:PORT/readyz"
    );
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    Ok(format!("http://{}/readyz", SocketAddr::new(ip, listen.port())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_asked_where_it_listens() {
        let url = |listen: &str| own_url(listen.parse().unwrap()).ok();
        assert_eq!(
            url("0.0.0.0:9090").as_deref(),
            Some("http://127.0.0.1:9090/readyz")
        );
        assert_eq!(url("[::]:9090").as_deref(), Some("http://[::1]:9090/readyz"));
        assert_eq!(url("10.0.0.7:81").as_deref(), Some("http://10.0.0.7:81/readyz"));
        assert_eq!(url("127.0.0.1:0"), None);
    }
}
