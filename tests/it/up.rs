//! `switchboard up` as people run it: first and later starts, Ctrl-C, kill -9, settings that cannot work.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A folder that the servers' unprivileged account can reach, should the tests run as root.
fn checkout() -> TempDir {
    let mut folder = tempfile::Builder::new();
    folder
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .expect("make a folder")
}

fn switchboard(folder: &Path) -> Command {
    // With as few files as a user's shell allows; tests in this process may have raised its own limit.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            r#"ulimit -Sn 1024; exec "$0" "$@""#,
            env!("CARGO_BIN_EXE_switchboard"),
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for name in [
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "PUBLIC_URL",
    ] {
        command.env_remove(name);
    }
    command
        .env("SWITCHBOARD_LISTEN__UP", "127.0.0.1:0")
        .env("RUST_LOG", "warn");
    command
}

/// A running `up`, killed outright when a test fails.
struct Up {
    child: Child,
    lines: BufReader<ChildStderr>,
    said: String,
}

impl Up {
    fn start(folder: &Path) -> Self {
        let mut child = switchboard(folder).spawn().expect("start the binary under test");
        let lines = BufReader::new(child.stderr.take().expect("its standard error"));
        let mut up = Self {
            child,
            lines,
            said: String::new(),
        };
        up.wait_for("Switchboard is ready");
        up
    }

    /// Reads on until a line has `text`.
    fn wait_for(&mut self, text: &str) {
        while !self.said.contains(text) {
            let read = self.lines.read_line(&mut self.said).expect("read what it says");
            assert!(read > 0, "it ended without saying {text:?}:\n{}", self.said);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("signal a process we started");
    }

    /// Its limits of open files: the one that counts, and the one it may raise that to.
    #[cfg(target_os = "linux")]
    fn files(&self) -> (String, String) {
        let limits =
            std::fs::read_to_string(format!("/proc/{}/limits", self.child.id())).expect("read its limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files"));
        let mut words = line.expect("a limit of files").split_whitespace().skip(3);
        let mut next = || words.next().expect("two limits").to_owned();
        (next(), next())
    }

    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::SIGINT);
        self.child.wait().expect("wait for it").code()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Processes whose working folder is below this one: the servers.
fn servers(folder: &Path) -> usize {
    let folder = std::fs::canonicalize(folder).expect("the folder exists");
    let processes = std::fs::read_dir("/proc").expect("read /proc").flatten();
    processes
        .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
        .filter(|cwd| cwd.starts_with(folder.join(".switchboard")))
        .count()
}

fn wait_until_no_servers(folder: &Path) {
    let until = Instant::now() + Duration::from_secs(30);
    while servers(folder) > 0 {
        assert!(Instant::now() < until, "servers are left in {}", folder.display());
        std::thread::yield_now();
    }
}

#[test]
fn the_first_start_makes_everything_and_ctrl_c_leaves_nothing_running() {
    let folder = checkout();
    let up = Up::start(folder.path());
    assert!(up.said.contains("Made a Postgres"), "{}", up.said);
    assert!(up.said.contains("/sign-in#link="), "{}", up.said);
    assert!(servers(folder.path()) >= 2);
    #[cfg(target_os = "linux")]
    {
        let (allowed, most) = up.files();
        assert_eq!(allowed, most, "it may open as many files as it could be allowed");
    }
    assert_eq!(up.stop(), Some(0));
    assert_eq!(servers(folder.path()), 0);

    let up = Up::start(folder.path());
    assert!(!up.said.contains("Made a Postgres"), "{}", up.said);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn after_kill_9_the_servers_end_and_the_next_start_works() {
    let folder = checkout();
    let mut up = Up::start(folder.path());
    for round in 0..3 {
        up.signal(Signal::SIGKILL);
        up.child.wait().expect("reap it");
        // Started at once in one round, so that it meets servers that are still ending.
        if round != 1 {
            wait_until_no_servers(folder.path());
        }
        up = Up::start(folder.path());
    }
    assert_eq!(up.stop(), Some(0));
    assert_eq!(servers(folder.path()), 0);
}

#[test]
fn a_second_up_in_the_same_folder_says_that_one_is_running() {
    let folder = checkout();
    let up = Up::start(folder.path());
    let second = switchboard(folder.path()).output().expect("start a second one");
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another `switchboard up` already runs"), "{said}");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn bad_settings_are_named_all_at_once_before_anything_starts() {
    let folder = checkout();
    let mut command = switchboard(folder.path());
    command
        .env("PUBLIC_URL", "ftp://example.com/path")
        .env("SECRET_KEY", "short");
    command.env("SWITCHBOARD_LIVE__HEARTBEAT_S", "0");
    let output = command.output().expect("run it");
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    for setting in ["public_url: ", "secret_key: ", "live.heartbeat_s: "] {
        assert!(said.contains(setting), "{setting} is missing in:\n{said}");
    }
    assert!(!folder.path().join(".switchboard").exists());
}

#[test]
fn a_port_that_is_taken_is_said_plainly_and_the_servers_stop() {
    let folder = checkout();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("take a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut child = switchboard(folder.path())
        .env("SWITCHBOARD_LISTEN__UP", &address)
        .spawn()
        .expect("start it");
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("its standard error")
        .read_to_string(&mut said)
        .expect("read what it says");
    assert_eq!(child.wait().expect("wait for it").code(), Some(1));
    assert!(said.contains(&format!("listen on {address}")), "{said}");
    assert_eq!(servers(folder.path()), 0);
}
