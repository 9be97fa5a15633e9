//! What the library keeps of a session, in Postgres: every value sealed, every write under the session's epoch. One folder
//! entry per trait of the library; all of them are keyed values here.

mod app_sync;
mod device;
mod protocol;
mod secrets;
mod signal;

pub(super) use device::DEVICE;

use std::time::Duration;

use hub::Hub;
use hub::session::Hold;
use hub::session::state::Entry;
use hub::shard::TTL;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::ProtocolStore as _;

use crate::held::chain;

/// Between two tries to keep something.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// One session's store.
pub(crate) struct Store {
    hub: Hub,
    hold: Hold,
    /// A contact's token is read, changed and written by more than one of the library's tasks.
    tokens: tokio::sync::Mutex<()>,
}

impl Store {
    /// The store of the session that `hold` gives the right to.
    pub(crate) fn new(hub: Hub, hold: Hold) -> Self {
        Self {
            hub,
            hold,
            tokens: tokio::sync::Mutex::default(),
        }
    }

    /// The number that a hidden name stands for, if the network has told.
    pub(super) async fn number_behind(&self, lid: &str) -> Option<String> {
        let known = self.get_lid_mapping(lid).await.ok().flatten();
        known.map(|entry| entry.phone_number)
    }

    /// The hidden name of a number, if the network has told.
    pub(super) async fn hidden_name_of(&self, digits: &str) -> Option<String> {
        let known = self.get_pn_mapping(digits).await.ok().flatten();
        known.map(|entry| entry.lid)
    }

    async fn get(&self, kind: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.hold.load(&self.hub, kind, key).await.map_err(failed)
    }

    async fn all(&self, kind: &str, prefix: &[u8]) -> Result<Vec<Entry>> {
        self.hold.load_all(&self.hub, kind, prefix).await.map_err(failed)
    }

    async fn many(&self, kind: &str, keys: &[Vec<u8>]) -> Result<Vec<Entry>> {
        self.hold.load_many(&self.hub, kind, keys).await.map_err(failed)
    }

    async fn put(&self, kind: &str, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_all(kind, &[Entry::new(key, value)]).await
    }

    /// What is not kept may be lost: a message that was opened cannot be opened again. So this does not give up while the
    /// shard may be ours; when it is not any more, nothing of all this has happened for whoever has it next.
    async fn put_all(&self, kind: &str, entries: &[Entry]) -> Result<()> {
        let until = Instant::now() + TTL;
        loop {
            match self.hold.keep(&self.hub, kind, entries).await {
                Err(fault) if !matches!(fault, hub::Error::Stale) && Instant::now() < until => {
                    tracing::warn!(error = %chain(&fault), session.id = %self.hold.session, "Could not keep a session's state");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                done => return done.map_err(failed),
            }
        }
    }

    async fn delete(&self, kind: &str, keys: &[Vec<u8>]) -> Result<u64> {
        self.hold.remove(&self.hub, kind, keys).await.map_err(failed)
    }

    async fn take(&self, kind: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.hold.take(&self.hub, kind, key).await.map_err(failed)
    }

    async fn forget(&self, kind: &str, before_s: i64) -> Result<u32> {
        let before = jiff::Timestamp::from_second(before_s).unwrap_or(jiff::Timestamp::MIN);
        let forgotten = self.hold.forget(&self.hub, kind, before.into()).await;
        Ok(u32::try_from(forgotten.map_err(failed)?).unwrap_or(u32::MAX))
    }

    async fn read<T: DeserializeOwned>(&self, kind: &str, key: &[u8]) -> Result<Option<T>> {
        let value = self.get(kind, key).await?;
        value.map(|value| parse(&value)).transpose()
    }

    async fn read_all<T: DeserializeOwned>(&self, kind: &str, prefix: &[u8]) -> Result<Vec<T>> {
        let entries = self.all(kind, prefix).await?;
        entries.iter().map(|entry| parse(&entry.value)).collect()
    }

    async fn write<T: Serialize + Sync>(&self, kind: &str, key: &[u8], value: &T) -> Result<()> {
        self.put(kind, key, &print(value)?).await
    }
}

/// Several names as one key: none of them can contain a NUL.
fn joined(parts: &[&str]) -> Vec<u8> {
    parts.join("\0").into_bytes()
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|fault| StoreError::Serialization(Box::new(fault)))
}

fn print<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|fault| StoreError::Serialization(Box::new(fault)))
}

fn failed(fault: hub::Error) -> StoreError {
    StoreError::Database(Box::new(fault))
}
