//! The Postgres and Redis that `switchboard up` runs for itself when no URLs are given.
//!
//! Both are children of this process with their data in one folder: no ports, accounts or clusters of the machine are
//! touched. They are stopped after the roles; when this process is killed outright, the kernel stops them (Linux), and the
//! next start clears away whatever is left. Everything here must be called from the main task: the kernel's notice of a
//! parent's death is tied to the thread that started the child, and only the main thread lives to the end.

mod account;
mod child;
mod folder;
mod orphans;
mod postgres;
mod redis;
mod server_binaries;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use account::Account;
use folder::Folder;
use postgres::Postgres;
use redis::Redis;

/// Which of the two are wanted; the other one is somebody else's, named by a URL.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) postgres: bool,
    pub(crate) redis: bool,
}

/// How the running servers are reached; empty where somebody else's are used.
pub(crate) struct Addresses {
    /// Where data and logs are.
    pub(crate) folder: PathBuf,
    /// A login that is only a member of the two roles that code runs as.
    pub(crate) database_url: Option<String>,
    /// The login that owns the schema and migrates it.
    pub(crate) owner_url: Option<String>,
    pub(crate) redis_url: Option<String>,
    /// The installation's secret key, made on the first start.
    pub(crate) secret_key: String,
}

/// The running servers. [`OwnServices::stop`] ends them; dropping alone leaves that to the kernel.
pub(crate) struct OwnServices {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    /// Held as long as the servers run: one `up` per folder.
    folder: Folder,
}

impl OwnServices {
    /// Starts what is wanted, with its data below `home`, and returns when both answer.
    pub(crate) async fn start(home: &Path, wanted: Wanted) -> Result<Self> {
        let account = Account::to_run_as()?;
        let folder = Folder::open(home, account).await?;
        let mut services = Self {
            postgres: None,
            redis: None,
            folder,
        };
        if let Err(error) = services.start_wanted(wanted, account).await {
            services.stop().await;
            return Err(error);
        }
        Ok(services)
    }

    async fn start_wanted(&mut self, wanted: Wanted, account: Option<Account>) -> Result<()> {
        let home = self.folder.path();
        if wanted.postgres {
            self.postgres = Some(Postgres::start(home, account).await.context("start Postgres")?);
        }
        if wanted.redis {
            self.redis = Some(Redis::start(home, account).await.context("start Redis")?);
        }
        self.write_environment()
    }

    /// What the roles need to know to use the servers.
    pub(crate) fn addresses(&self) -> Result<Addresses> {
        Ok(Addresses {
            folder: self.folder.path().to_path_buf(),
            database_url: self
                .postgres
                .as_ref()
                .map(|postgres| postgres.url(postgres::LOGIN)),
            owner_url: self
                .postgres
                .as_ref()
                .map(|postgres| postgres.url(postgres::OWNER)),
            redis_url: self.redis.as_ref().map(Redis::url),
            secret_key: secret_key(self.folder.path())?,
        })
    }

    /// Waits until one of the servers has ended by itself, and says which.
    pub(crate) async fn failed(&mut self) -> &'static str {
        tokio::select! {
            () = postgres::ended(self.postgres.as_mut()) => "Postgres",
            () = redis::ended(self.redis.as_mut()) => "Redis",
        }
    }

    /// Stops both. Postgres goes last: it holds the truth.
    pub(crate) async fn stop(self) {
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
    }

    /// Leaves the URLs where a developer's `source .switchboard/env` finds them.
    fn write_environment(&self) -> Result<()> {
        let addresses = self.addresses()?;
        let urls = [
            ("DATABASE_URL", addresses.database_url),
            ("DATABASE_OWNER_URL", addresses.owner_url),
            ("REDIS_URL", addresses.redis_url),
            ("SECRET_KEY", Some(addresses.secret_key)),
        ];
        let lines: String = urls
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("export {name}='{value}'\n")))
            .collect();
        folder::write_private(&addresses.folder.join("env"), &lines).context("write the file env")
    }
}

/// The installation's secret key, made on the first start and kept beside the data that it seals.
fn secret_key(folder: &Path) -> Result<String> {
    let path = folder.join("secret-key");
    match std::fs::read_to_string(&path) {
        Ok(key) => Ok(key.trim_end().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = hub::ids::random_hex(32);
            folder::write_private(&path, &key).context("keep the secret key")?;
            Ok(key)
        }
        Err(error) => Err(error).context("read the secret key"),
    }
}
