//! `loadtest`: emulators and load scenarios on the command line.
mod cmd;

use std::process::ExitCode;

use clap::Parser;

/// Emulators of Twilio and OpenAI, and load scenarios for Switchboard.
#[derive(Parser)]
#[command(name = "loadtest", version)]
enum Command {
    /// Run both emulators until interrupted.
    Emulate(cmd::emulate::Args),
    /// Run a plain media bridge, the yardstick for ratios.
    Plain(cmd::plain::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let done = match Command::parse() {
        Command::Emulate(args) => cmd::emulate::run(args).await,
        Command::Plain(args) => cmd::plain::run(args).await,
    };
    done.unwrap_or_else(|error| {
        cmd::say(&format!("loadtest: {error:#}"));
        ExitCode::FAILURE
    })
}
