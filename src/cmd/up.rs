//! `switchboard up`: every role in this process, on one port, with stores of its own where no URLs are given.
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use hub::Hub;
use hub::config::{self, Config, Unset};
use hub::job::Queue;
use tokio::net::TcpListener;

use crate::demo;
use crate::own_services::{Addresses, OwnServices, Wanted};
use crate::process::{self, BadSettings, Signals};
use crate::progress::{self, Step};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Where its own Postgres and Redis keep their data.
    #[arg(long, value_name = "FOLDER", default_value = ".switchboard")]
    home: PathBuf,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            home: PathBuf::from(".switchboard"),
        }
    }
}

pub(crate) async fn run(file: Option<&Path>, arguments: Arguments) -> Result<()> {
    let unset = config::unset(file);
    check_the_rest(file, unset)?;
    let wanted = Wanted {
        postgres: unset.database,
        redis: unset.redis,
    };
    let mut signals = Signals::listen()?;
    let mut services = tokio::select! {
        started = OwnServices::start(&arguments.home, wanted) => started?,
        // The kernel stops what was started so far when we are gone.
        () = signals.next() => return Ok(()),
    };
    let addresses = services.addresses()?;
    let logs = addresses.folder.clone();
    // Boxed: it is everything, too large for the main thread's stack.
    let ended = tokio::select! {
        ended = Box::pin(run_roles(file, unset, addresses, &mut signals)) => ended,
        name = services.failed() => Err(anyhow::anyhow!("{name} ended by itself; its log is in {}", logs.display())),
    };
    services.stop().await;
    ended
}

/// Names every fault before anything is started; a placeholder stands for what `up` will provide.
fn check_the_rest(file: Option<&Path>, unset: Unset) -> Result<(), BadSettings> {
    let addresses = Addresses {
        folder: PathBuf::new(),
        database_url: Some("postgres://own".to_owned()),
        owner_url: Some("postgres://own".to_owned()),
        redis_url: Some("redis://own".to_owned()),
        secret_key: "x".repeat(64),
    };
    process::settings("up", file, &flags(unset, addresses)).map(|_| ())
}

/// The settings that nobody has set, as `up` provides them.
fn flags(unset: Unset, addresses: Addresses) -> Vec<(&'static str, String)> {
    let provided = [
        (unset.database, "database.url", addresses.database_url),
        (unset.database, "database.owner_url", addresses.owner_url),
        (unset.redis, "redis.url", addresses.redis_url),
        (unset.secret_key, "secret_key", Some(addresses.secret_key)),
    ];
    provided
        .into_iter()
        .filter(|(unset, ..)| *unset)
        .filter_map(|(_, setting, value)| Some((setting, value?)))
        .collect()
}

async fn run_roles(
    file: Option<&Path>,
    unset: Unset,
    addresses: Addresses,
    signals: &mut Signals,
) -> Result<()> {
    let mut config = process::settings("up", file, &flags(unset, addresses))?;
    let step = Step::begin();
    hub::db::migrate(&config.database).await?;
    step.done("The schema is up to date");
    let listener = process::bind(config.listen.up).await?;
    follow_port(
        &mut config,
        listener.local_addr().context("look up our port")?.port(),
    );
    let hub = process::connect(config).await?;
    let drain = Duration::from_secs(hub.config.shutdown.drain_s);
    let link = if demo::ensure_on_first_start(&hub).await? {
        demo::sign_in_link(&hub).await?
    } else {
        hub.config.public("/")
    };
    progress::line(&format!("Switchboard is ready: {link}"));
    if let Some(page) = demo::page(&hub).await? {
        progress::line(&format!("The receptionist, as callers meet it: {page}"));
    }
    process::serve(&hub, signals, drain, Box::pin(roles(hub.clone(), listener))).await
}

/// All roles side by side; the two that serve share the port, as nginx joins them in front of separate processes.
async fn roles(hub: Hub, listener: TcpListener) -> Result<()> {
    let router = api::router(hub.clone())
        .merge(calls::router(hub.clone())?)
        .merge(hub::health::router(hub.clone()));
    let served = hub::serve::serve(router, listener, &hub.tasks, hub.config.listen.connections_max);
    let worked = worker::run(hub.clone(), Queue::ALL.to_vec());
    let scheduled = worker::scheduler::run(hub.clone());
    tokio::try_join!(served, worked, scheduled, sessions(hub.clone()))?;
    Ok(())
}

/// WhatsApp Web sessions, where they are built in.
#[cfg(feature = "whatsapp-web")]
async fn sessions(hub: Hub) -> Result<()> {
    shard_worker::work(hub).await;
    Ok(())
}

#[cfg(not(feature = "whatsapp-web"))]
fn sessions(_hub: Hub) -> std::future::Ready<Result<()>> {
    std::future::ready(Ok(()))
}

/// Where the system chose the port (`listen.up` ends in `:0`), the public URL can only be known now.
fn follow_port(config: &mut Config, port: u16) {
    if config.listen.up.port() == 0 && config.public_url.set_port(Some(port)).is_err() {
        tracing::warn!("The public URL cannot carry a port");
    }
}
