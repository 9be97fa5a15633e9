//! Secrets of single messages, by which later edits and reactions are read.

use hub::clock::Timestamp;
use hub::session::state::Entry;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts,
};

use super::{Store, joined, parse, print};

const SECRET: &str = "secret";

#[async_trait]
impl MsgSecretStore for Store {
    /// One session's messages are handled one after the other, so what is read and written here does not race.
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let key = |entry: &MsgSecretEntry| joined(&[&entry.chat, &entry.sender, &entry.msg_id]);
        let keys: Vec<Vec<u8>> = entries.iter().map(key).collect();
        let known = self.many(SECRET, &keys).await?;
        let mut all = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let key = key(&entry);
            if let Some(known) = known.iter().find(|known| known.key == key) {
                let known: MsgSecretEntry = parse(&known.value)?;
                entry.expires_at = merge_msg_secret_expiry(known.expires_at, entry.expires_at);
                entry.message_ts = merge_msg_secret_message_ts(known.message_ts, entry.message_ts);
            }
            // 0 is "never"; what is not dated is not forgotten.
            let dated_at = (entry.expires_at > 0)
                .then(|| {
                    jiff::Timestamp::from_second(entry.expires_at)
                        .ok()
                        .map(Timestamp::from)
                })
                .flatten();
            // A batch may name one twice: the later word counts.
            all.retain(|earlier: &Entry| earlier.key != key);
            all.push(Entry {
                key,
                value: print(&entry)?,
                dated_at,
            });
        }
        self.put_all(SECRET, &all).await?;
        Ok(all.len())
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        let found = self.get_msg_secret_with_ts(chat, sender, msg_id).await?;
        Ok(found.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let found: Option<MsgSecretEntry> = self.read(SECRET, &joined(&[chat, sender, msg_id])).await?;
        Ok(found.map(|entry| (entry.secret.to_vec(), entry.message_ts)))
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.forget(SECRET, cutoff_timestamp.saturating_add(1)).await
    }
}
