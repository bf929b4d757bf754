//! Where a running stack can be reached, and how such an address is pointed at one virtual host or database.
//!
//! Addresses are kept as text: an AMQP address may list several hosts, which no URL parser accepts.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// The addresses of one stack, with its administrator's credentials inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// `amqp://user:password@host:port`, without a virtual host.
    pub amqp_url: String,
    /// `postgres://user:password@host:port/database`, of a user who may create databases.
    pub database_url: String,
    /// `http://user:password@host:port`, the management page and its interface.
    pub management_url: String,
    /// `http://host:port/metrics` of the broker; `None` where it is not known.
    pub prometheus_url: Option<String>,
}

impl Addresses {
    /// The broker's address, pointed at `vhost`.
    #[must_use]
    pub fn amqp_url_of(&self, vhost: &str) -> String {
        with_path(&self.amqp_url, vhost)
    }

    /// The database server's address, pointed at `database`.
    #[must_use]
    pub fn database_url_of(&self, database: &str) -> String {
        with_path(&self.database_url, database)
    }
}

/// `url` with its path replaced by `/path`; a query is kept.
pub(crate) fn with_path(url: &str, path: &str) -> String {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let (head, query) = url
        .split_once('?')
        .map_or((url, None), |(head, query)| (head, Some(query)));
    let authority_end = head[after_scheme..]
        .find('/')
        .map_or(head.len(), |at| after_scheme + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{path}{query}", &head[..authority_end])
}

/// `url` with the hosts of all of `urls` in the place of its own.
pub(crate) fn with_hosts(url: &str, urls: &[String]) -> String {
    let hosts: Vec<&str> = urls.iter().map(|url| host(url)).collect();
    let own = host(url);
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.replacen(own, &hosts.join(","), 1)),
        None => url.to_owned(),
    }
}

/// `host:port` of an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// A page of the management site, without credentials.
pub(crate) fn with_management_path(url: &str, path: &str) -> String {
    let base = with_path(url, path);
    match (base.split_once("://"), credentials(url)) {
        (Some((scheme, rest)), Ok(_)) => {
            let rest = rest.split_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{rest}")
        }
        (Some(_) | None, Ok(_) | Err(_)) => base,
    }
}

/// User and password as they stand in `url`, still percent-encoded.
///
/// # Errors
/// The address bears no `user:password@`.
pub(crate) fn credentials(url: &str) -> Result<(&str, &str)> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    authority
        .rsplit_once('@')
        .and_then(|(user_info, _)| user_info.split_once(':'))
        .context("the address bears no user:password@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_replaced_and_the_query_kept() {
        assert_eq!(with_path("amqp://u:p@h1:1,h2:2", "v"), "amqp://u:p@h1:1,h2:2/v");
        assert_eq!(with_path("amqp://u:p@h:1/old", "v"), "amqp://u:p@h:1/v");
        assert_eq!(
            with_path("postgres://u@h/old?sslmode=require", "v"),
            "postgres://u@h/v?sslmode=require"
        );
        assert_eq!(with_path("postgres://u@h?a=/b", "v"), "postgres://u@h/v?a=/b");
    }

    #[test]
    fn several_hosts_stand_in_one_address() {
        let urls = ["amqp://u:p@h:1", "amqp://u:p@h:2"].map(str::to_owned);
        assert_eq!(with_hosts("amqp://u:p@h:1/v", &urls), "amqp://u:p@h:1,h:2/v");
        assert_eq!(with_hosts("amqp://u:p@h:1/v", &urls[..1]), "amqp://u:p@h:1/v");
    }

    #[test]
    fn a_page_for_people_shows_no_credentials() {
        assert_eq!(
            with_management_path("http://u:p@h:1", "#/queues"),
            "http://h:1/#/queues"
        );
        assert_eq!(
            with_management_path("http://h:1/", "#/queues"),
            "http://h:1/#/queues"
        );
    }

    #[test]
    fn credentials_are_found_where_they_are() {
        assert_eq!(credentials("amqp://u:p@h:1/v").ok(), Some(("u", "p")));
        assert!(credentials("http://127.0.0.1:15672").is_err());
    }
}
