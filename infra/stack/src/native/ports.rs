//! Free ports on loopback.
//!
//! They are taken below the range from which the system serves outgoing connections: a port from that
//! range can be lost to any client between the look and the use. Two stacks that start in the same
//! instant may still collide; whoever loses then starts again with other ports.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use anyhow::{Result, bail};

use super::random;

/// The ports to choose from.
const PORTS: Range<u16> = 15_000..30_000;
/// Looks before giving up.
const ATTEMPTS: usize = 2_000;

/// `N` distinct ports on 127.0.0.1 on which nothing listens right now.
pub(super) fn free<const N: usize>() -> Result<[u16; N]> {
    let mut held: Vec<TcpListener> = Vec::with_capacity(N);
    let mut ports = [0; N];
    let mut attempts = 0;
    while held.len() < N {
        attempts += 1;
        if attempts > ATTEMPTS {
            bail!("found no free ports between {} and {}", PORTS.start, PORTS.end);
        }
        let port = PORTS.start + random::below(PORTS.end - PORTS.start)?;
        // Held until all are found, so that no port is found twice.
        if is_served_to_clients(port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            ports[held.len()] = port;
            held.push(listener);
        }
    }
    Ok(ports)
}

fn is_served_to_clients(port: u16) -> bool {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = range
        .split_whitespace()
        .filter_map(|bound| bound.parse::<u16>().ok());
    match (bounds.next(), bounds.next()) {
        // A machine that serves (nearly) everything to clients leaves no choice.
        (Some(from), Some(to)) if from > PORTS.start + 1_000 => (from..=to).contains(&port),
        (_, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::free;

    #[test]
    fn ports_are_distinct_and_free() {
        let mut ports = free::<8>().expect("free ports");
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] < pair[1]), "{ports:?}");
    }
}
