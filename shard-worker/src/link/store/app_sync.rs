//! Keys and versions of what the account's devices share: settings, names, marks.

use hub::session::state::Entry;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{AppStateSyncKey, AppSyncStore};

use super::Store;

const KEY: &str = "sync_key";
const LATEST_KEY: &str = "sync_key_latest";
const VERSION: &str = "sync_version";
const MAC: &str = "sync_mac";

fn mac_key(name: &str, index_mac: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &[0], index_mac].concat()
}

#[async_trait]
impl AppSyncStore for Store {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        self.read(KEY, key_id).await
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        self.write(KEY, key_id, &key).await?;
        self.put(LATEST_KEY, b"", key_id).await
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        Ok(self.read(VERSION, name.as_bytes()).await?.unwrap_or_default())
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        self.write(VERSION, name.as_bytes(), &state).await
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        _version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        let all: Vec<Entry> = mutations
            .iter()
            .map(|mutation| Entry::new(mac_key(name, &mutation.index_mac), mutation.value_mac.as_slice()))
            .collect();
        self.put_all(MAC, &all).await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(MAC, &mac_key(name, index_mac)).await
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        let keys: Vec<Vec<u8>> = index_macs.iter().map(|mac| mac_key(name, mac)).collect();
        self.delete(MAC, &keys).await.map(drop)
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        let found = self.all(MAC, &mac_key(name, &[])).await?;
        let keys: Vec<Vec<u8>> = found.into_iter().map(|entry| entry.key).collect();
        self.delete(MAC, &keys).await.map(drop)
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        self.get(LATEST_KEY, b"").await
    }
}
