//! `switchboard migrate`: brings the schema up to date.
use std::path::Path;

use anyhow::Result;

use crate::process;
use crate::progress::Step;

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let config = process::settings("migrate", file, &[])?;
    let step = Step::begin();
    hub::db::migrate(&config.database).await?;
    step.done("The schema is up to date");
    Ok(())
}
