//! `switchboard calls`: telephony.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::process::{self, Signals};

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let config = process::settings("calls", file, &[])?;
    let mut signals = Signals::listen()?;
    let listener = process::bind(config.listen.calls).await?;
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.calls_drain_s);
    process::serve(&hub, &mut signals, drain, calls::run(hub.clone(), listener)).await
}
