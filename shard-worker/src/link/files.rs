//! Files of messages: where the network keeps one, and fetching it, decrypted and checked, within limits.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use hub::attachment::AttachmentKind;
use serde::{Deserialize, Serialize};
use whatsapp_rust::ErrorChainExt as _;
use whatsapp_rust::download::{DownloadParams, DownloadWriter, Downloadable, MediaType};
use whatsapp_rust::waproto::whatsapp as wa;

use super::Link;

/// A file of a customer's at most. The network takes documents of 2 GB; what people send in a chat is far smaller, and
/// every byte of it is kept.
pub(crate) const BYTES_MAX: u64 = 64 << 20;
/// From the first knock to the last byte, all hosts and repeats together.
const LIMIT: Duration = Duration::from_mins(5);
/// Letters of a file's name at most.
const NAME_MAX: usize = 200;

/// Why a file could not be had.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The network has it no more.
    Gone,
    /// More than [`BYTES_MAX`].
    TooLarge,
    /// It is not what its sender said it is, or the message does not say how to open it.
    Unreadable,
    /// Anything that may go better another time.
    Broken(anyhow::Error),
}

/// Where a file is and by which keys it opens. Not its address: a message may name any, and is not asked; the hosts are the
/// network's own.
#[derive(Serialize, Deserialize)]
pub(super) struct Reference {
    kind: String,
    path: String,
    key: Vec<u8>,
    hash: Vec<u8>,
    encrypted_hash: Vec<u8>,
    length: u64,
}

impl Reference {
    /// `None` when something is missing, or is not what the network writes.
    pub(super) fn of(file: &dyn Downloadable) -> Option<Self> {
        let path = file.direct_path()?;
        let is_path = path.starts_with('/') && path.chars().all(|letter| letter.is_ascii_graphic());
        is_path.then_some(())?;
        Some(Self {
            kind: name_of(file.app_info())?.to_owned(),
            path: path.to_owned(),
            key: file.media_key()?.to_vec(),
            hash: file.file_sha256()?.to_vec(),
            encrypted_hash: file.file_enc_sha256()?.to_vec(),
            length: file.file_length().unwrap_or_default(),
        })
    }

    pub(super) fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        serde_json::to_vec(self).context("write a file's reference")
    }

    fn params(&self) -> Option<DownloadParams> {
        Some(DownloadParams::encrypted(
            self.path.clone(),
            &self.key,
            &self.hash,
            &self.encrypted_hash,
            self.length,
            kind_of(&self.kind)?,
        ))
    }
}

fn name_of(kind: MediaType) -> Option<&'static str> {
    Some(match kind {
        MediaType::Image => "image",
        MediaType::Video => "video",
        MediaType::Audio => "audio",
        MediaType::Document => "document",
        MediaType::Sticker => "sticker",
        _ => return None,
    })
}

fn kind_of(name: &str) -> Option<MediaType> {
    Some(match name {
        "image" => MediaType::Image,
        "video" => MediaType::Video,
        "audio" => MediaType::Audio,
        "document" => MediaType::Document,
        "sticker" => MediaType::Sticker,
        _ => return None,
    })
}

/// A message's file, if it has one, and what it is.
pub(super) fn of(message: &wa::Message) -> Option<(AttachmentKind, &dyn Downloadable)> {
    if let Some(image) = message.image_message.as_option() {
        return Some((AttachmentKind::Image, image));
    }
    if let Some(video) = video(message) {
        return Some((AttachmentKind::Video, video));
    }
    if let Some(audio) = message.audio_message.as_option() {
        return Some((AttachmentKind::Audio, audio));
    }
    if let Some(sticker) = message.sticker_message.as_option() {
        return Some((AttachmentKind::Sticker, sticker));
    }
    let document = message.document_message.as_option()?;
    Some((AttachmentKind::File, document))
}

/// A film, or one that was spoken into the camera just then.
pub(super) fn video(message: &wa::Message) -> Option<&wa::message::VideoMessage> {
    message
        .video_message
        .as_option()
        .or_else(|| message.ptv_message.as_option())
}

/// A media type as a header may carry it; empty when it is none.
pub(super) fn media_type(said: Option<&String>) -> String {
    let said = said.map(|said| said.trim()).unwrap_or_default();
    let is_plain = said.len() <= 100 && said.contains('/') && said.chars().all(|c| (' '..='~').contains(&c));
    if is_plain { said.to_owned() } else { String::new() }
}

/// A file's name without its folders and without what a screen would not show.
pub(super) fn file_name(said: &str) -> Option<String> {
    let name = said.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        // Nor what would turn its ending round.
        .filter(|letter| !letter.is_control() && !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .take(NAME_MAX)
        .collect();
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

impl Link {
    /// Fetches a file into a nameless one on this machine's disk, decrypted and checked.
    pub(crate) async fn fetch(&self, reference: &[u8]) -> Result<std::fs::File, Fault> {
        let reference: Reference = serde_json::from_slice(reference).map_err(|_unknown| Fault::Unreadable)?;
        let params = reference.params().ok_or(Fault::Unreadable)?;
        if reference.length > BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        let is_over = Arc::<AtomicBool>::default();
        let spool = Spool {
            file: tempfile::tempfile().map_err(|fault| Fault::Broken(fault.into()))?,
            at: 0,
            is_over: Arc::clone(&is_over),
        };
        let fetched = self.client().download_to_writer(&params, spool);
        match tokio::time::timeout(LIMIT, fetched).await {
            Ok(Ok(spool)) => Ok(spool.file),
            Ok(Err(_)) if is_over.load(Ordering::Relaxed) => Err(Fault::TooLarge),
            Ok(Err(fault)) => Err(match fault.http_status() {
                Some(404 | 410) => Fault::Gone,
                _ => Fault::Broken(fault),
            }),
            Err(_too_late) => Err(Fault::Broken(anyhow::anyhow!("it took too long"))),
        }
    }
}

/// A file on disk that takes [`BYTES_MAX`] and no more, whatever its sender said of its size.
struct Spool {
    file: std::fs::File,
    at: u64,
    is_over: Arc<AtomicBool>,
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.at + bytes.len() as u64 > BYTES_MAX {
            self.is_over.store(true, Ordering::Relaxed);
            return Err(std::io::Error::other("the file is too large"));
        }
        let written = self.file.write(bytes)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Read for Spool {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl DownloadWriter for Spool {
    fn truncate(&mut self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(path: &str) -> DownloadParams {
        DownloadParams::encrypted(path, &[1; 32], &[2; 32], &[3; 32], 4, MediaType::Image)
    }

    #[test]
    fn a_message_cannot_name_the_host_its_file_is_fetched_from() {
        for path in [
            "@169.254.169.254/latest",
            ".example.com/x",
            ":8080/x",
            "https://example.com/x",
            "/v/x y",
            "/v/x\r\nHost: example.com",
            "",
        ] {
            assert!(Reference::of(&params(path)).is_none(), "{path}");
        }
        let image = wa::message::ImageMessage {
            static_url: Some("https://example.com/x".to_owned()),
            direct_path: Some("/v/t62/x".to_owned()),
            media_key: Some(vec![1; 32]),
            file_sha256: Some(vec![2; 32]),
            file_enc_sha256: Some(vec![3; 32]),
            ..Default::default()
        };
        let reference = Reference::of(&image).unwrap();
        let fetched = reference.params().unwrap();
        assert_eq!(
            (fetched.static_url(), fetched.direct_path()),
            (None, Some("/v/t62/x"))
        );
    }

    #[test]
    fn a_file_that_is_larger_than_it_said_ends_at_the_limit() {
        let is_over = Arc::<AtomicBool>::default();
        let mut spool = Spool {
            file: tempfile::tempfile().unwrap(),
            at: 0,
            is_over: Arc::clone(&is_over),
        };
        spool.seek(SeekFrom::Start(BYTES_MAX - 3)).unwrap();
        assert_eq!(spool.write(b"abc").unwrap(), 3);
        assert!(!is_over.load(Ordering::Relaxed));
        assert!(spool.write(b"d").is_err());
        assert!(is_over.load(Ordering::Relaxed));
        // The next host begins from the start.
        spool.truncate(0).unwrap();
        spool.seek(SeekFrom::Start(0)).unwrap();
        assert_eq!(spool.write(b"again").unwrap(), 5);
    }

    #[test]
    fn names_and_types_are_what_a_header_and_a_screen_may_carry() {
        assert_eq!(file_name("../../x/Quote 7.pdf").as_deref(), Some("Quote 7.pdf"));
        assert_eq!(file_name("C:\\y\u{0}.exe").as_deref(), Some("y.exe"));
        assert_eq!(file_name("offer\u{202e}fdp.exe").as_deref(), Some("offerfdp.exe"));
        assert_eq!(file_name("a/"), None);
        assert_eq!(
            media_type(Some(&"audio/ogg; codecs=opus".to_owned())),
            "audio/ogg; codecs=opus"
        );
        assert_eq!(media_type(Some(&"image/png\r\nX: y".to_owned())), "");
        assert_eq!(media_type(None), "");
    }
}
