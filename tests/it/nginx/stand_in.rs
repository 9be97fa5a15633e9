//! A stand-in for a role behind the proxy: says what reached it, and echoes sockets.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, WebSocketUpgrade};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::{StreamExt as _, stream};
use hub::tasks::Tasks;
use serde_json::{Map, json};

/// A listening stand-in.
pub(crate) struct StandIn {
    /// Where it listens; it answers with this, so that one can be told from another.
    pub(crate) address: String,
    tasks: Tasks,
}

impl StandIn {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bind a port");
        let address = listener.local_addr().expect("its address").to_string();
        let tasks = Tasks::new();
        let (said, inner) = (address.clone(), tasks.clone());
        let router = Router::new().fallback(move |request: Request| answer(said.clone(), request));
        tasks.spawn("test.stand_in", async move {
            hub::serve::serve(router, listener, &inner, 100).await.ok();
        });
        Self { address, tasks }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

async fn answer(address: String, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        return upgrade.on_upgrade(async move |mut socket| {
            socket.send(address.into()).await.ok();
            while let Some(Ok(message)) = socket.recv().await {
                socket.send(message).await.ok();
            }
        });
    }
    // The whole body must have arrived before it is said that it did.
    axum::body::to_bytes(body, 64 * 1024 * 1024)
        .await
        .expect("a body");
    let headers: Map<_, _> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or_default())))
        .collect();
    let path = parts.uri.path();
    let seen = Json(
        json!({ "address": address, "method": parts.method.as_str(), "path": path, "headers": headers }),
    );
    if path.ends_with("/pairing") {
        // A word, then nothing for as long as somebody listens.
        let pieces = stream::iter([Ok::<_, Infallible>("data: first\n\n")]).chain(stream::pending());
        let headers = [("content-type", "text/event-stream"), ("x-accel-buffering", "no")];
        return (headers, Body::from_stream(pieces)).into_response();
    }
    if path == "/own-headers" {
        let own = [
            ("content-security-policy", "default-src 'self'"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=1"),
        ];
        return (own, seen).into_response();
    }
    seen.into_response()
}
