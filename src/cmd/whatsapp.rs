//! `switchboard whatsapp`: brings in sessions that were linked elsewhere.

use std::io::BufRead as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::tenant_named;
use crate::{process, progress};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes sessions that are linked already, of lines of JSON on standard input: `{"tenant", "name", "record"}`, where
    /// `record` is a device as whatsapp-rust keeps it. Whoever worked such a device must have stopped for good: two that
    /// hold the same keys throw each other out. Prints each session's id.
    Import,
}

/// A line of the input.
#[derive(Deserialize)]
struct Line<'a> {
    /// The tenant's slug.
    tenant: String,
    /// For staff.
    name: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

pub(crate) async fn run(file: Option<&Path>, command: Command) -> Result<()> {
    let Command::Import = command;
    let hub = process::connect(process::settings("whatsapp", file, &[])?).await?;
    let step = progress::Step::begin();
    let mut sessions = 0_u32;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.context("read standard input")?;
        if line.trim().is_empty() {
            continue;
        }
        let session = import(&hub, &line)
            .await
            .with_context(|| format!("line {} (those before it are in)", number + 1))?;
        progress::output(&session);
        sessions += 1;
    }
    step.done(&format!("Brought {sessions} sessions in"));
    Ok(())
}

async fn import(hub: &hub::Hub, line: &str) -> Result<String> {
    let line: Line<'_> =
        serde_json::from_str(line).context("expected JSON such as {\"tenant\", \"name\", \"record\"}")?;
    let tenant = tenant_named(hub, &line.tenant).await?;
    let session = shard_worker::import(hub, tenant, &line.name, line.record.get()).await?;
    Ok(session.id.to_string())
}
