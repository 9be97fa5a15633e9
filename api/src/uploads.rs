//! Putting files in that a message is to take along: the bytes go to the store as they come.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use connectors::file_type::{self, HEAD_LEN};
use connectors::storage::Storage;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hub::Hub;
use hub::attachment::AttachmentKind;
use hub::error::{Error, Result};
use hub::ids::UploadId;
use hub::principal::Principal;
use hub::upload::{self, BYTES_MAX, Upload};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Query};

/// What of a file is looked at: its first bytes, or all that may come before a sound's first words about itself.
const LOOK_LEN: usize = 512;
const _: () = assert!(LOOK_LEN >= HEAD_LEN);
/// How long a voice note plays at most.
const DURATION_MS_MAX: i32 = 3_600_000;
/// What a voice note is, in the network's own words.
const VOICE: &str = "audio/ogg; codecs=opus";
/// Letters of a file's name at most.
const NAME_MAX: usize = 200;
/// Papers that are sent as what they are, by the ending of their name. Nothing that a phone or a computer would run.
const PAPERS: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("ics", "text/calendar"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("pdf", "application/pdf"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("rtf", "application/rtf"),
    ("txt", "text/plain"),
    ("vcf", "text/vcard"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("zip", "application/zip"),
];
/// What the other side's phone shows or plays in the chat itself.
const SHOWN: &[(&str, AttachmentKind)] = &[
    ("image/jpeg", AttachmentKind::Image),
    ("image/png", AttachmentKind::Image),
    ("video/mp4", AttachmentKind::Video),
    ("video/3gpp", AttachmentKind::Video),
    ("audio/aac", AttachmentKind::Audio),
    ("audio/amr", AttachmentKind::Audio),
    ("audio/mp4", AttachmentKind::Audio),
    ("audio/mpeg", AttachmentKind::Audio),
    ("audio/ogg", AttachmentKind::Audio),
];

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    // The limit is counted while the bytes go by.
    OpenApiRouter::new()
        .routes(routes!(put_in))
        .layer(DefaultBodyLimit::disable())
}

/// What a file is called, and what it is besides.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// With its ending.
    file_name: String,
    /// Whether it was just spoken, and is to be heard as a voice note; then it is Opus in Ogg.
    #[serde(default)]
    voice: bool,
    /// How long it plays, for a voice note; an hour at most.
    #[serde(default)]
    #[param(minimum = 0, maximum = 3_600_000)]
    duration_ms: Option<i32>,
}

/// Puts a file in, of 16 MB at most; a draft's `upload_id` takes it along within a day.
#[utoipa::path(post, path = "/uploads", tag = "messages", operation_id = "create_upload", params(Named),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 201, body = Upload)))]
async fn put_in(
    principal: Principal,
    State(hub): State<Hub>,
    Query(named): Query<Named>,
    body: Body,
) -> Result<(StatusCode, Json<Upload>)> {
    let name = name(&named.file_name)?;
    let (head, pieces) = begun(body).await?;
    let (media_type, kind) = if named.voice {
        voice(&head)?
    } else {
        kind(&name, &head)?
    };
    check_duration(named.duration_ms, kind)?;
    let id = UploadId::at(hub.clock.now());
    let storage = Storage::open(&hub.config.calls.storage)?;
    let key = upload::object_key(principal.tenant(), id);
    let written = storage.put_pieces(&key, pieces).await;
    let size = written.map_err(|fault| match fault.downcast_ref::<TooLarge>() {
        Some(TooLarge) => too_large(),
        None => Error::Internal(fault),
    })?;
    let upload = Upload {
        id,
        kind,
        media_type: media_type.to_owned(),
        size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
        file_name: Some(name),
        duration_ms: named.duration_ms,
    };
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    if let Err(refused) = upload::add(&mut tx, principal.staff_id(), &upload).await {
        storage.delete(&key).await?;
        return Err(refused);
    }
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(upload)))
}

/// More than [`BYTES_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("the file is too large")]
struct TooLarge;

fn too_large() -> Error {
    Error::invalid(
        "too_large",
        "A file has 16 MB at most. Send a smaller one, or a link to it.",
    )
}

/// The name without folders and without what a screen would not show.
fn name(said: &str) -> Result<String> {
    let name = said.rsplit(['/', '\\']).next().unwrap_or_default();
    // Nor what would turn its ending round.
    let is_shown = |letter: &char| {
        !letter.is_control() && !matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = name.chars().filter(is_shown).collect();
    let name = name.trim();
    if (1..=NAME_MAX).contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    let what = format!("must have 1 to {NAME_MAX} characters");
    Err(Error::field("file_name", what))
}

/// The file's beginning, and all of it in pieces, counted.
async fn begun(body: Body) -> Result<(Bytes, BoxStream<'static, anyhow::Result<Bytes>>)> {
    let mut pieces = body.into_data_stream().map_err(anyhow::Error::from).boxed();
    let mut head = BytesMut::new();
    while head.len() < LOOK_LEN
        && let Some(piece) = pieces.next().await
    {
        // Cut off by the client: nobody hears what it is answered.
        head.extend_from_slice(&piece.map_err(|_cut| Error::field("body", "was cut off"))?);
    }
    if head.is_empty() {
        return Err(Error::field("body", "the file is empty"));
    }
    let head = head.freeze();
    let first = head.clone();
    let mut left = BYTES_MAX;
    let all = stream::once(async move { Ok(first) })
        .chain(pieces)
        .map(move |piece| {
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or(TooLarge)?;
            Ok(piece)
        });
    Ok((head, all.boxed()))
}

/// What a file is: pictures by their first bytes, all else by the ending of its name where that is one we know.
fn kind(name: &str, head: &[u8]) -> Result<(&'static str, AttachmentKind)> {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_ascii_lowercase());
    let ending = ending.unwrap_or_default();
    let said = match ending.as_str() {
        "mp4" => "video/mp4",
        "3gp" => "video/3gpp",
        "aac" => "audio/aac",
        "amr" => "audio/amr",
        "m4a" => "audio/mp4",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" | "oga" => "audio/ogg",
        _ => "",
    };
    let recognised = file_type::recognise(said, head);
    if let Some((media_type, kind)) = SHOWN.iter().find(|(media_type, _)| *media_type == recognised) {
        return Ok((media_type, *kind));
    }
    if let Some((_, media_type)) = PAPERS.iter().find(|(known, _)| *known == ending) {
        return Ok((media_type, AttachmentKind::File));
    }
    let what =
        "Files of this kind cannot be sent. Send a picture, a film, sound, a PDF, an Office file or a ZIP.";
    Err(Error::invalid("file_type", what))
}

/// A voice note: phones record and play nothing but Opus, in an Ogg's first page of which it says so.
fn voice(head: &[u8]) -> Result<(&'static str, AttachmentKind)> {
    // Its mark, that it is the first page, how many lengths come before what it carries.
    let is_first = head.starts_with(b"OggS\0") && head.get(5).is_some_and(|flags| flags & 2 != 0);
    let lengths = head.get(26).map(|count| usize::from(*count));
    let carried = lengths.and_then(|lengths| head.get(27 + lengths..));
    if is_first && carried.is_some_and(|carried| carried.starts_with(b"OpusHead")) {
        return Ok((VOICE, AttachmentKind::Voice));
    }
    Err(Error::field("voice", "a voice note is Opus in Ogg"))
}

fn check_duration(duration_ms: Option<i32>, kind: AttachmentKind) -> Result<()> {
    let Some(duration_ms) = duration_ms else {
        return Ok(());
    };
    if !(0..=DURATION_MS_MAX).contains(&duration_ms) {
        let what = format!("must be from 0 to {DURATION_MS_MAX}");
        return Err(Error::field("duration_ms", what));
    }
    if kind != AttachmentKind::Voice {
        return Err(Error::field(
            "duration_ms",
            "only a voice note tells how long it plays",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_as_what_it_is() {
        for (name, head, expected) in [
            (
                "a.png",
                &b"\xff\xd8\xff\xe0...."[..],
                ("image/jpeg", AttachmentKind::Image),
            ),
            ("note.ogg", b"OggS", ("audio/ogg", AttachmentKind::Audio)),
            (
                "Offer.PDF",
                b"%PDF-1.7",
                ("application/pdf", AttachmentKind::File),
            ),
            (
                "film.mp4",
                b"\0\0\0\x18ftypmp42",
                ("video/mp4", AttachmentKind::Video),
            ),
            (
                "dog.webp",
                b"RIFF\0\0\0\0WEBPVP8 ",
                ("image/webp", AttachmentKind::File),
            ),
        ] {
            assert_eq!(kind(name, head).unwrap(), expected, "{name}");
        }
        for (name, head) in [
            ("setup.exe", &b"MZ"[..]),
            ("page.html", b"<html>"),
            ("app.apk", b"PK"),
            ("picture.svg", b"<svg>"),
            ("README", b"text"),
        ] {
            assert!(kind(name, head).is_err(), "{name}");
        }
    }

    #[test]
    fn a_voice_note_is_opus_in_ogg() {
        let page = |flags: u8, lengths: u8, carried: &[u8]| {
            let mut page = b"OggS\0".to_vec();
            page.push(flags);
            page.extend([0; 20]);
            page.push(lengths);
            page.extend(vec![19; usize::from(lengths)]);
            page.extend(carried);
            page
        };
        assert_eq!(
            voice(&page(2, 1, b"OpusHead\x01\x01")).unwrap(),
            ("audio/ogg; codecs=opus", AttachmentKind::Voice)
        );
        assert!(voice(&page(2, 255, b"OpusHead")).is_ok());
        for bytes in [
            page(2, 1, b"\x01vorbis"),
            page(0, 1, b"OpusHead"),
            page(2, 1, b"Opus"),
            b"OggS".to_vec(),
            b"RIFF\0\0\0\0WAVE".to_vec(),
            b"\x1aE\xdf\xa3 webm OpusHead".to_vec(),
        ] {
            assert!(voice(&bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn only_a_voice_note_has_a_length() {
        assert!(check_duration(None, AttachmentKind::Image).is_ok());
        assert!(check_duration(Some(0), AttachmentKind::Voice).is_ok());
        assert!(check_duration(Some(3_600_000), AttachmentKind::Voice).is_ok());
        for (duration_ms, kind) in [
            (-1, AttachmentKind::Voice),
            (3_600_001, AttachmentKind::Voice),
            (1, AttachmentKind::Audio),
            (1, AttachmentKind::Image),
        ] {
            assert!(check_duration(Some(duration_ms), kind).is_err(), "{duration_ms}");
        }
    }

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(name("../../etc/passwd.txt").unwrap(), "passwd.txt");
        assert_eq!(name("C:\\x\\y\u{7}.pdf").unwrap(), "y.pdf");
        assert!(name("a/").is_err());
    }
}
