//! Keys and ratchets.

use std::sync::Arc;

use bytes::Bytes;
use hub::session::state::Entry;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::SignalStore;

use super::{Store, failed};

const IDENTITY: &str = "identity";
const SESSION: &str = "ratchet";
const PREKEY: &str = "prekey";
const SIGNED_PREKEY: &str = "signed_prekey";
const SENDER_KEY: &str = "sender_key";

/// Numbers sort as they count.
fn id_key(id: u32) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

fn key_id(key: &[u8]) -> Result<u32> {
    let bytes = key
        .try_into()
        .map_err(|_wrong_length| StoreError::Validation("a prekey's id is not of four bytes".to_owned()))?;
    Ok(u32::from_be_bytes(bytes))
}

fn entries(named: &[(Arc<str>, Bytes)]) -> Vec<Entry> {
    named
        .iter()
        .map(|(name, value)| Entry::new(name.as_bytes(), value.as_ref()))
        .collect()
}

#[async_trait]
impl SignalStore for Store {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.put(IDENTITY, address.as_bytes(), &key).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        let all: Vec<Entry> = identities
            .iter()
            .map(|(address, key)| Entry::new(address.as_bytes(), key.as_slice()))
            .collect();
        self.put_all(IDENTITY, &all).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let found = self.get(IDENTITY, address.as_bytes()).await?;
        let key = found.map(|key| {
            key.try_into()
                .map_err(|_wrong_length| StoreError::Validation("an identity is not of 32 bytes".to_owned()))
        });
        key.transpose()
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.delete(IDENTITY, &[address.into()]).await.map(drop)
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self.get(SESSION, address.as_bytes()).await?.map(Bytes::from))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.put(SESSION, address.as_bytes(), session).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put_all(SESSION, &entries(sessions)).await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.delete(SESSION, &[address.into()]).await.map(drop)
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        for kind in [SESSION, IDENTITY] {
            let found = self.all(kind, user.as_bytes()).await?;
            // The same digits may begin a longer number.
            let is_theirs = |key: &[u8]| matches!(key.get(user.len()), Some(b'@' | b':'));
            if found.iter().any(|entry| is_theirs(&entry.key)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], _uploaded: bool) -> Result<()> {
        self.put(PREKEY, &id_key(id), record).await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], _uploaded: bool) -> Result<()> {
        let all: Vec<Entry> = keys
            .iter()
            .map(|(id, record)| Entry::new(id_key(*id), record.as_ref()))
            .collect();
        self.put_all(PREKEY, &all).await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self.get(PREKEY, &id_key(id)).await?.map(Bytes::from))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let keys: Vec<Vec<u8>> = ids.iter().copied().map(id_key).collect();
        let found = self.many(PREKEY, &keys).await?;
        found
            .into_iter()
            .map(|entry| Ok((key_id(&entry.key)?, Bytes::from(entry.value))))
            .collect()
    }

    /// Whether a key was uploaded is the network's to know: its count is what the library goes by.
    async fn mark_prekeys_uploaded(&self, _ids: &[u32]) -> Result<()> {
        Ok(())
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.delete(PREKEY, &[id_key(id)]).await.map(drop)
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        let last = self.hold.last_key(&self.hub, PREKEY).await.map_err(failed)?;
        last.map_or(Ok(0), |key| key_id(&key))
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.put(SIGNED_PREKEY, &id_key(id), record).await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.get(SIGNED_PREKEY, &id_key(id)).await
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let found = self.all(SIGNED_PREKEY, &[]).await?;
        found
            .into_iter()
            .map(|entry| Ok((key_id(&entry.key)?, entry.value)))
            .collect()
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.delete(SIGNED_PREKEY, &[id_key(id)]).await.map(drop)
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.put(SENDER_KEY, address.as_bytes(), record).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put_all(SENDER_KEY, &entries(sender_keys)).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        self.get(SENDER_KEY, address.as_bytes()).await
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.delete(SENDER_KEY, &[address.into()]).await.map(drop)
    }
}
