//! Programs that the scenario starts, so that it may end them.
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Args;
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

/// The product: its program, and what it needs to know.
pub(super) struct Product {
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Product {
    /// Over the stores that were named, with this WhatsApp.
    pub(super) fn new(args: &Args, whatsapp: &str) -> Result<Self> {
        let log = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn".to_owned());
        let settings = vec![
            ("DATABASE_URL", args.database_url.clone()),
            ("REDIS_URL", args.redis_url.clone()),
            ("SECRET_KEY", args.secret_key.clone()),
            ("WHATSAPP_WEB_URL", whatsapp.to_owned()),
            ("SWITCHBOARD_WHATSAPP__VERSION", "2.3000.0".to_owned()),
            ("RUST_LOG", log),
        ];
        Ok(Self {
            program: beside(args.switchboard.as_ref(), "switchboard")?,
            settings,
        })
    }

    /// One of its commands, to be run.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// A role, ready.
    pub(super) async fn role(&self, role: &str) -> Result<Program> {
        let address = free_address()?;
        let setting = format!("SWITCHBOARD_LISTEN__{}", role.replace('-', "_").to_uppercase());
        let mut command = self.command(&[role]);
        command.env(setting, &address).stdout(Stdio::null());
        let program = Program::start(&role.replace('-', "_"), &mut command)?;
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
}

/// An address that was free a moment ago.
fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
