//! Files that staff have put in: here until a message takes one along. Those that none took are forgotten after a day.

use std::time::Duration;

use serde::Serialize;

use crate::Hub;
use crate::attachment::{AttachmentKind, NewAttachment};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{StaffId, TenantId, UploadId};

/// A file of staff's at most: what the network takes of pictures, sound and films.
pub const BYTES_MAX: u64 = 16 << 20;
/// Files of one tenant that no message has taken along, at most.
const WAITING_MAX: i64 = 500;
/// How long a file waits for its message.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// Files that are forgotten in one go.
const STALE_MAX: i64 = 200;

/// A file that was put in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Upload {
    /// Its id; a draft names it.
    pub id: UploadId,
    /// What it is.
    pub kind: AttachmentKind,
    /// `image/png` …
    pub media_type: String,
    /// How large it is.
    pub size_bytes: i64,
    /// What it is called.
    pub file_name: Option<String>,
    /// How long it plays, for a voice note whose length was told.
    pub duration_ms: Option<i32>,
}

/// Where a file's bytes go before it is one.
pub fn object_key(tenant: TenantId, id: UploadId) -> String {
    format!("{tenant}/uploads/{id}")
}

/// Notes a file whose bytes are in the store.
///
/// # Errors
/// `too_many_uploads` when too many wait already.
pub async fn add(tx: &mut Tx, by: Option<StaffId>, upload: &Upload) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let done = sqlx::query!(
        "INSERT INTO uploads (tenant_id, id, staff_id, kind, media_type, size_bytes, file_name, object_key, created_at,
             duration_ms)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $11
         WHERE (SELECT count(*) FROM uploads WHERE tenant_id = $1) < $10",
        tenant.uuid(),
        upload.id.uuid(),
        by.map(StaffId::uuid),
        upload.kind.as_str(),
        upload.media_type,
        upload.size_bytes,
        upload.file_name,
        object_key(tenant, upload.id),
        now as _,
        WAITING_MAX,
        upload.duration_ms
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() == 0 {
        let what = "too many files wait to be sent; send some, or try again tomorrow";
        return Err(Error::conflict("too_many_uploads", what));
    }
    Ok(())
}

/// A message takes it along.
pub(crate) async fn take(tx: &mut Tx, id: UploadId) -> Result<NewAttachment> {
    let row = sqlx::query!(
        r#"DELETE FROM uploads WHERE tenant_id = $1 AND id = $2
           RETURNING kind AS "kind: AttachmentKind", media_type, size_bytes, file_name, object_key, duration_ms"#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("upload"))?;
    Ok(NewAttachment {
        kind: row.kind,
        media_type: row.media_type,
        file_name: row.file_name,
        size_bytes: row.size_bytes,
        duration_ms: row.duration_ms,
        object_key: row.object_key,
    })
}

/// Forgets files that no message took along; answers where their bytes are, to be removed.
pub async fn forget_stale(hub: &Hub) -> Result<Vec<String>> {
    let mut tx = hub.db.system().await?;
    let before = hub.clock.now().before(KEPT_FOR);
    let keys = sqlx::query_scalar!(
        "DELETE FROM uploads WHERE (tenant_id, id) IN (
             SELECT tenant_id, id FROM uploads WHERE created_at < $1 ORDER BY created_at LIMIT $2)
         RETURNING object_key",
        before as _,
        STALE_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(keys)
}
