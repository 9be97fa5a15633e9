//! Programs that the scenario starts, so that it may end them.
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::process::{Usage, Watched};

/// A role is ready, and at its end gone, within this time.
const PATIENCE: Duration = Duration::from_mins(1);

/// One of them; it is killed when it is dropped.
pub(super) struct Program {
    child: Child,
    /// For its CPU time and memory.
    pub(super) watched: Watched,
}

/// The program that was named, or the one of this name beside ours.
pub(super) fn beside(named: Option<&PathBuf>, name: &str) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.clone());
    }
    let own = std::env::current_exe().context("find this program")?;
    let found = own.with_file_name(name);
    ensure!(
        found.is_file(),
        "there is no {}; `cargo build --release --workspace` makes it",
        found.display()
    );
    Ok(found)
}

impl Program {
    /// Starts something under a name for the report.
    pub(super) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let pid = child.id().with_context(|| format!("{name} ended at once"))?;
        let watched = Watched {
            name: name.to_owned(),
            pid,
            with_children: false,
        };
        Ok(Self { child, watched })
    }

    /// A role of the product, ready.
    pub(super) async fn role(switchboard: &Path, role: &str, whatsapp: &str) -> Result<Self> {
        let address = free_address()?;
        let setting = format!("SWITCHBOARD_LISTEN__{}", role.replace('-', "_").to_uppercase());
        let mut command = Command::new(switchboard);
        command
            .arg(role)
            .env(setting, &address)
            .env("WHATSAPP_WEB_URL", whatsapp)
            .env("SWITCHBOARD_WHATSAPP__VERSION", "2.3000.0")
            .stdout(Stdio::null());
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let program = Self::start(&role.replace('-', "_"), &mut command)?;
        let (http, _) = crate::outbound::clients(None)?;
        let url = format!("http://{address}/readyz");
        let ready = async {
            while !http
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, ready)
            .await
            .with_context(|| format!("wait until {role} is ready"))?;
        Ok(program)
    }

    /// What it has used since its start.
    pub(super) fn usage(&self) -> Result<Usage> {
        self.watched.usage()
    }

    /// Its standard output, once.
    pub(super) fn output(&mut self) -> Result<tokio::process::ChildStdout> {
        self.child
            .stdout
            .take()
            .context("the program's output is not ours")
    }

    /// Ends it as kill -9 does.
    pub(super) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("kill a program that we started")
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = i32::try_from(self.watched.pid).context("read the process id")?;
        kill(Pid::from_raw(pid), Signal::SIGTERM).context("signal a program that we started")?;
        let ended = timeout(PATIENCE, self.child.wait())
            .await
            .context("wait for its end")??;
        ensure!(ended.success(), "{} ended with {ended}", self.watched.name);
        Ok(())
    }
}

/// An address that was free a moment ago.
fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
