//! `fake-whatsapp crowd`: idle sessions by the hundred, each a whole client, and what they cost.
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fake_wa::{Customer, Patience, Phone, Provisioned};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

use super::announce;

/// Arguments of `crowd`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server, as host and port.
    #[arg(long, default_value = "127.0.0.1:9103")]
    server: String,
    /// The first number; the others count up from it.
    #[arg(long, default_value = "+15551000")]
    first: Phone,
    /// How many sessions.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// How many connect at the same time.
    #[arg(long, default_value_t = 32)]
    at_once: usize,
}

#[derive(Deserialize)]
struct Made {
    sessions: Vec<Provisioned>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let begun = Instant::now();
    let made: Made = post(
        &args,
        "sessions",
        &json!({"first": args.first, "count": args.count}),
    )
    .await?;
    let provisioned_ms = begun.elapsed().as_millis();
    let before_kib = resident_kib("self")?;
    let (url, begun) = (format!("ws://{}/ws/chat", args.server), Instant::now());
    let (mut coming, mut crowd) = (JoinSet::new(), Vec::new());
    for session in made.sessions {
        if coming.len() >= args.at_once
            && let Some(come) = coming.join_next().await
        {
            crowd.push(come??);
        }
        coming.spawn(come(url.clone(), session));
    }
    while let Some(come) = coming.join_next().await {
        crowd.push(come??);
    }
    announce(&json!({
        "sessions": crowd.len(), "provisioned_ms": provisioned_ms, "connected_ms": begun.elapsed().as_millis(),
        "resident_kib": resident_kib("self")?, "resident_before_kib": before_kib,
    }));
    tokio::signal::ctrl_c().await.context("wait for the interrupt")
}

async fn come(url: String, session: Provisioned) -> Result<Arc<Customer>> {
    let customer = Arc::new(Customer::new(url, &session).await?);
    customer.come(Patience(Duration::from_mins(2))).await?;
    Ok(customer)
}

async fn post<T: serde::de::DeserializeOwned>(
    args: &Args,
    path: &str,
    body: &serde_json::Value,
) -> Result<T> {
    let client = fake_wa::plain_http()?;
    let url = format!("http://{}/_control/{path}", args.server);
    let answer = client
        .post(url)
        .json(body)
        .send()
        .await
        .context("call the server")?;
    let answer = answer.error_for_status().context("call the server")?;
    answer.json().await.context("read the server's answer")
}

/// Memory of a process that is its own, in KiB.
fn resident_kib(process: &str) -> Result<u64> {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).context("read the process's status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let value = line.and_then(|line| line.split_whitespace().next());
    value.context("find VmRSS")?.parse().context("read VmRSS")
}
