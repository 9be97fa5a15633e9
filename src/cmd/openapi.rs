//! `switchboard openapi`: prints the API's document, from which the web client's types are made.

use anyhow::{Context as _, Result};

use crate::progress;

pub(crate) fn run() -> Result<()> {
    // By way of a value, whose keys are sorted: a moved line of code moves nothing in the document.
    let document = serde_json::to_value(api::openapi()).context("turn the document into JSON")?;
    progress::output(&serde_json::to_string_pretty(&document).context("write the document as JSON")?);
    Ok(())
}
