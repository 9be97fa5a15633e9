//! `loadtest emulate`: both emulators until interrupted.
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use loadtest::{openai, twilio};
use serde_json::json;
use url::Url;

use super::{announce, say};

/// Arguments of `emulate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where Twilio's REST API and control surface listen.
    #[arg(long, default_value = "127.0.0.1:9101")]
    twilio: SocketAddr,
    /// Where OpenAI's API and control surface listen.
    #[arg(long, default_value = "127.0.0.1:9102")]
    openai: SocketAddr,
    /// Switchboard's public URL: what webhooks are signed over.
    #[arg(long, default_value = "http://127.0.0.1:5000")]
    public_url: Url,
    /// The address that answers for it; the public URL itself when absent.
    #[arg(long)]
    target: Option<Url>,
    /// Twilio account.
    #[arg(long, default_value = "AC00000000000000000000000000000001")]
    account: String,
    /// Its auth token.
    #[arg(long, default_value = "emulated-auth-token")]
    auth_token: String,
    /// The key that the OpenAI emulator accepts.
    #[arg(long, default_value = "sk-emulated")]
    api_key: String,
    /// A JSON file with the model's script (see `GET /_control/script`).
    #[arg(long)]
    script: Option<PathBuf>,
    /// A PEM file of authorities to trust for https and wss targets.
    #[arg(long)]
    trust: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let script = match &args.script {
        None => openai::Script::default(),
        Some(path) => {
            let text = tokio::fs::read_to_string(path).await.context("read the script")?;
            serde_json::from_str(&text).context("read the script")?
        }
    };
    let account = twilio::Account {
        sid: args.account,
        auth_token: args.auth_token,
        api_keys: Vec::new(),
        shared_key: None,
    };
    let twilio = twilio::Emulator::start(twilio::Config {
        listen: args.twilio,
        target: args.target.unwrap_or_else(|| args.public_url.clone()),
        public_url: args.public_url,
        accounts: vec![account],
        numbers: Vec::new(),
        trust: args.trust,
        keep_audio: true,
    })
    .await?;
    let openai = openai::Emulator::start(openai::Config {
        listen: args.openai,
        api_key: args.api_key,
        script,
        keep_audio: true,
    })
    .await?;
    say("Start Switchboard with:");
    say(&format!(
        "  TWILIO_API_URL={} OPENAI_BASE_URL={} OPENAI_API_KEY={}",
        twilio.url(),
        openai.url(),
        openai.api_key()
    ));
    say(&format!(
        "and a Twilio connection {} / {}.",
        twilio.account().sid,
        twilio.account().auth_token
    ));
    say(&format!(
        "Control: {}/_control/ and http://{}/_control/",
        twilio.url(),
        openai.address()
    ));
    announce(&json!({"twilio": twilio.url(), "openai": openai.url()}));
    tokio::signal::ctrl_c().await.context("wait for the interrupt")?;
    twilio.stop().await;
    openai.stop().await;
    Ok(ExitCode::SUCCESS)
}
