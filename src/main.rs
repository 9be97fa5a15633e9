//! The one binary: its subcommands are the roles and what an operator does by hand.
mod about;
mod cmd;
mod demo;
mod own_services;
mod process;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A real-time communications hub for small businesses.
#[derive(Parser)]
#[command(version, long_version = about::VERSION.as_str(), about)]
struct Cli {
    /// Settings that override those of `switchboard.toml` in the working folder.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Everything in one process, with Postgres and Redis of its own where no URLs are given (the default).
    Up(cmd::up::Arguments),
    /// REST, webhooks, the live socket and the web app.
    Api,
    /// Twilio voice webhooks, media streams, voice agents.
    Calls,
    /// Background jobs.
    Worker(cmd::worker::Arguments),
    /// WhatsApp Web sessions, spread over any number of these.
    #[cfg(feature = "whatsapp-web")]
    ShardWorker,
    /// Periodic work; any number may run, one is active.
    Scheduler,
    /// Brings the schema up to date, as the owner of the database.
    Migrate(cmd::migrate::Arguments),
    /// Checks a whole deployment and says what to do about what it finds.
    Doctor,
    /// Tenants: make one, list them.
    #[command(subcommand)]
    Tenant(cmd::tenant::Command),
    /// Staff: add somebody, make a link that signs somebody in, list them.
    #[command(subcommand)]
    User(cmd::user::Command),
    /// API keys: make one, list them.
    #[command(subcommand)]
    Token(cmd::token::Command),
    /// WhatsApp Web sessions: bring in what was linked elsewhere.
    #[cfg(feature = "whatsapp-web")]
    #[command(subcommand)]
    Whatsapp(cmd::whatsapp::Command),
    /// Makes the demo tenant where there is none and prints a link that signs in there.
    Seed,
    /// Prints the API's document.
    Openapi,
}

fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        progress::line("another TLS provider was installed first");
    }
    let cli = Cli::parse();
    process::allow_many_files();
    // The main task runs on the main thread, which `own_services` relies on.
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return process::failed(&error.into()),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => process::failed(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let file = cli.config.as_deref();
    match cli.command.unwrap_or(Command::Up(cmd::up::Arguments::default())) {
        Command::Up(arguments) => Box::pin(cmd::up::run(file, arguments)).await?,
        Command::Api => Box::pin(cmd::api::run(file)).await?,
        Command::Calls => Box::pin(cmd::calls::run(file)).await?,
        Command::Worker(arguments) => Box::pin(cmd::worker::run(file, arguments)).await?,
        #[cfg(feature = "whatsapp-web")]
        Command::ShardWorker => Box::pin(cmd::shard_worker::run(file)).await?,
        Command::Scheduler => Box::pin(cmd::scheduler::run(file)).await?,
        Command::Migrate(arguments) => cmd::migrate::run(file, &arguments).await?,
        Command::Doctor => return cmd::doctor::run(file).await,
        Command::User(command) => cmd::user::run(file, command).await?,
        Command::Token(command) => cmd::token::run(file, command).await?,
        #[cfg(feature = "whatsapp-web")]
        Command::Whatsapp(command) => cmd::whatsapp::run(file, command).await?,
        Command::Seed => cmd::seed::run(file).await?,
        Command::Openapi => cmd::openapi::run()?,
        Command::Tenant(command) => cmd::tenant::run(file, command).await?,
    }
    Ok(ExitCode::SUCCESS)
}
