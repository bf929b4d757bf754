//! The wires between the fleet and its servers, under the test's control: cut, stalled, slow.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Bytes taken off a wire at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// How often a slow wire lets something through.
const SLOW_TICK: Duration = Duration::from_millis(20);
/// Connections that wait to be let in, at most.
const BACKLOG: u32 = 1024;

/// What is done to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Everything passes.
    Fair,
    /// Open connections are cut with a reset, new ones refused.
    Down,
    /// Nothing passes in these directions, and nothing is reset.
    Stalled {
        /// From the client to the server.
        to_server: bool,
        /// From the server to the client.
        to_client: bool,
    },
    /// So little passes, in each direction of each connection.
    Slow {
        /// Per second.
        bytes_per_s: u32,
    },
    /// Every connection is cut with a reset after so many more bytes of both directions: in the middle of a frame.
    /// Each new one has as many again.
    CutAfter {
        /// Of both directions together.
        bytes: u64,
    },
}

impl Weather {
    /// Nothing passes in either direction.
    pub const STALLED: Self = Self::Stalled {
        to_server: true,
        to_client: true,
    };
}

/// One port, and one server behind it. It lasts as long as it is kept; what is open then is cut.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Wire {
    server: Mutex<String>,
    sky: watch::Sender<Sky>,
    open: AtomicUsize,
}

/// The weather, and what else every connection has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sky {
    weather: Weather,
    /// Which weather since the beginning.
    number: u64,
    /// How often all open connections were cut.
    cuts: u64,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

impl Proxy {
    /// A port that leads to `server` (`host:port`), in fair weather.
    ///
    /// # Errors
    /// No port is free.
    pub async fn to(server: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("listening")?;
        let address = listener.local_addr()?;
        let sky = Sky {
            weather: Weather::Fair,
            number: 0,
            cuts: 0,
        };
        let wire = Arc::new(Wire {
            server: Mutex::new(server.to_owned()),
            sky: watch::Sender::new(sky),
            open: AtomicUsize::new(0),
        });
        let listening = tokio::spawn(listen(listener, address, Arc::clone(&wire)));
        Ok(Self {
            address,
            wire,
            listening,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An address of the server, with this end of the wire in the place of its host and port.
    #[must_use]
    pub fn in_place_of_host(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
        let user = authority.rfind('@').map_or("", |at| &authority[..=at]);
        format!("{scheme}://{user}{}{path}", self.address)
    }

    /// New connections lead to another server from now on.
    pub fn redirect(&self, server: &str) {
        server.clone_into(&mut self.wire.server.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Changes the weather, for open connections and new ones.
    pub fn set(&self, weather: Weather) {
        self.wire.sky.send_modify(|sky| {
            sky.weather = weather;
            sky.number += 1;
        });
    }

    /// Cuts every open connection, with a reset; new ones are let in as before.
    pub fn cut(&self) {
        self.wire.sky.send_modify(|sky| sky.cuts += 1);
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.wire.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Weather::Down);
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, address: SocketAddr, wire: Arc<Wire>) {
    let mut sky = wire.sky.subscribe();
    let mut listener = Some(listener);
    loop {
        let is_down = sky.borrow_and_update().weather == Weather::Down;
        if is_down {
            drop(listener.take());
            // Bound and not listened at: connections are refused, and nobody else gets the port.
            let held = hold(address);
            if changed(&mut sky).await.is_err() {
                return;
            }
            if sky.borrow().weather == Weather::Down {
                continue;
            }
            listener = match held.and_then(|held| held.listen(BACKLOG)) {
                Ok(again) => Some(again),
                Err(_) => TcpListener::bind(address).await.ok(),
            };
        }
        let Some(listening) = &listener else { return };
        tokio::select! {
            accepted = listening.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(carry(client, Arc::clone(&wire)));
                }
            }
            changed = changed(&mut sky) => if changed.is_err() { return },
        }
    }
}

fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// One connection, from its beginning to its end.
async fn carry(mut client: TcpStream, wire: Arc<Wire>) {
    wire.open.fetch_add(1, Ordering::Relaxed);
    let mut sky = wire.sky.subscribe();
    let begun = *sky.borrow_and_update();
    let to = wire.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // An answer that waits for more to send would be late for no reason of the weather's.
    let _ = client.set_nodelay(true);
    let server = if begun.weather == Weather::Down {
        None
    } else {
        TcpStream::connect(&to).await.ok()
    };
    let mut is_cut = true;
    if let Some(mut server) = server {
        let _ = server.set_nodelay(true);
        let left = Mutex::new((begun.number, allowance(begun.weather)));
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = Pump::new(Way::ToServer, &sky, begun.cuts, &left).run(from_client, to_server);
        let back = Pump::new(Way::ToClient, &sky, begun.cuts, &left).run(from_server, to_client);
        is_cut = tokio::try_join!(there, back).is_err();
        if is_cut {
            let _ = server.set_zero_linger();
        }
    }
    if is_cut {
        // The last one to go says reset instead of farewell.
        let _ = client.set_zero_linger();
    }
    drop(client);
    wire.open.fetch_sub(1, Ordering::Relaxed);
}

/// How many bytes a connection may carry.
fn allowance(weather: Weather) -> u64 {
    match weather {
        Weather::CutAfter { bytes } => bytes,
        Weather::Fair | Weather::Down | Weather::Stalled { .. } | Weather::Slow { .. } => u64::MAX,
    }
}

/// The connection ends with a reset at both its ends.
struct Reset;

impl From<io::Error> for Reset {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// One direction of one connection.
struct Pump<'a> {
    way: Way,
    sky: watch::Receiver<Sky>,
    cuts: u64,
    /// Bytes that the weather with this number still lets pass.
    left: &'a Mutex<(u64, u64)>,
}

impl<'a> Pump<'a> {
    fn new(way: Way, sky: &watch::Receiver<Sky>, cuts: u64, left: &'a Mutex<(u64, u64)>) -> Self {
        Self {
            way,
            sky: sky.clone(),
            cuts,
            left,
        }
    }

    /// Passes on what comes, until its end or the connection's.
    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> Result<(), Reset> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let most = match self.let_through().await? {
                Weather::Slow { bytes_per_s } => {
                    sleep(SLOW_TICK).await;
                    bytes_per_tick(bytes_per_s)
                }
                Weather::Fair | Weather::Down | Weather::Stalled { .. } | Weather::CutAfter { .. } => {
                    CHUNK_BYTES
                }
            };
            let read = tokio::select! {
                read = from.read(&mut chunk[..most]) => read?,
                changed = changed(&mut self.sky) => { changed?; continue },
            };
            // It may have changed while nothing came.
            self.let_through().await?;
            if read == 0 {
                to.shutdown().await?;
                return Ok(());
            }
            let allowed = self.take(read);
            let mut rest = &chunk[..allowed];
            while !rest.is_empty() {
                tokio::select! {
                    written = to.write(rest) => rest = &rest[written?..],
                    changed = changed(&mut self.sky) => { changed?; self.let_through().await?; }
                }
            }
            if allowed < read {
                return Err(Reset);
            }
        }
    }

    /// Waits until something may pass, and says in which weather.
    async fn let_through(&mut self) -> Result<Weather, Reset> {
        loop {
            let sky = *self.sky.borrow_and_update();
            if sky.cuts != self.cuts {
                return Err(Reset);
            }
            let is_stalled = match sky.weather {
                Weather::Down => return Err(Reset),
                Weather::Fair | Weather::Slow { .. } | Weather::CutAfter { .. } => false,
                Weather::Stalled { to_server, to_client } => match self.way {
                    Way::ToServer => to_server,
                    Way::ToClient => to_client,
                },
            };
            if !is_stalled {
                return Ok(sky.weather);
            }
            changed(&mut self.sky).await?;
        }
    }

    /// How many of these bytes may pass.
    fn take(&self, bytes: usize) -> usize {
        let sky = *self.sky.borrow();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.0 != sky.number {
            *left = (sky.number, allowance(sky.weather));
        }
        let taken = usize::try_from(left.1).unwrap_or(usize::MAX).min(bytes);
        left.1 = left.1.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        taken
    }
}

/// The sky has changed; an error once the proxy is gone.
async fn changed(sky: &mut watch::Receiver<Sky>) -> Result<(), Reset> {
    sky.changed().await.map_err(|_| Reset)
}

fn bytes_per_tick(bytes_per_s: u32) -> usize {
    let ticks_per_s = 1_000 / u32::try_from(SLOW_TICK.as_millis()).unwrap_or(1_000).max(1);
    let bytes = usize::try_from(bytes_per_s / ticks_per_s).unwrap_or(CHUNK_BYTES);
    bytes.clamp(1, CHUNK_BYTES)
}

#[cfg(test)]
mod tests;
