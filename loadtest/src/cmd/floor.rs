//! `loadtest relay` and `loadtest fan`: the floors, as processes of their own, so that their CPU time can be told.
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use loadtest::scenario::floor;
use tokio::net::TcpListener;

use super::announce;

/// Arguments of `relay`.
#[derive(clap::Args)]
pub(crate) struct RelayArgs {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where every connection leads.
    #[arg(long)]
    to: SocketAddr,
}

pub(crate) async fn relay(args: RelayArgs) -> Result<ExitCode> {
    floor::serve_relay(listen(args.listen).await?, args.to).await?;
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `fan`.
#[derive(clap::Args)]
pub(crate) struct FanArgs {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Bytes of an event's frame.
    #[arg(long, default_value_t = 500)]
    bytes: usize,
    /// Events in a row.
    #[arg(long, default_value_t = 1)]
    burst: u32,
    /// Rows of events per second.
    #[arg(long)]
    per_second: f64,
}

pub(crate) async fn fan(args: FanArgs) -> Result<ExitCode> {
    floor::serve_fan(
        listen(args.listen).await?,
        args.bytes,
        args.burst,
        args.per_second,
    )
    .await?;
    Ok(ExitCode::SUCCESS)
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await.context("listen")?;
    announce(&serde_json::json!({"listen": listener.local_addr()?}));
    Ok(listener)
}
