//! `loadtest plain`: the plain media bridge as a process of its own, so that its CPU time can be told.
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use loadtest::plain::{Plain, serve};
use tokio_util::sync::CancellationToken;

use super::announce;

/// Arguments of `plain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where webhooks and streams arrive.
    #[arg(long, default_value = "127.0.0.1:9103")]
    listen: SocketAddr,
    /// The model.
    #[arg(long, default_value = "http://127.0.0.1:9102/v1")]
    openai: String,
    /// The model's key.
    #[arg(long, default_value = "sk-emulated")]
    api_key: String,
    /// As Twilio sees us.
    #[arg(long, default_value = "http://127.0.0.1:9103")]
    public_url: String,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .context("listen")?;
    announce(&serde_json::json!({"listen": listener.local_addr()?}));
    let plain = Plain {
        openai_url: args.openai,
        api_key: args.api_key,
        public_url: args.public_url,
    };
    tokio::select! {
        () = serve(listener, plain, CancellationToken::new()) => {}
        interrupted = tokio::signal::ctrl_c() => interrupted.context("wait for the interrupt")?,
    }
    Ok(ExitCode::SUCCESS)
}
