//! Tenants and their linked sessions, by the product's own commands.
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::fake::Fake;
use super::program::Product;
use crate::progress;

/// The product lets a tenant have so many.
const SESSIONS_OF_TENANT: usize = 20;

/// Makes them.
pub(super) async fn sessions(product: &Product, fake: &Fake, count: u64) -> Result<()> {
    progress::line(&format!("shards: making {count} linked sessions"));
    let sessions = fake.provision(count).await?;
    let mut lines = String::new();
    for (number, session) in sessions.iter().enumerate() {
        let tenant = format!("load-{}", number / SESSIONS_OF_TENANT);
        if number % SESSIONS_OF_TENANT == 0 {
            command(product, &["tenant", "create", &tenant], "").await?;
        }
        let line = json!({"tenant": tenant, "name": session.phone, "record": session.record});
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    command(product, &["whatsapp", "import"], &lines).await
}

async fn command(product: &Product, arguments: &[&str], input: &str) -> Result<()> {
    let mut child = product
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("start switchboard")?;
    let mut stdin = child.stdin.take().context("reach its input")?;
    let writing = async move {
        // What it says about a broken pipe is in its own words on stderr.
        let _ = stdin.write_all(input.as_bytes()).await;
    };
    let ((), output) = tokio::join!(writing, child.wait_with_output());
    let output = output.context("wait for switchboard")?;
    ensure!(
        output.status.success(),
        "switchboard {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
