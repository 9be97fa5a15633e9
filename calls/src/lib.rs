//! Telephony: Twilio voice webhooks, media streams, voice agents, listeners: everything on port 5050.

mod agent;
mod call;
mod exchange;
mod listen;
mod media;
mod speech;
mod ulaw;
mod watchdog;
mod webhook;

use anyhow::Context as _;
use axum::Router;
use hub::Hub;
use tokio::net::TcpListener;

use exchange::Exchange;

/// The role's routes: `/webhooks/twilio/{voice…,stream,recording}` and `/media/…`. Starts the node's heartbeat and watch.
///
/// # Errors
/// When the place for recordings cannot be opened.
pub fn router(hub: Hub) -> anyhow::Result<Router> {
    let exchange = Exchange::new(hub)?;
    watchdog::start(&exchange);
    Ok(media::router(exchange.clone()).merge(webhook::router(exchange)))
}

/// Serves the calls role until the soft stop.
///
/// # Errors
/// When the listener fails.
pub async fn run(hub: Hub, listener: TcpListener) -> anyhow::Result<()> {
    let routes = router(hub.clone())?.merge(hub::health::router(hub.clone()));
    hub::serve::serve(routes, listener, &hub.tasks, hub.config.listen.connections_max)
        .await
        .context("serve the calls")
}
