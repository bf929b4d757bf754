//! Between the socket and the library: whatever a sender put into a message's properties can be read, and the broker
//! sends no more ahead than fits.
//!
//! | module | what it does |
//! | --- | --- |
//! | `clean` | makes frames readable, in place |
//! | `ahead` | counts what is in hand, in bytes |
//! | `incoming`, `outgoing` | find the frames that these are about |
//!
//! Bodies pass untouched. Left out: understanding anything else of the protocol, which is the library's.

mod ahead;
mod clean;
mod incoming;
mod outgoing;

use ahead::Ahead;
use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, TokioRuntime};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use incoming::Incoming;
use lapin::tcp::AsyncTcpStream;
use outgoing::Outgoing;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// A connection's bytes as the runtime gives and takes them, plain or through TLS.
pub(super) type Raw = AsyncTcpStream<<TokioRuntime as Reactor>::TcpStream>;

/// The runtime that a connection runs on, with wires in the place of sockets.
pub(super) type WireRuntime = Runtime<RuntimeParts<TokioRuntime, Wires>>;

/// The present runtime, with wires in the place of sockets.
pub(super) fn runtime(tokio: &TokioRuntime) -> WireRuntime {
    Runtime::new(RuntimeParts::new(tokio.clone(), Wires(tokio.clone())))
}

/// One connection.
pub(super) struct Wire {
    raw: Raw,
    incoming: Incoming,
    outgoing: Outgoing,
    ahead: Ahead,
}

impl Wire {
    pub(super) fn over(raw: Raw) -> Self {
        Self {
            raw,
            incoming: Incoming::new(),
            outgoing: Outgoing::new(),
            ahead: Ahead::default(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self {
            raw, incoming, ahead, ..
        } = &mut *self;
        loop {
            let bytes = incoming.hand_on(to);
            if bytes > 0 {
                return Poll::Ready(Ok(bytes));
            }
            // A message that is begun is read to its end: it could not be dealt with otherwise.
            if incoming.is_between_messages() {
                ready!(ahead.poll_room(cx));
            }
            let bytes = ready!(Pin::new(&mut *raw).poll_read(cx, incoming.room()))?;
            if bytes == 0 {
                return Poll::Ready(Ok(0));
            }
            incoming.received(bytes, ahead);
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = ready!(Pin::new(&mut self.raw).poll_write(cx, from))?;
        let Self { outgoing, ahead, .. } = &mut *self;
        outgoing.sent(from.get(..bytes).unwrap_or_default(), ahead);
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.raw).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.raw).poll_close(cx)
    }
}

/// Makes wires; everything else is tokio's.
#[derive(Debug, Clone)]
pub(super) struct Wires(TokioRuntime);

impl Reactor for Wires {
    type TcpStream = Wire;
    type Sleep = <TokioRuntime as Reactor>::Sleep;

    /// Nobody does.
    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Wire, _>(io::Error::from(io::ErrorKind::Unsupported))
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Wire>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Wire::over(AsyncTcpStream::Plain(connecting.await?))) }
    }
}

#[cfg(any(test, fuzzing))]
pub(crate) mod trial;

#[cfg(test)]
mod tests;
