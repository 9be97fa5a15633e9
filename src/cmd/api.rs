//! `switchboard api`: REST, webhooks, the live socket and the web app.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::process::{self, Signals};

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let config = process::settings("api", file, &[])?;
    let mut signals = Signals::listen()?;
    let listener = process::bind(config.listen.api).await?;
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.drain_s);
    process::serve(&hub, &mut signals, drain, api::run(hub.clone(), listener)).await
}
