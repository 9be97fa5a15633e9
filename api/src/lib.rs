//! REST and OpenAPI, webhook intake, the live socket, and the staff web app: everything on port 5000.

mod demo_pages;
mod edge;
mod extract;
mod gate;
mod idempotency;
mod jobs;
mod openapi;
mod operations;
mod operator_visits;
mod origin;
mod platform;
mod router;
mod uploads;
mod versioned;
mod web;

mod agent_settings;
mod api_keys;
mod attachments;
mod audit;
mod auth;
mod calls;
mod connections;
mod contacts;
mod conversations;
mod forms;
mod inboxes;
mod live;
mod me;
mod messages;
mod sessions;
mod staff;
mod webhooks;

use anyhow::Context as _;
use hub::Hub;
use tokio::net::TcpListener;

pub use extract::client_ip;
pub use openapi::openapi;
pub use operations::{OPERATIONS, Operation};
pub use router::router;

/// Serves the api role until the soft stop.
///
/// # Errors
/// When the listener fails.
pub async fn run(hub: Hub, listener: TcpListener) -> anyhow::Result<()> {
    let routes = router(hub.clone()).merge(hub::health::router(hub.clone()));
    hub::serve::serve(routes, listener, &hub.tasks, hub.config.listen.connections_max)
        .await
        .context("serve the api")
}
