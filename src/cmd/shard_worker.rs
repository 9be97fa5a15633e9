//! `switchboard shard-worker`: WhatsApp Web sessions.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::process::{self, Signals};

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let config = process::settings("shard-worker", file, &[])?;
    let mut signals = Signals::listen()?;
    let listener = process::bind(config.listen.shard_worker).await?;
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.drain_s);
    process::serve(
        &hub,
        &mut signals,
        drain,
        Box::pin(shard_worker::run(hub.clone(), listener)),
    )
    .await
}
