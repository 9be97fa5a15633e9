//! `fake-whatsapp`: the fake server on the command line, and a crowd of clients to measure it with.
mod cmd;

use std::process::ExitCode;

use clap::Parser;

/// A WhatsApp Web server for tests.
#[derive(Parser)]
#[command(name = "fake-whatsapp", version)]
enum Command {
    /// Run the server until interrupted.
    Serve(cmd::serve::Args),
    /// Connect many idle sessions to a server that runs elsewhere, and say what they cost.
    Crowd(cmd::crowd::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let done = match Command::parse() {
        Command::Serve(args) => cmd::serve::run(args).await,
        Command::Crowd(args) => cmd::crowd::run(args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cmd::say(&format!("fake-whatsapp: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
