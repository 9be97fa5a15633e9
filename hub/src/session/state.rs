//! What a session's library keeps, as opaque values under (kind, key): sealed for their place, and written only while the
//! session is held. Who was replaced cannot turn a ratchet back.

use sha2::{Digest as _, Sha256};

use super::Hold;
use crate::Hub;
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{SessionId, TenantId};
use crate::seal::Place;

/// A value to keep.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Under which key of its kind.
    pub key: Vec<u8>,
    /// What.
    pub value: Vec<u8>,
    /// For what may be forgotten by age.
    pub dated_at: Option<Timestamp>,
}

impl Entry {
    /// One that is kept until it is removed.
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            dated_at: None,
        }
    }
}

/// The value's place: the row is named by session, kind and key together.
fn place(tenant: TenantId, session: SessionId, kind: &str, key: &[u8]) -> Place<'static> {
    let mut hash = Sha256::new();
    for part in [session.uuid().as_bytes().as_slice(), kind.as_bytes(), key] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let row = *hash.first_chunk().expect("SHA-256 has 32 bytes");
    Place {
        tenant,
        table: "session_state",
        column: "value_sealed",
        row: uuid::Uuid::from_bytes(row),
    }
}

/// Writes values, sealed, as part of a deed.
pub(super) async fn put(
    hub: &Hub,
    tx: &mut Tx,
    session: SessionId,
    kind: &str,
    entries: &[Entry],
) -> Result<()> {
    let tenant = tx.tenant();
    // In one order, so that two batches with the same keys do not lock each other out.
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    let sealed = entries
        .iter()
        .map(|entry| {
            hub.sealer
                .seal(place(tenant, session, kind, &entry.key), &entry.value)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let keys: Vec<Vec<u8>> = entries.iter().map(|entry| entry.key.clone()).collect();
    let dated: Vec<Option<Timestamp>> = entries.iter().map(|entry| entry.dated_at).collect();
    sqlx::query!(
        "INSERT INTO session_state (tenant_id, session_id, kind, key, value_sealed, dated_at)
         SELECT $1, $2, $3, n.key, n.value, n.dated
         FROM unnest($4::bytea[], $5::bytea[], $6::timestamptz[]) AS n (key, value, dated)
         ON CONFLICT ON CONSTRAINT session_state_pkey
         DO UPDATE SET value_sealed = EXCLUDED.value_sealed, dated_at = EXCLUDED.dated_at",
        tenant.uuid(),
        session.uuid(),
        kind,
        &keys,
        &sealed,
        dated as _
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The least key that is greater than all that start with `prefix`: so the index knows where to stop.
fn after_all(prefix: &[u8]) -> Vec<u8> {
    let Some(last) = prefix.iter().rposition(|byte| *byte < u8::MAX) else {
        // Nothing that is kept is called like this.
        return vec![u8::MAX; 256];
    };
    let mut after: Vec<u8> = prefix.iter().copied().take(last + 1).collect();
    if let Some(byte) = after.last_mut() {
        *byte += 1;
    }
    after
}

impl Hold {
    fn place(&self, kind: &str, key: &[u8]) -> Place<'static> {
        place(self.tenant, self.session, kind, key)
    }

    /// One value.
    pub async fn load(&self, hub: &Hub, kind: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut found = self.load_many(hub, kind, &[key.to_vec()]).await?;
        Ok(found.pop().map(|entry| entry.value))
    }

    /// Those of the keys that there are.
    pub async fn load_many(&self, hub: &Hub, kind: &str, keys: &[Vec<u8>]) -> Result<Vec<Entry>> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT key, value_sealed, dated_at AS "dated_at: Timestamp" FROM session_state
             WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND key = ANY ($4)"#,
            self.tenant.uuid(),
            self.session.uuid(),
            kind,
            keys
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| self.open(hub, kind, row.key, &row.value_sealed, row.dated_at))
            .collect()
    }

    /// Every value of a kind whose key starts with `prefix`, by key.
    pub async fn load_all(&self, hub: &Hub, kind: &str, prefix: &[u8]) -> Result<Vec<Entry>> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT key, value_sealed, dated_at AS "dated_at: Timestamp" FROM session_state
             WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND key >= $4 AND key < $5
             ORDER BY key"#,
            self.tenant.uuid(),
            self.session.uuid(),
            kind,
            prefix,
            after_all(prefix)
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| self.open(hub, kind, row.key, &row.value_sealed, row.dated_at))
            .collect()
    }

    fn open(
        &self,
        hub: &Hub,
        kind: &str,
        key: Vec<u8>,
        sealed: &[u8],
        dated_at: Option<Timestamp>,
    ) -> Result<Entry> {
        let value = hub.sealer.open(self.place(kind, &key), sealed)?;
        Ok(Entry { key, value, dated_at })
    }

    /// Keeps values, all or none.
    ///
    /// # Errors
    /// [`crate::Error::Stale`] when the session is not ours any more; nothing was written then.
    pub async fn keep(&self, hub: &Hub, kind: &str, entries: &[Entry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.tx(hub).await?;
        put(hub, &mut tx, self.session, kind, entries).await?;
        tx.commit().await
    }

    /// Removes values; answers how many there were.
    pub async fn remove(&self, hub: &Hub, kind: &str, keys: &[Vec<u8>]) -> Result<u64> {
        let mut tx = self.tx(hub).await?;
        let done = sqlx::query!(
            "DELETE FROM session_state WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND key = ANY ($4)",
            self.tenant.uuid(),
            self.session.uuid(),
            kind,
            keys
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// Removes one value and answers it; of two who ask, one gets it.
    pub async fn take(&self, hub: &Hub, kind: &str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut tx = self.tx(hub).await?;
        let sealed = sqlx::query_scalar!(
            "DELETE FROM session_state WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND key = $4
             RETURNING value_sealed",
            self.tenant.uuid(),
            self.session.uuid(),
            kind,
            key
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        let open = |sealed: Vec<u8>| hub.sealer.open(self.place(kind, key), &sealed);
        Ok(sealed.map(open).transpose()?)
    }

    /// Forgets what is dated before `before`; answers how many.
    pub async fn forget(&self, hub: &Hub, kind: &str, before: Timestamp) -> Result<u64> {
        let mut tx = self.tx(hub).await?;
        let done = sqlx::query!(
            "DELETE FROM session_state WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND dated_at < $4",
            self.tenant.uuid(),
            self.session.uuid(),
            kind,
            before as _
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// The greatest key of a kind, without its value.
    pub async fn last_key(&self, hub: &Hub, kind: &str) -> Result<Option<Vec<u8>>> {
        let mut tx = hub.db.tenant(self.tenant).await?;
        let key = sqlx::query_scalar!(
            "SELECT key FROM session_state WHERE tenant_id = $1 AND session_id = $2 AND kind = $3
             ORDER BY key DESC LIMIT 1",
            self.tenant.uuid(),
            self.session.uuid(),
            kind
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Forgets everything that the library kept: the keys of a device that the network has removed are good for nothing.
    pub async fn forget_keys(&self, hub: &Hub) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        self.delete_all(&mut tx).await?;
        tx.commit().await
    }

    /// Forgets everything, once a person unlinked it and the network was told: it may be linked anew.
    pub async fn forget_all(&self, hub: &Hub) -> Result<()> {
        let mut tx = self.tx_alone(hub).await?;
        self.delete_all(&mut tx).await?;
        self.give_files_up(&mut tx).await?;
        self.give_items_up(&mut tx).await?;
        sqlx::query!(
            "UPDATE sessions SET phone = NULL, push_name = NULL, paired_at = NULL, desired = 'stopped'
             WHERE tenant_id = $1 AND id = $2",
            self.tenant.uuid(),
            self.session.uuid()
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    async fn delete_all(&self, tx: &mut Tx) -> Result<()> {
        sqlx::query!(
            "DELETE FROM session_state WHERE tenant_id = $1 AND session_id = $2",
            self.tenant.uuid(),
            self.session.uuid()
        )
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_with_a_prefix_is_before_its_end_and_nothing_else_is_between() {
        assert_eq!(after_all(b"chat\0"), b"chat\x01");
        assert_eq!(after_all(b"a\xff"), b"b");
        for prefix in [&b""[..], b"\xff\xff"] {
            let end = after_all(prefix);
            assert!([prefix, b"4915550101@lid"].concat() < end);
            assert!([prefix, &[u8::MAX; 4]].concat() < end);
        }
    }
}
