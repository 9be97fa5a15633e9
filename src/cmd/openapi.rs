//! `switchboard openapi`: prints the API's document, from which the web client's types are made.

use anyhow::{Context as _, Result};

use crate::progress;

pub(crate) fn run() -> Result<()> {
    let document = api::openapi()
        .to_pretty_json()
        .context("write the document as JSON")?;
    progress::output(&document);
    Ok(())
}
