//! Our own Postgres: made once, then started and stopped with us, reachable through a private socket only.
//!
//! There are no passwords: the socket's folder is closed to every account but the server's, so the file system decides who
//! may connect. Two logins keep the roles apart that the schema keeps apart: one owns the schema and migrates, the other is
//! a member of the roles that code runs as and owns nothing.
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::account::Account;
use super::child::{self, Server};
use super::folder;
use super::orphans;
use super::server_binaries::{self, Installation};
use crate::progress::{self, Step};

pub(super) const OWNER: &str = "switchboard_owner";
pub(super) const LOGIN: &str = "switchboard_login";
const SUPERUSER: &str = "postgres";
const DATABASE: &str = "switchboard";
/// Only names the socket file; no port is opened.
const PORT: &str = "5432";
/// Socket paths end at 107 bytes on Linux and 103 on macOS, `/.s.PGSQL.5432` included.
const SOCKET_FOLDER_LEN_MAX: usize = 85;
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// The running server.
pub(super) struct Postgres {
    server: Server,
    socket: PathBuf,
}

impl Postgres {
    pub(super) async fn start(home: &Path, account: Option<Account>) -> Result<Self> {
        let (base, data) = (home.join("postgres"), home.join("postgres/data"));
        folder::make_private(&base, account)?;
        let socket = socket_folder(&base, account);
        folder::make_private(&socket, account)?;
        let installation = server_binaries::postgres(data_version(&data)?)?;
        if orphans::clear(&data, &data.join("postmaster.pid"), Signal::SIGINT).await? {
            progress::line("Stopped a Postgres that an earlier start had left behind");
        }
        clear_stale_locks(&data, &socket)?;
        if !data.exists() {
            initialise(&installation, &data, account)
                .await
                .context("make the database cluster")?;
        }
        let step = Step::begin();
        let mut server = serve(&installation, &data, &socket, account)?;
        if let Err(error) = ready(&mut server, &data, &base.join("postgres.log")).await {
            server.stop().await;
            return Err(error);
        }
        step.done(&format!("Postgres {} is ready", installation.major));
        let postgres = Self { server, socket };
        if let Err(error) = postgres.create_roles(&installation, &base, account).await {
            postgres.stop().await;
            return Err(error.context("create the database and its roles"));
        }
        Ok(postgres)
    }

    pub(super) fn url(&self, user: &str) -> String {
        format!(
            "postgres://{user}@localhost/{DATABASE}?host={}",
            self.socket.display()
        )
    }

    /// Fast shutdown: open transactions are rolled back, everything committed is on disk.
    pub(super) async fn stop(self) {
        self.server.stop().await;
        // Left alone when somebody else's file is in it; the next start makes it again.
        drop(fs::remove_dir(&self.socket));
    }

    /// Creates the logins and the database once. Each command may have succeeded already in a start that was cut short.
    async fn create_roles(
        &self,
        installation: &Installation,
        base: &Path,
        account: Option<Account>,
    ) -> Result<()> {
        let created = base.join("roles-created");
        if created.exists() {
            return Ok(());
        }
        let step = Step::begin();
        let members = ["-g", "switchboard_app", "-g", "switchboard_system"];
        let commands: [(&str, Vec<&str>); 5] = [
            ("createuser", vec!["--no-login", "switchboard_app"]),
            ("createuser", vec!["--no-login", "switchboard_system"]),
            ("createuser", vec!["--login", OWNER]),
            (
                "createuser",
                ["--login"].into_iter().chain(members).chain([LOGIN]).collect(),
            ),
            ("createdb", vec!["--owner", OWNER, DATABASE]),
        ];
        for (program, arguments) in commands {
            let mut command = Command::new(installation.program(program));
            command
                .arg("-h")
                .arg(&self.socket)
                .args(["-p", PORT, "-U", SUPERUSER, "--no-password"])
                .args(arguments);
            match child::run(command, account).await {
                Err(error) if !error.to_string().contains("already exists") => return Err(error),
                _ => {}
            }
        }
        fs::write(&created, "").context("note that the roles exist")?;
        step.done("Created the database and its roles");
        Ok(())
    }
}

/// Waits until the server has ended by itself; for ever, when there is none.
pub(super) async fn ended(postgres: Option<&mut Postgres>) {
    match postgres {
        Some(postgres) => postgres.server.wait().await,
        None => std::future::pending().await,
    }
}

/// Makes the cluster beside its place and moves it there, so that a start cut short leaves nothing half made.
async fn initialise(installation: &Installation, data: &Path, account: Option<Account>) -> Result<()> {
    let step = Step::begin();
    let unfinished = data.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).context("remove a half-made cluster")?;
    }
    let mut command = Command::new(installation.program("initdb"));
    command.arg("-D").arg(&unfinished).args([
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--locale=C",
        "--encoding=UTF8",
    ]);
    child::run(command, account).await?;
    fs::rename(&unfinished, data).context("move the new cluster into place")?;
    step.done(&format!(
        "Made a Postgres {} cluster in {}",
        installation.major,
        data.display()
    ));
    Ok(())
}

fn serve(
    installation: &Installation,
    data: &Path,
    socket: &Path,
    account: Option<Account>,
) -> Result<Server> {
    let mut command = Command::new(installation.program("postgres"));
    command
        .arg("-D")
        .arg(data)
        .arg("-p")
        .arg(PORT)
        .arg("-k")
        .arg(socket);
    for setting in [
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "max_connections=200",
        // An empty database has no statistics, and its first busy minute would run on plans made for nothing.
        "autovacuum_naptime=5s",
        "log_timezone=UTC",
        "timezone=UTC",
    ] {
        command.arg("-c").arg(setting);
    }
    let log = data.with_file_name("postgres.log");
    Server::start("postgres", command, account, &log, Signal::SIGINT)
}

/// The eighth line of the pid file says when the server takes connections; recovery after a crash may go before it.
async fn ready(server: &mut Server, data: &Path, log: &Path) -> Result<()> {
    let pid_file = data.join("postmaster.pid");
    let wait = async {
        loop {
            let state = fs::read_to_string(&pid_file).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = server.ended() {
                anyhow::bail!("postgres ended ({status}); {}", child::log_tail(log));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(READY_TIMEOUT, wait)
        .await
        .with_context(|| format!("wait for postgres; {}", child::log_tail(log)))?
}

/// Lock files outlive a power cut. Nobody works in the folder (orphans were cleared), so what is there is stale; Postgres
/// itself would refuse to start whenever the number in it has been given to some other process since.
fn clear_stale_locks(data: &Path, socket: &Path) -> Result<()> {
    let locks = [
        data.join("postmaster.pid"),
        socket.join(".s.PGSQL.5432.lock"),
        socket.join(".s.PGSQL.5432"),
    ];
    for path in locks {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove the stale {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn data_version(data: &Path) -> Result<Option<u32>> {
    let path = data.join("PG_VERSION");
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).context("read the cluster's version")?;
    text.trim()
        .parse()
        .map(Some)
        .context("read the cluster's version")
}

/// Beside the data, or in a short path elsewhere where that would be too long or need quoting for Postgres.
fn socket_folder(base: &Path, account: Option<Account>) -> PathBuf {
    let usual = base.join("socket");
    let text = usual.to_string_lossy();
    let plain = text
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "/._-".contains(character));
    if plain && text.len() <= SOCKET_FOLDER_LEN_MAX {
        return usual;
    }
    let mut hasher = DefaultHasher::new();
    base.hash(&mut hasher);
    // Root must not change the owner of anything in a folder where everybody may put things.
    let parent = if account.is_some() {
        PathBuf::from(folder::REACHABLE)
    } else {
        std::env::temp_dir()
    };
    parent.join(format!("socket-{:016x}", hasher.finish()))
}
