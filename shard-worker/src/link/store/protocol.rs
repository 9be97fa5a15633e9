//! Everything else the protocol remembers: who has which devices, names behind numbers, what was sent and may be asked for
//! again, what came in and is not committed yet.

use hub::session::state::Entry;
use sha2::{Digest as _, Sha256};
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};

use super::{Store, joined, print};

const SENDER_KEY_DEVICE: &str = "sender_key_device";
const LID: &str = "lid";
const PHONE: &str = "phone";
const BASE_KEY: &str = "base_key";
const DEVICES: &str = "devices";
const GROUP: &str = "group";
const TOKEN: &str = "token";
const SENT: &str = "sent";
const PENDING: &str = "pending";

/// Longer names are digested: senders choose ids, and Postgres indexes none of some thousand characters.
const NAMES_MAX: usize = 1_000;

fn pending(chat: &str, sender: &str, id: &str) -> Vec<u8> {
    let names = joined(&[chat, sender, id]);
    if names.len() > NAMES_MAX {
        return Sha256::digest(names).to_vec();
    }
    names
}

impl Store {
    /// What is forgotten by age is dated by our clock.
    fn dated(&self, key: Vec<u8>, value: &[u8]) -> Entry {
        Entry {
            key,
            value: value.to_vec(),
            dated_at: Some(self.hub.clock.now()),
        }
    }

    async fn delete_all(&self, kind: &str, is_gone: impl Fn(&[u8]) -> bool) -> Result<()> {
        let found = self.all(kind, &[]).await?;
        let keys: Vec<Vec<u8>> = found
            .into_iter()
            .map(|entry| entry.key)
            .filter(|key| is_gone(key))
            .collect();
        self.delete(kind, &keys).await.map(drop)
    }
}

#[async_trait]
impl ProtocolStore for Store {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let prefix = joined(&[group_jid, ""]);
        let found = self.all(SENDER_KEY_DEVICE, &prefix).await?;
        let device = |entry: Entry| {
            let name = entry.key.get(prefix.len()..).unwrap_or_default();
            (String::from_utf8_lossy(name).into_owned(), entry.value == [1])
        };
        Ok(found.into_iter().map(device).collect())
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let all: Vec<Entry> = entries
            .iter()
            .map(|(device, has_key)| Entry::new(joined(&[group_jid, device]), [u8::from(*has_key)]))
            .collect();
        self.put_all(SENDER_KEY_DEVICE, &all).await
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let prefix = joined(&[group_jid, ""]);
        self.delete_all(SENDER_KEY_DEVICE, |key| key.starts_with(&prefix))
            .await
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        let ends: Vec<Vec<u8>> = device_jids.iter().map(|device| joined(&["", device])).collect();
        self.delete_all(SENDER_KEY_DEVICE, |key| ends.iter().any(|end| key.ends_with(end)))
            .await
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.delete_all(SENDER_KEY_DEVICE, |_| true).await
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.read(LID, lid.as_bytes()).await
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        let lid = self.get(PHONE, phone.as_bytes()).await?;
        let Some(lid) = lid else { return Ok(None) };
        let entry: Option<LidPnMappingEntry> = self.read(LID, &lid).await?;
        // The name may have moved to another number since.
        Ok(entry.filter(|entry| entry.phone_number == phone))
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.put_lid_mappings(std::slice::from_ref(entry)).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        let (mut lids, mut phones): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
        for entry in entries {
            lids.retain(|earlier| earlier.key != entry.lid.as_bytes());
            phones.retain(|earlier| earlier.key != entry.phone_number.as_bytes());
            lids.push(Entry::new(entry.lid.as_bytes(), print(entry)?));
            phones.push(Entry::new(entry.phone_number.as_bytes(), entry.lid.as_bytes()));
        }
        self.put_all(LID, &lids).await?;
        self.put_all(PHONE, &phones).await
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.read_all(LID, &[]).await
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        self.put(BASE_KEY, &joined(&[address, message_id]), base_key)
            .await
    }

    async fn has_same_base_key(
        &self,
        address: &str,
        message_id: &str,
        current_base_key: &[u8],
    ) -> Result<bool> {
        let saved = self.get(BASE_KEY, &joined(&[address, message_id])).await?;
        Ok(saved.is_some_and(|saved| saved == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.delete(BASE_KEY, &[joined(&[address, message_id])])
            .await
            .map(drop)
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.write(DEVICES, record.user.as_bytes(), &record).await
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let mut all: Vec<Entry> = Vec::with_capacity(records.len());
        for record in records {
            all.retain(|earlier| earlier.key != record.user.as_bytes());
            all.push(Entry::new(record.user.as_bytes(), print(&record)?));
        }
        self.put_all(DEVICES, &all).await
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        self.read(DEVICES, user.as_bytes()).await
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.delete(DEVICES, &[user.into()]).await.map(drop)
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        self.get(GROUP, group_jid.as_bytes()).await
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.put(GROUP, group_jid.as_bytes(), blob).await
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.delete(GROUP, &[group_jid.into()]).await.map(drop)
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        self.read(TOKEN, jid.as_bytes()).await
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        let _alone = self.tokens.lock().await;
        self.write(TOKEN, jid.as_bytes(), entry).await
    }

    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        let _alone = self.tokens.lock().await;
        let known = self.get_tc_token(jid).await?;
        let entry = match known {
            Some(known) => TcTokenEntry {
                sender_timestamp: known.sender_timestamp.max(Some(sender_timestamp)),
                ..known
            },
            None => TcTokenEntry {
                token: Vec::new(),
                token_timestamp: sender_timestamp,
                sender_timestamp: Some(sender_timestamp),
            },
        };
        self.write(TOKEN, jid.as_bytes(), &entry).await
    }

    /// The newer token stays, whoever comes first.
    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        let _alone = self.tokens.lock().await;
        let known = self.get_tc_token(jid).await?;
        let is_older =
            |known: &TcTokenEntry| !known.token.is_empty() && token_timestamp < known.token_timestamp;
        if known.as_ref().is_some_and(is_older) {
            return Ok(());
        }
        let entry = TcTokenEntry {
            token: token.to_vec(),
            token_timestamp,
            sender_timestamp: known.and_then(|known| known.sender_timestamp),
        };
        self.write(TOKEN, jid.as_bytes(), &entry).await
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.delete(TOKEN, &[jid.into()]).await.map(drop)
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let found = self.all(TOKEN, &[]).await?;
        let name = |entry: Entry| String::from_utf8_lossy(&entry.key).into_owned();
        Ok(found.into_iter().map(name).collect())
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        let mut gone = Vec::new();
        for entry in self.all(TOKEN, &[]).await? {
            let token: TcTokenEntry = super::parse(&entry.value)?;
            let token_lives = !token.token.is_empty() && token.token_timestamp >= token_cutoff;
            let sender_lives = token.sender_timestamp.is_some_and(|at| at >= sender_cutoff);
            if !token_lives && !sender_lives {
                gone.push(entry.key);
            }
        }
        let deleted = self.delete(TOKEN, &gone).await?;
        Ok(u32::try_from(deleted).unwrap_or(u32::MAX))
    }

    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        let entry = self.dated(joined(&[chat_jid, message_id]), payload);
        self.put_all(SENT, &[entry]).await
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        self.take(SENT, &joined(&[chat_jid, message_id])).await
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.forget(SENT, cutoff_timestamp).await
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        let entry = self.dated(pending(chat, sender, id), message);
        self.put_all(PENDING, &[entry]).await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.get(PENDING, &pending(chat, sender, id)).await
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.delete(PENDING, &[pending(chat, sender, id)]).await.map(drop)
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.forget(PENDING, cutoff_timestamp).await
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        let mut all: Vec<Entry> = Vec::with_capacity(rows.len());
        for row in rows {
            let key = pending(row.chat, row.sender, row.id);
            all.retain(|earlier| earlier.key != key);
            all.push(self.dated(key, row.message));
        }
        self.put_all(PENDING, &all).await
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let keys: Vec<Vec<u8>> = keys
            .iter()
            .map(|key| pending(key.chat, key.sender, key.id))
            .collect();
        self.delete(PENDING, &keys).await.map(drop)
    }
}
