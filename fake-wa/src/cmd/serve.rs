//! `fake-whatsapp serve`: the server until interrupted.
use std::net::SocketAddr;

use anyhow::{Context, Result};
use fake_wa::{Config, Server, certificates_are_checked};
use serde_json::json;

use super::{announce, say};

/// Arguments of `serve`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where sockets, media and the control surface listen.
    #[arg(long, default_value = "127.0.0.1:9103")]
    listen: SocketAddr,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let server = Server::start(Config { listen: args.listen }).await?;
    let control = format!("http://{}/_control", server.address());
    say(&format!(
        "Start Switchboard with WHATSAPP_WEB_URL={}",
        server.socket_url()
    ));
    say(&format!("Control: {control}"));
    announce(&json!({
        "socket": server.socket_url(), "control": control, "certificates_are_checked": certificates_are_checked(),
    }));
    tokio::signal::ctrl_c().await.context("wait for the interrupt")?;
    server.stop().await;
    Ok(())
}
