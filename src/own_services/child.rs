//! A server as a child process: started so that it dies with us, and stopped so that it can tidy up.
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::account::Account;

/// A log larger than this is put aside when the server starts.
const LOG_SIZE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// How long a server may take to stop before it is killed; both survive that, by their logs.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    stop_by: Signal,
}

impl Server {
    /// Starts the program. `stop_by` is the signal that makes it stop cleanly, and the one it gets when we die.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        account: Option<Account>,
        log: &Path,
        stop_by: Signal,
    ) -> Result<Self> {
        let log = open_log(log)?;
        drop_privileges(&mut command, account);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("share the log")?)
            .stderr(log);
        // Its own process group, so that Ctrl-C in the terminal reaches us alone: the roles stop first, the servers last.
        command.process_group(0);
        die_with_parent(&mut command, stop_by);
        let child = command.spawn().with_context(|| format!("run {name}"))?;
        Ok(Self { name, child, stop_by })
    }

    /// The exit status, if the server has ended by itself.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(super) async fn wait(&mut self) {
        drop(self.child.wait().await);
    }

    /// Asks the server to stop, waits, and kills it when it does not.
    pub(super) async fn stop(mut self) {
        self.signal(self.stop_by);
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "{} did not stop within {} s and is killed",
                self.name,
                STOP_TIMEOUT.as_secs()
            );
            self.signal(Signal::SIGKILL);
            self.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        // No id: it has ended and was waited for.
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            kill(Pid::from_raw(pid), signal).ok();
        }
    }
}

/// Runs a program to its end; its complaints become the error.
pub(super) async fn run(mut command: Command, account: Option<Account>) -> Result<()> {
    drop_privileges(&mut command, account);
    command.stdin(Stdio::null()).kill_on_drop(true).env("LC_ALL", "C");
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = tokio::time::timeout(Duration::from_mins(2), command.output())
        .await
        .with_context(|| format!("wait for {program}"))?
        .with_context(|| format!("run {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// The end of a server's log, for an error message.
pub(super) fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default();
    format!("the end of {}:\n{}", log.display(), tail.join("\n"))
}

fn drop_privileges(command: &mut Command, account: Option<Account>) {
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    // The account need not be able to enter our working folder.
    command.current_dir("/");
}

fn open_log(path: &Path) -> Result<fs::File> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LOG_SIZE_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.old")).context("put the old log aside")?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("open {}", path.display()))
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the one place: the kernel takes the request only between fork and exec"
)]
fn die_with_parent(command: &mut Command, signal: Signal) {
    // SAFETY: prctl is async-signal-safe and touches no memory of ours. std has dropped the uid before this runs, which
    // matters, because dropping it afterwards would cancel the request.
    unsafe {
        command.pre_exec(move || nix::sys::prctl::set_pdeathsig(signal).map_err(std::io::Error::from));
    }
}

/// Elsewhere the kernel has no such thing; the next start stops what was left.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command, _: Signal) {}
