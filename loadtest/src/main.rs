//! `loadtest`: emulators and load scenarios on the command line.
mod cmd;

use std::process::ExitCode;

use clap::Parser;
use loadtest::scenario;

/// Emulators of Twilio and OpenAI, and load scenarios for Switchboard.
#[derive(Parser)]
#[command(name = "loadtest", version)]
enum Command {
    /// Run both emulators until interrupted.
    Emulate(cmd::emulate::Args),
    /// Load the telephony: whole calls, timed frame by frame.
    Calls(scenario::calls::Args),
    /// Load the live inbox: many screens, cut again and again.
    Inbox(scenario::inbox::Args),
    /// Load the webhooks: SMS, to the acknowledgement and to the screen.
    Webhooks(scenario::webhooks::Args),
    /// Load the WhatsApp workers: sessions at rest, in a storm, taken over, written to.
    Shards(scenario::shards::Args),
    /// Run a plain media bridge, the yardstick for ratios.
    Plain(cmd::plain::Args),
    /// Run a raw TCP relay, the floor of a bridge.
    #[command(hide = true)]
    Relay(cmd::floor::RelayArgs),
    /// Run a plain send loop, the floor of a fan-out.
    #[command(hide = true)]
    Fan(cmd::floor::FanArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    // A screen is a socket, and a user's shell starts with a thousand.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        cmd::say(&format!(
            "loadtest: the limit of open files stays as it is: {error}"
        ));
    }
    let done = match Command::parse() {
        Command::Emulate(args) => cmd::emulate::run(args).await,
        Command::Calls(args) => Box::pin(scenario::calls::run(args)).await,
        Command::Inbox(args) => Box::pin(scenario::inbox::run(args)).await,
        Command::Webhooks(args) => Box::pin(scenario::webhooks::run(args)).await,
        Command::Shards(args) => Box::pin(scenario::shards::run(args)).await,
        Command::Relay(args) => cmd::floor::relay(args).await,
        Command::Fan(args) => cmd::floor::fan(args).await,
        Command::Plain(args) => cmd::plain::run(args).await,
    };
    done.unwrap_or_else(|error| {
        cmd::say(&format!("loadtest: {error:#}"));
        ExitCode::FAILURE
    })
}
