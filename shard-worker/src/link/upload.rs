//! Files of ours: from the store, encrypted, up to the network, and into a message.

use anyhow::Context as _;
use bytes::Bytes;
use connectors::storage::{Part, Storage};
use futures_util::TryStreamExt as _;
use hub::attachment::AttachmentKind;
use hub::session::outbox::Quote;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::download::MediaType;
use whatsapp_rust::upload::UploadOptions;
use whatsapp_rust::waproto::whatsapp as wa;

use super::Link;
use super::order::contexts;

/// A file to send, but for its bytes.
pub(super) struct OutFile<'a> {
    pub(super) kind: AttachmentKind,
    pub(super) media_type: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) caption: &'a str,
    /// How long it plays, where somebody has told.
    pub(super) duration_ms: Option<i32>,
}

impl Link {
    /// A file's bytes, whole: staff's files are small (`hub::upload::BYTES_MAX`). `None` when the store has it no more.
    pub(super) async fn load(&self, object_key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let storage = Storage::open(&self.storage).context("open the store")?;
        let Some(object) = storage.get(object_key, Part::Whole).await? else {
            return Ok(None);
        };
        let limit = hub::upload::BYTES_MAX;
        anyhow::ensure!(
            object.size_bytes <= limit,
            "the file is larger than {limit} bytes"
        );
        let pieces: Vec<Bytes> = object.body.try_collect().await.context("read the file")?;
        Ok(Some(pieces.concat()))
    }

    /// Carries it up. Done again it is the same file under another name: the message is the same by its id.
    pub(super) async fn upload(
        &self,
        file: OutFile<'_>,
        bytes: Vec<u8>,
        answers: Option<&Quote>,
    ) -> anyhow::Result<wa::Message> {
        let kind = match file.kind {
            AttachmentKind::Image => MediaType::Image,
            AttachmentKind::Video => MediaType::Video,
            AttachmentKind::Audio | AttachmentKind::Voice | AttachmentKind::Recording => MediaType::Audio,
            AttachmentKind::Sticker | AttachmentKind::File => MediaType::Document,
        };
        let up = self.client().upload(bytes, kind, UploadOptions::default());
        let up = up.await.context("carry a file up")?;
        let (mimetype, url, direct_path) = (
            Some(file.media_type.to_owned()),
            Some(up.url),
            Some(up.direct_path),
        );
        let (media_key, file_sha256) = (Some(up.media_key.to_vec()), Some(up.file_sha256.to_vec()));
        let (file_enc_sha256, file_length) = (Some(up.file_enc_sha256.to_vec()), Some(up.file_length));
        let media_key_timestamp = Some(up.media_key_timestamp);
        let caption = Some(file.caption.to_owned()).filter(|caption| !caption.is_empty());
        let context_info = contexts(answers);
        let seconds = file.duration_ms.map(seconds);
        macro_rules! made {
            ($message:ident, $($own:ident),*) => {
                MessageField::some(wa::message::$message {
                    mimetype, url, direct_path, media_key, file_sha256, file_enc_sha256, file_length, media_key_timestamp,
                    context_info, $($own,)* ..Default::default()
                })
            };
        }
        let mut message = wa::Message::default();
        match kind {
            MediaType::Image => message.image_message = made!(ImageMessage, caption),
            MediaType::Video => message.video_message = made!(VideoMessage, caption, seconds),
            MediaType::Audio => {
                let ptt = Some(file.kind == AttachmentKind::Voice);
                message.audio_message = made!(AudioMessage, ptt, seconds);
            }
            _ => {
                let file_name = file.name.map(str::to_owned);
                let title = file_name.clone();
                message.document_message = made!(DocumentMessage, caption, file_name, title);
            }
        }
        Ok(message)
    }
}

/// As a player shows it: what is there at all is a second long.
fn seconds(duration_ms: i32) -> u32 {
    let ms = u32::try_from(duration_ms).unwrap_or_default();
    (ms / 1_000 + u32::from(ms % 1_000 >= 500)).max(1)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_length_is_told_in_seconds() {
        for (ms, expected) in [
            (0, 1),
            (300, 1),
            (1_499, 1),
            (1_500, 2),
            (4_200, 4),
            (3_600_000, 3_600),
        ] {
            assert_eq!(seconds(ms), expected, "{ms}");
        }
    }
}
