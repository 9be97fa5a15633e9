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

use std::path::Path;

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
        let folder = Folder::open(home, account.as_ref())?;
        let postgres = match wanted.postgres {
            true => Some(Postgres::start(folder.path(), account.as_ref()).await.context("start Postgres")?),
            false => None,
        };
        let redis = match wanted.redis {
            true => match Redis::start(folder.path(), account.as_ref()).await.context("start Redis") {
                Ok(redis) => Some(redis),
                Err(error) => {
                    stop_postgres(postgres).await;
                    return Err(error);
                }
            },
            false => None,
        };
        let services = Self { postgres, redis, folder: folder };
        services.write_environment()?;
        Ok(services)
    }

    /// The URL that the roles connect with: a login that is only a member of the two roles code runs as.
    pub(crate) fn database_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|postgres| postgres.url(postgres::LOGIN))
    }

    /// The URL that migrations connect with: the login that owns the schema.
    pub(crate) fn owner_url(&self) -> Option<String> {
        self.postgres.as_ref().map(|postgres| postgres.url(postgres::OWNER))
    }

    pub(crate) fn redis_url(&self) -> Option<String> {
        self.redis.as_ref().map(Redis::url)
    }

    /// Waits until one of the servers has ended by itself, and says which.
    pub(crate) async fn failed(&mut self) -> &'static str {
        tokio::select! {
            () = postgres::ended(self.postgres.as_mut()) => "Postgres",
            () = redis::ended(self.redis.as_mut()) => "Redis",
        }
    }

    /// Stops both, Redis first: it may still be asked for something by nobody, Postgres holds the truth.
    pub(crate) async fn stop(self) {
        if let Some(redis) = self.redis {
            redis.stop().await;
        }
        stop_postgres(self.postgres).await;
    }

    /// Leaves the URLs where a developer's `source .switchboard/env` finds them.
    fn write_environment(&self) -> Result<()> {
        let urls = [
            ("DATABASE_URL", self.database_url()),
            ("DATABASE_OWNER_URL", self.owner_url()),
            ("REDIS_URL", self.redis_url()),
        ];
        let lines: String = urls
            .into_iter()
            .filter_map(|(name, url)| url.map(|url| format!("export {name}='{url}'\n")))
            .collect();
        folder::write_private(&self.folder.path().join("env"), &lines).context("write the file env")
    }
}

async fn stop_postgres(postgres: Option<Postgres>) {
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
}
