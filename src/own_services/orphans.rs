//! Servers that a killed `up` left behind: found by the folder they work in, stopped before new ones start.
//!
//! We hold the data folder's lock by then, so whoever still works in it is an orphan. The working folder decides, not the
//! number in a pid file: after a crash that number may belong to anybody.
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long an orphan may take over its clean stop, and then over being killed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Stops every process that works in `folder` and returns when none is left. `pid_file` names the first of them.
pub(super) async fn clear(folder: &Path, pid_file: &Path, stop_by: Signal) -> Result<bool> {
    // The kernel reports real paths. A folder that is not there yet has nobody in it.
    let Ok(folder) = fs::canonicalize(folder) else {
        return Ok(false);
    };
    let folder = folder.as_path();
    let living = working_in(folder, pid_file);
    if living.is_empty() {
        return Ok(false);
    }
    // The server itself knows how to stop its own children; they only get a signal when it is gone.
    let server = first_line(pid_file).filter(|pid| living.contains(pid));
    let asked = server.map_or(living, |server| vec![server]);
    signal(&asked, stop_by);
    if gone(folder, pid_file).await {
        return Ok(true);
    }
    signal(&working_in(folder, pid_file), Signal::SIGKILL);
    anyhow::ensure!(
        gone(folder, pid_file).await,
        "processes {:?} still use {}",
        working_in(folder, pid_file),
        folder.display()
    );
    Ok(true)
}

async fn gone(folder: &Path, pid_file: &Path) -> bool {
    let wait = async {
        while !working_in(folder, pid_file).is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.is_ok()
}

fn signal(pids: &[i32], signal: Signal) {
    for pid in pids {
        // An error means that it has just ended, which is what we want.
        kill(Pid::from_raw(*pid), signal).ok();
    }
}

fn first_line(pid_file: &Path) -> Option<i32> {
    fs::read_to_string(pid_file)
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
        .filter(|pid| *pid > 1)
}

#[cfg(target_os = "linux")]
fn working_in(folder: &Path, _pid_file: &Path) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .collect()
}

/// Without `/proc`: the process of the pid file, if its command line names the folder.
#[cfg(not(target_os = "linux"))]
fn working_in(folder: &Path, pid_file: &Path) -> Vec<i32> {
    let Some(pid) = first_line(pid_file) else {
        return Vec::new();
    };
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output();
    let command = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    if command.contains(&*folder.to_string_lossy()) {
        vec![pid]
    } else {
        Vec::new()
    }
}
