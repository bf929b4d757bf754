//! Free ports on loopback.
//!
//! They are taken below the range from which the system serves outgoing connections: a port from that
//! range can be lost to any client between the look and the use. What one stack has taken no other takes,
//! while a server of it is down too.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use super::random;

/// The ports to choose from.
const PORTS: Range<u16> = 15_000..30_000;
/// Looks before giving up.
const ATTEMPTS: usize = 2_000;
/// Longest wait for a port that somebody else has: longer than the system keeps an ended connection's.
const FREE_TIMEOUT: Duration = Duration::from_secs(90);
/// After how long a wait is worth a word.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A port on 127.0.0.1 that is its holder's alone among all stacks of the machine. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Port {
    number: u16,
    /// Bound to the UDP port of the same number, which nobody here uses: the system lets one process have it, and
    /// takes it back however that ends.
    _token: UdpSocket,
}

impl Port {
    fn take(number: u16) -> Option<Self> {
        let token = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        let port = Self {
            number,
            _token: token,
        };
        port.is_free().then_some(port)
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Whether a server could listen on it now.
    fn is_free(&self) -> bool {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.number)).is_ok()
    }

    /// Waits until a server can listen on it: a client of anybody's may have been served it meanwhile, and keeps it
    /// for a minute after its end.
    pub(super) async fn until_free(&self) -> Result<()> {
        let started = Instant::now();
        let mut said = false;
        while !self.is_free() {
            ensure!(
                started.elapsed() < FREE_TIMEOUT,
                "somebody else listens on port {self} for {} s now; `ss -tanp | grep {self}` says who",
                FREE_TIMEOUT.as_secs()
            );
            if !said && started.elapsed() > PATIENCE {
                eprintln!("stack: waiting for port {self}, which somebody else has");
                said = true;
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// `N` ports on 127.0.0.1 on which nothing listens right now.
pub(super) fn free<const N: usize>() -> Result<[Port; N]> {
    let mut taken = Vec::with_capacity(N);
    for _ in 0..ATTEMPTS {
        let number = PORTS.start + random::below(PORTS.end - PORTS.start)?;
        if is_served_to_clients(number) {
            continue;
        }
        taken.extend(Port::take(number));
        if taken.len() == N {
            break;
        }
    }
    match <[Port; N]>::try_from(taken) {
        Ok(ports) => Ok(ports),
        Err(_) => bail!("found no free ports between {} and {}", PORTS.start, PORTS.end),
    }
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
    use std::net::{Ipv4Addr, TcpListener};

    use super::{Port, free};

    #[test]
    fn ports_are_distinct_and_free() {
        let ports = free::<8>().expect("free ports");
        let mut numbers = ports.each_ref().map(Port::number);
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{ports:?}");
    }

    #[test]
    fn a_port_is_nobody_elses_while_it_is_held_though_nothing_listens() {
        let [port] = free().expect("a free port");
        assert!(Port::take(port.number()).is_none());
        let number = port.number();
        drop(port);
        assert!(Port::take(number).is_some());
    }

    #[tokio::test]
    async fn a_port_that_somebody_listens_on_is_waited_for() {
        let [port] = free().expect("a free port");
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).expect("a listener");
        let waiting = port.until_free();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(other);
        waiting.await.expect("free again");
    }
}
