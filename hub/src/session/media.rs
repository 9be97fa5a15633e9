//! Files that a session's network keeps, encrypted. A message with one is committed at once, as waiting; where the file is
//! and by which keys it opens is sealed with it, and whoever holds the session fetches it in its own time. What waits, waits by the database's clock.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::Hold;
use crate::Hub;
use crate::attachment::{AttachmentKind, fetch};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{AttachmentId, MessageId, TenantId};
use crate::message::Failure;
use crate::seal::Place;
use crate::shard::millis;

/// Files that are looked at in one go.
const DUE_MAX: i64 = 8;

/// How a file is fetched that the network keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The attachment it will be: its reference opens under this id alone.
    pub attachment: AttachmentId,
    /// The sealed reference, in base64.
    pub sealed: String,
}

impl Kept {
    /// The sealed reference, as it is stored.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        Ok(BASE64_STANDARD
            .decode(&self.sealed)
            .map_err(anyhow::Error::from)?)
    }
}

/// A file that is to be fetched now.
#[derive(Debug)]
pub struct Due {
    /// Which.
    pub attachment: AttachmentId,
    /// Where it is and by which keys it opens, in the link's own words.
    pub reference: Vec<u8>,
    /// What its sender says it is.
    pub media_type: String,
    /// How large its sender says it is.
    pub size_bytes: i64,
    /// Where its bytes go.
    pub object_key: String,
    /// How often it was tried.
    pub tries: i32,
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What it is, as far as we believe it.
    pub media_type: String,
    /// How large it is.
    pub size_bytes: i64,
}

fn place(tenant: TenantId, attachment: AttachmentId) -> Place<'static> {
    Place {
        tenant,
        table: "session_media",
        column: "reference_sealed",
        row: attachment.uuid(),
    }
}

/// Has a file tried once more, now.
pub(crate) async fn again(tx: &mut Tx, attachment: AttachmentId) -> Result<()> {
    sqlx::query!(
        "UPDATE session_media SET not_before = now(), tries = 0 WHERE tenant_id = $1 AND attachment_id = $2",
        tx.tenant().uuid(),
        attachment.uuid()
    )
    .execute(&mut **tx)
    .await?;
    tx.wake_shards();
    Ok(())
}

impl Hold {
    /// Names the attachment that a file will be, and seals how it is fetched for it.
    pub fn seal_file(&self, hub: &Hub, reference: &[u8]) -> Result<Kept> {
        let attachment = AttachmentId::at(hub.clock.now());
        let sealed = hub.sealer.seal(place(self.tenant, attachment), reference)?;
        Ok(Kept {
            attachment,
            sealed: BASE64_STANDARD.encode(sealed),
        })
    }

    /// The files that are to be fetched now, oldest first. Only looks, so it locks nothing.
    pub async fn files_due(&self, hub: &Hub) -> Result<Vec<Due>> {
        if !self.tenure.holds() {
            return Err(Error::Stale);
        }
        let mut tx = hub.db.tenant(self.tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT r.attachment_id AS "attachment_id: AttachmentId", r.reference_sealed, r.tries, a.media_type,
                 a.size_bytes, a.object_key
               FROM session_media r JOIN attachments a ON a.tenant_id = r.tenant_id AND a.id = r.attachment_id
               WHERE r.tenant_id = $1 AND r.session_id = $2 AND r.not_before <= now() AND a.state = 'waiting'
               ORDER BY r.not_before, r.attachment_id LIMIT $3"#,
            self.tenant.uuid(),
            self.session.uuid(),
            DUE_MAX
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter()
            .map(|row| {
                let place = place(self.tenant, row.attachment_id);
                Ok(Due {
                    attachment: row.attachment_id,
                    reference: hub.sealer.open(place, &row.reference_sealed)?,
                    media_type: row.media_type,
                    size_bytes: row.size_bytes,
                    object_key: row.object_key,
                    tries: row.tries,
                })
            })
            .collect()
    }

    /// It is to be tried again after `wait`.
    pub async fn file_later(&self, hub: &Hub, due: &Due, wait: Duration) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        sqlx::query!(
            "UPDATE session_media SET not_before = now() + $3::int8 * interval '1 millisecond', tries = tries + 1
             WHERE tenant_id = $1 AND attachment_id = $2",
            self.tenant.uuid(),
            due.attachment.uuid(),
            millis(wait)
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// Its bytes are in the store: the reference is forgotten, screens see the file.
    pub async fn file_stored(&self, hub: &Hub, due: &Due, fetched: &Fetched) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        let id = due.attachment.uuid();
        let message = sqlx::query_scalar!(
            r#"UPDATE attachments SET state = 'stored', media_type = $3, size_bytes = $4, failure_code = NULL,
                 failure_help = NULL,
                 kind = CASE WHEN kind IN ('voice', 'sticker', 'file') THEN kind ELSE $5 END
               WHERE tenant_id = $1 AND id = $2 AND state = 'waiting'
               RETURNING message_id AS "message_id: MessageId""#,
            self.tenant.uuid(),
            id,
            fetched.media_type,
            fetched.size_bytes,
            AttachmentKind::of(&fetched.media_type).as_str()
        )
        .fetch_optional(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM session_media WHERE tenant_id = $1 AND attachment_id = $2",
            self.tenant.uuid(),
            id
        )
        .execute(&mut *tx)
        .await?;
        fetch::tell(&mut tx, message).await?;
        tx.commit().await
    }

    /// Nobody can fetch any more what was not fetched: the account is unlinked.
    pub(super) async fn give_files_up(&self, tx: &mut Tx) -> Result<()> {
        let lost = sqlx::query_scalar!(
            r#"WITH lost AS (
                 DELETE FROM session_media WHERE tenant_id = $1 AND session_id = $2 RETURNING attachment_id)
               SELECT attachment_id AS "attachment_id!: AttachmentId" FROM lost"#,
            self.tenant.uuid(),
            self.session.uuid()
        )
        .fetch_all(&mut **tx)
        .await?;
        let failure = Failure {
            code: "unlinked".to_owned(),
            help: "The WhatsApp number was unlinked before this file was fetched. It can be opened on the phone."
                .to_owned(),
        };
        for attachment in lost {
            fetch::failed(tx, attachment, &failure).await?;
        }
        Ok(())
    }

    /// It cannot be had, until somebody has it tried again.
    pub async fn file_failed(&self, hub: &Hub, due: &Due, failure: &Failure) -> Result<()> {
        let mut tx = self.tx(hub).await?;
        sqlx::query!(
            "UPDATE session_media SET not_before = NULL WHERE tenant_id = $1 AND attachment_id = $2",
            self.tenant.uuid(),
            due.attachment.uuid()
        )
        .execute(&mut *tx)
        .await?;
        fetch::failed(&mut tx, due.attachment, failure).await?;
        tx.commit().await
    }
}
