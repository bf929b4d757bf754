//! Who called, and whether webhooks may come from there.
//!
//! Whoever connects is the caller, unless it is a load balancer of ours: then it is whom the load balancer names.
//! What anybody else writes into `X-Forwarded-For` says nothing.

use axum::http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// What load balancers write the callers' addresses into, nearest last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where webhooks may come from.
#[derive(Debug)]
pub(crate) struct Senders {
    /// Empty: anywhere.
    listed: Vec<IpAddr>,
    proxies: Vec<IpAddr>,
}

impl Senders {
    pub(crate) fn new(listed: &[IpAddr], proxies: &[IpAddr]) -> Self {
        // An IPv4 address that came in by IPv6 is the same address.
        let canonical = |addresses: &[IpAddr]| addresses.iter().map(IpAddr::to_canonical).collect();
        Self {
            listed: canonical(listed),
            proxies: canonical(proxies),
        }
    }

    /// Who called; `None` where a load balancer did not say, or not readably.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.proxies.contains(&peer) {
            return Some(peer);
        }
        let named = headers.get_all(FORWARDED_FOR).iter().rev();
        for line in named {
            for part in line.to_str().ok()?.rsplit(',') {
                let hop = address(part.trim())?;
                if !self.proxies.contains(&hop) {
                    return Some(hop);
                }
            }
        }
        None
    }

    /// Whether a webhook from there is looked at.
    pub(crate) fn may_call(&self, caller: Option<IpAddr>) -> bool {
        self.listed.is_empty() || caller.is_some_and(|caller| self.listed.contains(&caller))
    }
}

/// Who can be told apart: one address of version 4, and of version 6 the 64 bits that one customer gets.
pub(crate) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

/// With or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let address = plain.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = "192.0.2.1";
    const PROXY: &str = "10.0.0.7";
    const NEAR_PROXY: &str = "10.0.0.8";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn caller(peer: &str, forwarded: &[&str]) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().expect("a header"));
        }
        Senders::new(&[], &[ip(PROXY), ip(NEAR_PROXY)]).caller(ip(peer), &headers)
    }

    #[test]
    fn the_caller_is_who_connects_or_whom_our_own_load_balancer_names() {
        let gateway = Some(ip(GATEWAY));
        // Straight.
        assert_eq!(caller(GATEWAY, &[]), gateway);
        assert_eq!(caller("::ffff:192.0.2.1", &[]), gateway);
        // What others claim says nothing.
        assert_eq!(caller("198.51.100.9", &[GATEWAY]), Some(ip("198.51.100.9")));
        // Through one, through two, with ports, on one line or on several.
        assert_eq!(caller(PROXY, &[GATEWAY]), gateway);
        assert_eq!(caller(PROXY, &["192.0.2.1:4711"]), gateway);
        assert_eq!(caller(PROXY, &["[2001:db8::1]:4711"]), Some(ip("2001:db8::1")));
        assert_eq!(caller(NEAR_PROXY, &["192.0.2.1, 10.0.0.7"]), gateway);
        assert_eq!(caller(NEAR_PROXY, &[GATEWAY, PROXY]), gateway);
        // What stands before whom the load balancer saw was written by the caller itself.
        assert_eq!(
            caller(PROXY, &["192.0.2.1, 198.51.100.9"]),
            Some(ip("198.51.100.9"))
        );
        assert_eq!(
            caller(PROXY, &["192.0.2.1", "198.51.100.9"]),
            Some(ip("198.51.100.9"))
        );
        // Nobody, or nobody that can be read.
        assert_eq!(caller(PROXY, &[]), None);
        assert_eq!(caller(PROXY, &[""]), None);
        assert_eq!(caller(PROXY, &["192.0.2.1, unknown"]), None);
        assert_eq!(caller(PROXY, &[NEAR_PROXY]), None);
    }

    #[test]
    fn a_network_is_an_address_of_version_4_or_half_of_one_of_version_6() {
        assert_eq!(network(ip("192.0.2.7")), ip("192.0.2.7"));
        assert_eq!(network(ip("::ffff:192.0.2.7")), ip("192.0.2.7"));
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_ne!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:3::1")));
    }

    #[test]
    fn a_list_lets_in_whom_it_names_and_an_empty_one_everybody() {
        let everybody = Senders::new(&[], &[]);
        assert!(everybody.may_call(Some(ip("198.51.100.9"))));
        assert!(everybody.may_call(None));
        let listed = Senders::new(&[ip("::ffff:192.0.2.1")], &[]);
        assert!(listed.may_call(Some(ip(GATEWAY))));
        assert!(!listed.may_call(Some(ip("192.0.2.2"))));
        assert!(!listed.may_call(None));
    }
}
