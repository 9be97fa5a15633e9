//! The accept loop of every public listener. `axum::serve` sets no time limit on silent or dripping connections and does
//! not wait for upgraded sockets, so we own this part: limits on headers and idleness, a cap on connections, a drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::tasks::Tasks;

/// From the first byte we wait for to the end of the headers; also how long a kept-alive connection may be idle.
const HEADERS_LIMIT: Duration = Duration::from_secs(10);
/// After an accept error (out of file descriptors) we let others finish first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until the soft stop; then stops accepting and lets requests finish. Upgraded sockets are tasks of
/// their own (`hub.tasks`), told and awaited by the shutdown.
///
/// At most `connections_max` are open; further ones wait in the kernel's backlog.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tasks: &Tasks,
    connections_max: usize,
) -> anyhow::Result<()> {
    let permits = Arc::new(Semaphore::new(connections_max));
    loop {
        let permit = tokio::select! {
            () = tasks.stopping() => return Ok(()),
            permit = Arc::clone(&permits).acquire_owned() => permit?,
        };
        let accepted = tokio::select! {
            () = tasks.stopping() => return Ok(()),
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                tracing::warn!(error = %fault, "Could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let router = router.clone();
        let stop = tasks.clone();
        tasks.spawn("serve.connection", async move {
            let _permit = permit;
            connection(router, stream, peer, stop).await;
        });
    }
}

async fn connection(router: Router, stream: TcpStream, peer: SocketAddr, tasks: Tasks) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS_LIMIT)
        .max_buf_size(64 * 1024);
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tasks.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(fault) = ended {
        tracing::debug!(error = %fault, "Connection ended early");
    }
}
