//! The life of a process: settings, stores, a bound port, work until a signal, a drain, an exit code.
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hub::Hub;
use hub::clock::Clock;
use hub::config::{self, Config, Fault};
use hub::tasks::Tasks;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::about;

use crate::progress;

/// Raises this process's limit of open files as far as it may go: every screen and every call is a socket, and a user's
/// shell or a bare container starts with a thousand.
pub(crate) fn allow_many_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        progress::line(&format!("the limit of open files stays as it is: {error}"));
    }
}

/// What `sysexits.h` calls a usage error: the settings are wrong, starting again would not help.
const EXIT_BAD_SETTINGS: u8 = 64;

/// Settings that cannot work, every fault of them.
#[derive(Debug)]
pub(crate) struct BadSettings(pub(crate) Vec<Fault>);

impl std::fmt::Display for BadSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the settings are wrong:")?;
        self.0
            .iter()
            .try_for_each(|fault| write!(formatter, "\n  {fault}"))
    }
}

impl std::error::Error for BadSettings {}

/// Reads the settings for one role.
pub(crate) fn settings(
    role: &'static str,
    file: Option<&Path>,
    flags: &[(&str, String)],
) -> Result<Config, BadSettings> {
    let mut config = config::load(file, flags).map_err(BadSettings)?;
    config.role = Some(role);
    config.build = about::BUILD;
    Ok(config)
}

/// Starts logging and connects to both stores.
pub(crate) async fn connect(config: Config) -> Result<Hub> {
    hub::telemetry::start(&config.log);
    Hub::connect(config, Clock::system(), Tasks::new()).await
}

/// Takes the port, so that a role that is handed the listener cannot fail on it.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {address} (is another switchboard running? `listen` in switchboard.toml)")
    })
}

/// Runs `role` until it ends or a signal asks for the end; then drains for at most `drain`. A second signal cuts it short.
pub(crate) async fn serve(
    hub: &Hub,
    signals: &mut Signals,
    drain: Duration,
    role: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut role = std::pin::pin!(role);
    let ended = tokio::select! {
        ended = &mut role => Some(ended),
        () = signals.next() => None,
    };
    hub.tasks.stop();
    tracing::info!("Stopping; a second signal ends everything at once");
    let drained = async {
        let ended = match ended {
            Some(ended) => ended,
            None => tokio::time::timeout(drain, role).await.unwrap_or(Ok(())),
        };
        (ended, hub.tasks.shut_down(drain).await)
    };
    let (ended, clean) = tokio::select! {
        drained = drained => drained,
        () = signals.next() => (Ok(()), hub.tasks.shut_down(Duration::ZERO).await),
    };
    if !clean {
        tracing::warn!("Work was cut off, because it did not end in time");
    }
    tokio::join!(hub.db.close(), hub.kv.close());
    ended
}

/// Prints an error's chain once and gives the code to exit with.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    progress::failure(&format!("{error:#}"));
    if error.is::<BadSettings>() {
        ExitCode::from(EXIT_BAD_SETTINGS)
    } else {
        ExitCode::FAILURE
    }
}

/// SIGTERM and SIGINT, which mean the same. One that comes before anybody waits is kept; without this value it would kill.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listen for SIGINT")?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
