//! Where the servers' programs are: on `PATH`, in Debian's folders per version, or in Homebrew's.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Before 15, views cannot be `security_invoker` and everybody may create tables in `public`: row security would leak.
const OLDEST_POSTGRES: u32 = 15;

/// One Postgres installation: the folder of its programs and its major version.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    folder: PathBuf,
    pub(super) major: u32,
}

impl Installation {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The newest Postgres, or the one of the version that the data were made with.
pub(super) fn postgres(data_version: Option<u32>) -> Result<Installation> {
    let mut found = installations();
    found.sort_by_key(|installation| installation.major);
    let Some(version) = data_version else {
        let newest = found
            .pop()
            .with_context(|| format!("no Postgres on this machine. {}", how_to_install()))?;
        anyhow::ensure!(
            newest.major >= OLDEST_POSTGRES,
            "Postgres {} is too old, {OLDEST_POSTGRES} is the oldest that works (packages: https://www.postgresql.org/download/)",
            newest.major
        );
        return Ok(newest);
    };
    found.into_iter().find(|installation| installation.major == version).with_context(|| {
        format!("the data were made by Postgres {version}, which is no longer installed; install it again, or dump and load")
    })
}

/// Redis, or Valkey, which is the same to us.
pub(super) fn redis() -> Result<PathBuf> {
    search_folders()
        .into_iter()
        .flat_map(|folder| ["redis-server", "valkey-server"].map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .with_context(|| format!("no redis-server on this machine. {}", how_to_install()))
}

fn installations() -> Vec<Installation> {
    let mut folders = search_folders();
    folders.extend(below("/usr/lib/postgresql", "bin"));
    folders.extend(below("/opt/homebrew/opt", "bin"));
    folders.extend(below("/usr/local/opt", "bin"));
    folders
        .into_iter()
        // Links are followed, because `createuser` need not be linked beside a linked `initdb`.
        .filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok()?.parent().map(Path::to_path_buf))
        .filter(|folder| ["postgres", "createuser", "createdb"].iter().all(|name| folder.join(name).is_file()))
        .filter_map(|folder| major(&folder.join("postgres")).map(|major| Installation { folder, major }))
        .collect()
}

/// The folders of `PATH`, and those that a service manager's short `PATH` leaves out.
fn search_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).collect()
}

fn below(parent: &str, child: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path().join(child)))
        .collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-1)` → 15.
fn major(postgres: &Path) -> Option<u32> {
    let output = std::process::Command::new(postgres)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2)?;
    version
        .split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn how_to_install() -> &'static str {
    if cfg!(target_os = "macos") {
        "Install both servers: brew install postgresql@17 redis"
    } else if Path::new("/usr/bin/apt-get").exists() {
        "Install both servers: sudo apt-get install -y --no-install-recommends postgresql redis-server"
    } else if Path::new("/usr/bin/dnf").exists() {
        "Install both servers: sudo dnf install -y postgresql-server redis"
    } else {
        "Install PostgreSQL (15 or newer) and Redis (7 or newer), or name running ones by DATABASE_URL and REDIS_URL"
    }
}
