//! The accept loop of every public listener. `axum::serve` sets no time limit on silent or dripping connections and does
//! not wait for upgraded sockets, so we own this part: limits on headers, bodies and idleness, a cap on connections that
//! upgraded sockets count towards, a drain.

mod guard;
pub mod upgrades;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

pub use guard::Guarded;

use crate::tasks::Tasks;

/// After an accept error (out of file descriptors) we let others finish first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a connection may make us hold while its headers are read.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// How long a peer may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte we wait for to the end of the headers; also how long a kept-alive connection may be idle.
    pub headers: Duration,
    /// Between two pieces of a request's body.
    pub body: Duration,
    /// Without the peer taking anything of what we send it; holds for upgraded sockets too.
    pub unread: Duration,
    /// Connections at once, upgraded ones included; further ones wait in the kernel's queue.
    pub connections_max: usize,
}

impl Limits {
    /// The limits of public listeners.
    pub fn new(connections_max: usize) -> Self {
        Self {
            headers: Duration::from_secs(10),
            body: Duration::from_secs(10),
            unread: Duration::from_secs(20),
            connections_max,
        }
    }
}

/// A connection's place under the cap, in every request's extensions. Whoever takes the connection over by an upgrade
/// keeps it as long as the socket.
#[derive(Clone, Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] Arc<Held>);

#[derive(Debug)]
struct Held {
    _permit: OwnedSemaphorePermit,
}

impl Held {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("switchboard_http_connections").increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        metrics::gauge!("switchboard_http_connections").decrement(1.0);
    }
}

/// Serves `router` under the usual [`Limits`] until the soft stop; then stops accepting and lets requests finish.
/// Upgraded sockets are tasks of their own (`hub.tasks`), told and awaited by the shutdown.
///
/// # Errors
/// None in the course of things; the signature leaves room.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tasks: &Tasks,
    connections_max: usize,
) -> anyhow::Result<()> {
    serve_with(router, listener, tasks, Limits::new(connections_max)).await
}

/// [`serve`] with other limits.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    router: Router,
    listener: TcpListener,
    tasks: &Tasks,
    limits: Limits,
) -> anyhow::Result<()> {
    let permits = Arc::new(Semaphore::new(limits.connections_max));
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
        let connection = Connection {
            router: router.clone(),
            place: Place(Arc::new(Held::new(permit))),
            peer,
            limits,
            tasks: tasks.clone(),
        };
        tasks.spawn("serve.connection", connection.run(stream));
    }
}

/// A body that was refused for its size is not read to its end, so the connection carries no other request. Said in the
/// answer (RFC 9112 §9.6), it keeps the peer from sending one that would be lost.
fn say_if_last(mut answer: Response<Body>) -> Response<Body> {
    if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

struct Connection {
    router: Router,
    place: Place,
    peer: SocketAddr,
    limits: Limits,
    tasks: Tasks,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Self {
            router,
            place,
            peer,
            limits,
            tasks,
        } = self;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(|body| Body::new(TimeoutBody::new(limits.body, body)));
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(place.clone());
            let answer = router.clone().oneshot(request);
            async move { answer.await.map(say_if_last) }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.headers)
            .max_buf_size(HEADER_BYTES_MAX);
        let io = TokioIo::new(Guarded::new(stream, limits.unread));
        let connection = http.serve_connection(io, service).with_upgrades();
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
}

#[cfg(test)]
mod tests;
