//! Attachments: files that came with a message; rows here, bytes in the object store under keys of ours. What a provider
//! keeps is a row at once and fetched by a job (`fetch`).

pub mod fetch;

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{AttachmentId, InboxId, MessageId};
use crate::job::NewJob;
use crate::message::Failure;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A call or voicemail.
    Recording,
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Sound that its sender has just spoken.
    Voice,
    /// Moving pictures.
    Video,
    /// A small picture that stands for a word.
    Sticker,
    /// Anything else.
    File,
}

impl AttachmentKind {
    /// What files of a media type are.
    pub fn of(media_type: &str) -> Self {
        match media_type.split_once('/').map(|(family, _)| family) {
            Some("image") => Self::Image,
            Some("audio") => Self::Audio,
            Some("video") => Self::Video,
            _ => Self::File,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Sticker => "sticker",
            Self::File => "file",
        }
    }
}

/// Whether a file's bytes are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AttachmentState {
    /// The provider has it; it is being fetched.
    Waiting,
    /// Here.
    Stored,
    /// It could not be fetched.
    Failed,
}

/// A file, before it is a row; its bytes are in the object store already.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// What it is.
    pub kind: AttachmentKind,
    /// `audio/wav` …
    pub media_type: String,
    /// What its sender calls it.
    pub file_name: Option<String>,
    /// How large.
    pub size_bytes: i64,
    /// How long, for sound.
    pub duration_ms: Option<i32>,
    /// Where its bytes are.
    pub object_key: String,
}

/// A file, as screens see it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// What it is.
    pub kind: AttachmentKind,
    /// `audio/wav` …
    pub media_type: String,
    /// What its sender calls it.
    pub file_name: Option<String>,
    /// How large; until it is here, how large it is said to be, or 0.
    pub size_bytes: i64,
    /// How long, for sound.
    pub duration_ms: Option<i32>,
    /// Whether its bytes are here.
    pub state: AttachmentState,
    /// Why they are not, and what to do.
    pub failure: Option<Failure>,
    /// Where to get it.
    pub url: String,
}

/// What is needed to serve the bytes.
#[derive(Clone, Debug)]
pub struct Stored {
    /// `audio/wav` …
    pub media_type: String,
    /// What its sender calls it.
    pub file_name: Option<String>,
    /// Where its bytes are.
    pub object_key: String,
}

/// Adds a file to a message that is being written.
pub async fn add(tx: &mut Tx, message: MessageId, new: &NewAttachment) -> Result<AttachmentId> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let id = AttachmentId::at(now);
    sqlx::query!(
        "INSERT INTO attachments
             (tenant_id, id, message_id, kind, media_type, size_bytes, duration_ms, object_key, created_at, file_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant.uuid(),
        id.uuid(),
        message.uuid(),
        new.kind.as_str(),
        new.media_type,
        new.size_bytes,
        new.duration_ms,
        new.object_key,
        now as _,
        new.file_name
    )
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// A file that a provider keeps, before it is fetched.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// What the provider says it is; empty when it does not.
    pub media_type: &'a str,
    /// Where it is.
    pub url: &'a str,
}

/// Adds a message's file that a provider keeps, and the job that fetches it. `place` is its place among the message's files:
/// ids of one instant have no order, so each is named a millisecond after the one before.
pub async fn add_kept(tx: &mut Tx, message: MessageId, place: u64, kept: &Kept<'_>) -> Result<AttachmentId> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let id = AttachmentId::at(now.after(Duration::from_millis(place)));
    sqlx::query!(
        "INSERT INTO attachments
             (tenant_id, id, message_id, kind, media_type, size_bytes, object_key, state, source_url, created_at)
         VALUES ($1, $2, $3, $4, $5, 0, $6, 'waiting', $7, $8)",
        tenant.uuid(),
        id.uuid(),
        message.uuid(),
        AttachmentKind::of(kept.media_type).as_str(),
        kept.media_type,
        format!("{tenant}/media/{id}"),
        kept.url,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    let fetch = fetch::FetchMedia { attachment: id };
    tx.enqueue(NewJob::of(&fetch)?.once_per(id.to_string()));
    Ok(id)
}

/// A file that a session's network keeps, encrypted: its worker fetches it.
#[derive(Clone, Copy, Debug)]
pub struct Encrypted<'a> {
    /// The id it was given when it came in; what opens its reference is bound to it.
    pub id: AttachmentId,
    /// The inbox of the session that it came in by.
    pub inbox: InboxId,
    /// What the network says it is.
    pub kind: AttachmentKind,
    /// What its sender says it is.
    pub media_type: &'a str,
    /// What its sender calls it.
    pub file_name: Option<&'a str>,
    /// How large its sender says it is.
    pub size_bytes: i64,
    /// How long, for sound and moving pictures.
    pub duration_ms: Option<i32>,
    /// Where it is and by which keys it opens, sealed ([`crate::session::media`]).
    pub reference_sealed: &'a [u8],
}

/// Adds a message's file that a session's network keeps, and the order to fetch it.
pub async fn add_encrypted(tx: &mut Tx, message: MessageId, new: &Encrypted<'_>) -> Result<()> {
    let (tenant, now) = (tx.tenant(), tx.now());
    sqlx::query!(
        "INSERT INTO attachments (tenant_id, id, message_id, kind, media_type, size_bytes, duration_ms, object_key, state,
             file_name, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $10)",
        tenant.uuid(),
        new.id.uuid(),
        message.uuid(),
        new.kind.as_str(),
        new.media_type,
        new.size_bytes,
        new.duration_ms,
        format!("{tenant}/media/{}", new.id),
        new.file_name,
        now as _
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO session_media (tenant_id, attachment_id, session_id, reference_sealed, not_before)
         SELECT $1, $2, id, $4, now() FROM sessions WHERE tenant_id = $1 AND inbox_id = $3",
        tenant.uuid(),
        new.id.uuid(),
        new.inbox.uuid(),
        new.reference_sealed
    )
    .execute(&mut **tx)
    .await?;
    tx.wake_shards();
    Ok(())
}

/// A message's files.
pub async fn of_message(tx: &mut Tx, message: MessageId) -> Result<Vec<Attachment>> {
    Ok(of_messages(tx, &[message])
        .await?
        .remove(&message)
        .unwrap_or_default())
}

/// The files of several messages.
pub async fn of_messages(tx: &mut Tx, messages: &[MessageId]) -> Result<HashMap<MessageId, Vec<Attachment>>> {
    let ids: Vec<_> = messages.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query!(
        r#"SELECT id, message_id, kind AS "kind: AttachmentKind", media_type, file_name, size_bytes, duration_ms,
             state AS "state: AttachmentState", failure_code, failure_help
         FROM attachments WHERE tenant_id = $1 AND message_id = ANY($2) ORDER BY id"#,
        tx.tenant().uuid(),
        &ids
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut by_message: HashMap<MessageId, Vec<Attachment>> = HashMap::new();
    for row in rows {
        by_message.entry(row.message_id).or_default().push(Attachment {
            id: row.id,
            kind: row.kind,
            media_type: row.media_type,
            file_name: row.file_name,
            size_bytes: row.size_bytes,
            duration_ms: row.duration_ms,
            state: row.state,
            failure: row
                .failure_code
                .zip(row.failure_help)
                .map(|(code, help)| Failure { code, help }),
            url: format!("/api/v1/attachments/{}", row.id),
        });
    }
    Ok(by_message)
}

/// Where a file's bytes are.
pub async fn stored(tx: &mut Tx, id: AttachmentId) -> Result<Stored> {
    sqlx::query_as!(
        Stored,
        "SELECT media_type, file_name, object_key FROM attachments WHERE tenant_id = $1 AND id = $2 AND state = 'stored'",
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("attachment"))
}
