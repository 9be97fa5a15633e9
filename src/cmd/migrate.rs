//! `switchboard migrate`: brings the schema up to date.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::progress::{self, Step};

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long to try again when it does not work, for a database that is still starting.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

pub(crate) async fn run(file: Option<&Path>, arguments: &Arguments) -> Result<()> {
    let config = process::settings("migrate", file, &[])?;
    let step = Step::begin();
    let until = Instant::now() + Duration::from_secs(arguments.wait);
    while let Err(error) = hub::db::migrate(&config.database).await {
        if Instant::now() >= until {
            return Err(error);
        }
        progress::line(&format!("Not yet: {error:#}"));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    step.done("The schema is up to date");
    Ok(())
}
