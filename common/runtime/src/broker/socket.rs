//! The socket under a connection, kept at hand so that it can be cut.
//!
//! The library serves each connection from a thread of its own, which ends when the socket does. A peer that accepts
//! and then says nothing would keep that thread, and its buffers, for as long as it likes: one more for each try to
//! connect.

use super::wire::{self, Wire};
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Cuts its socket when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Socket(Arc<Mutex<Option<TcpStream>>>);

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(socket) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // An error says that it is cut already.
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Socket {
    /// Opens a connection over this socket.
    pub(super) async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
        tls: OwnedTLSConfig,
        timeout: Duration,
    ) -> Result<Connection, lapin::Error> {
        let kept = Arc::clone(&self.0);
        let tokio = lapin::runtime::default_runtime()?;
        Connection::connector(
            uri,
            wire::runtime(&tokio),
            async move |uri: AMQPUri, _of_wires| {
                let host = uri.authority.host;
                let opening = async {
                    let found = tokio::net::lookup_host((host.as_str(), uri.authority.port)).await?;
                    let addresses: Vec<SocketAddr> = found.collect();
                    let stream = AsyncTcpStream::connect(&tokio, addresses).await?;
                    if let AsyncTcpStream::Plain(plain) = &stream {
                        let copy = TcpStream::from(plain.get_ref().as_fd().try_clone_to_owned()?);
                        kept.lock().unwrap_or_else(PoisonError::into_inner).replace(copy);
                    }
                    match uri.scheme {
                        AMQPScheme::AMQP => Ok(stream),
                        AMQPScheme::AMQPS => stream.into_tls(&host, tls.as_ref()).await,
                    }
                };
                match tokio::time::timeout(timeout, opening).await {
                    Ok(opened) => Ok(AsyncTcpStream::Plain(Wire::over(opened?))),
                    Err(_late) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
                }
            },
            properties,
        )
        .await
    }
}
