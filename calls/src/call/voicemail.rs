//! A message the caller left: a WAV file in the object store, then a message of theirs in the inbox.

use anyhow::Context as _;
use connectors::storage::Storage;
use hub::Hub;
use hub::attachment::{AttachmentKind, NewAttachment};
use hub::call::Call;
use hub::ids::{TenantId, random_hex};
use hub::message::{NewMessage, append};

use crate::ulaw;

/// Keeps what was said; the file is there before the row that names it.
pub(crate) async fn keep(
    hub: &Hub,
    storage: &Storage,
    tenant: TenantId,
    call: &Call,
    audio: Vec<u8>,
) -> anyhow::Result<()> {
    let conversation = call.conversation_id.context("the call has no conversation")?;
    let ms = audio.len() * 1_000 / ulaw::RATE;
    let wav = tokio::task::spawn_blocking(move || ulaw::to_wav(&audio))
        .await
        .context("write the file")??;
    let size_bytes = i64::try_from(wav.len())?;
    let object_key = format!("{tenant}/recordings/{}-{}.wav", call.id, random_hex(4));
    storage.put(&object_key, "audio/wav", wav.into()).await?;
    let attachment = NewAttachment {
        kind: AttachmentKind::Recording,
        media_type: "audio/wav".to_owned(),
        file_name: None,
        size_bytes,
        duration_ms: i32::try_from(ms).ok(),
        object_key,
    };
    let text = format!("Voicemail, {}:{:02}", ms / 60_000, ms / 1_000 % 60);
    let attachments = [attachment];
    let mut tx = hub.db.tenant(tenant).await?;
    let message = NewMessage {
        call: Some(call.id),
        attachments: &attachments,
        ..NewMessage::inbound(conversation, &text)
    };
    append(&mut tx, &message).await?;
    tx.commit().await?;
    tracing::info!(call.id = %call.id, "Call {} left a message of {} s", call.id, ms / 1_000);
    Ok(())
}
