//! `switchboard seed`: makes the demo tenant where there is none, and prints a link that signs in there.

use std::path::Path;

use anyhow::Result;

use crate::{demo, process, progress};

pub(crate) async fn run(file: Option<&Path>) -> Result<()> {
    let hub = process::connect(process::settings("seed", file, &[])?).await?;
    progress::output(&demo::sign_in_link(&hub).await?);
    Ok(())
}
