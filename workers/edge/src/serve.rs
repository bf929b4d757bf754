//! Connections of the public address: HTTP/1.1, bounded in number, in size and in time.
//!
//! Whoever sends its request's head slowly, or nothing at all, or takes nothing of its answer, loses its connection; so does
//! nobody else. When the
//! process is told to stop, no further connection is taken, and requests in hand are answered.

use crate::http::{headers, limits, measure};
use crate::stalling::Stalling;
use crate::{Edge, api, pages, webhooks};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use topup_runtime::Shutdown;

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a request's head may take, the wait for it on an open connection included.
const HEAD_READ_MAX: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Lines of a head, at most.
const HEADERS_MAX: usize = 64;
/// Pause after a connection that could not be accepted, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves every route until shutdown, and until requests in hand are answered.
pub async fn serve(listener: TcpListener, edge: Arc<Edge>, shutdown: Shutdown) {
    let routes = routes(edge);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_MAX)
        .max_buf_size(HEAD_MAX_BYTES)
        .max_headers(HEADERS_MAX);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = shutdown.requested() => break,
        };
        let Some((stream, peer, permit)) = accepted else {
            continue;
        };
        let service = TowerToHyperService::new(routes.clone().layer(Extension(Peer(peer))));
        let connection = open.watch(http.serve_connection(TokioIo::new(Stalling::new(stream)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// All that is served. Webhooks stand apart: they have room of their own, and what becomes of them is counted apart.
fn routes(edge: Arc<Edge>) -> Router {
    Router::new()
        .merge(api::router(&edge).layer(from_fn_with_state(Arc::clone(&edge), limits::room)))
        .merge(pages::routes(&edge))
        .layer(from_fn(measure::measured))
        .merge(webhooks::routes(&edge.gateway))
        .layer(from_fn(headers::secured))
        .with_state(edge)
}

type Accepted = (tokio::net::TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    // Never closed, so never an error.
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An answer goes out at once, however short. Where that can't be had, it comes a little later.
            let _later = stream.set_nodelay(true);
            Some((stream, peer.ip(), permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
