//! The folder that holds the servers' data: where it is, who may look into it, and that only one `up` uses it.
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::account::Account;
use crate::progress;

/// Where root's servers keep their data when an unprivileged account cannot get to the folder asked for.
pub(super) const REACHABLE: &str = "/var/lib/switchboard";

/// How long the lock is waited for, and how often it is tried.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// The locked folder.
pub(crate) struct Folder {
    path: PathBuf,
    /// The lock lasts as long as this file is open, so it cannot outlive the process.
    _lock: File,
}

impl Folder {
    /// Makes and locks the folder. With an account to drop to, the folder must be one that the account can reach.
    pub(super) async fn open(home: &Path, account: Option<Account>) -> Result<Self> {
        let home = std::path::absolute(home).context("find the data folder")?;
        let path = match account {
            Some(account) if !reachable(&home, account) => elsewhere(&home),
            _ => home,
        };
        fs::create_dir_all(&path).with_context(|| format!("make the data folder {}", path.display()))?;
        // The account only passes through; its own folders below are 0700.
        let mode = if account.is_some() { 0o711 } else { 0o700 };
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .context("set the data folder's permissions")?;
        let lock = lock(&path).await?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a folder that only the servers' account can look into.
pub(super) fn make_private(path: &Path, account: Option<Account>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("make the folder {}", path.display()))?;
    let metadata = fs::symlink_metadata(path).with_context(|| format!("look at {}", path.display()))?;
    anyhow::ensure!(
        metadata.is_dir(),
        "{} is a link; it must be a folder of our own",
        path.display()
    );
    fs::set_permissions(path, Permissions::from_mode(0o700)).context("set a data folder's permissions")?;
    account.map_or(Ok(()), |account| account.own(path))
}

/// Writes a file that only we can read; it may hold passwords.
pub(super) fn write_private(path: &Path, content: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    // `mode` only counts for a new file.
    file.set_permissions(Permissions::from_mode(0o600))
        .context("set a file's permissions")?;
    file.write_all(content.as_bytes())
        .with_context(|| format!("write {}", path.display()))
}

async fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // One that is just ending; or a process it was starting, which holds its files until it is another program.
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "another `switchboard up` already runs with its data in {}; stop that one first, or start in another folder",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).context("lock the data folder"),
        }
    }
}

/// Whether the account can walk down to the folder: `/root`, for one, is closed to everybody else on Debian.
fn reachable(home: &Path, account: Account) -> bool {
    home.ancestors()
        .skip(1)
        .filter_map(|parent| fs::metadata(parent).ok())
        .all(|parent| {
            let bit = if parent.uid() == account.uid {
                0o100
            } else if parent.gid() == account.gid {
                0o010
            } else {
                0o001
            };
            parent.mode() & bit != 0
        })
}

/// A folder of its own for every checkout: `/root/switchboard/.switchboard` → `/var/lib/switchboard/root-switchboard`.
fn elsewhere(home: &Path) -> PathBuf {
    let checkout = home.parent().unwrap_or(home);
    let name: Vec<_> = checkout
        .iter()
        .skip(1)
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let path = Path::new(REACHABLE).join(name.join("-"));
    progress::line(&format!(
        "Data is kept in {}: no unprivileged account can reach {}",
        path.display(),
        home.display()
    ));
    path
}
