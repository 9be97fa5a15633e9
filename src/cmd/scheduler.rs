//! `switchboard scheduler`: periodic work. Any number may be started, one is active.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use hub::Hub;
use tokio::net::TcpListener;

use crate::process::{self, Signals};

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let config = process::settings("scheduler", file, &[])?;
    let mut signals = Signals::listen()?;
    let listener = process::bind(config.listen.scheduler).await?;
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.drain_s);
    process::serve(&hub, &mut signals, drain, Box::pin(work(hub.clone(), listener))).await
}

async fn work(hub: Hub, listener: TcpListener) -> Result<()> {
    let health = hub::health::router(hub.clone());
    let health = hub::serve::serve(health, listener, &hub.tasks, hub.config.listen.connections_max);
    tokio::try_join!(health, worker::scheduler::run(hub.clone()))?;
    Ok(())
}
