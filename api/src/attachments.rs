//! Serving attachments: whole, or the part a player asks for.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use connectors::storage::{Object, Part, Storage};
use hub::Hub;
use hub::attachment::{self, Stored, fetch};
use hub::error::{Error, Result};
use hub::ids::AttachmentId;
use hub::message::Message;
use hub::principal::Principal;
use tokio::sync::OnceCell;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// The store, opened by the first request. An extension, since the document is made without a hub and its settings.
type Opened = Arc<OnceCell<Storage>>;

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(serve))
        .routes(routes!(retry))
        .layer(Extension(Opened::default()))
}

/// The bytes.
#[utoipa::path(get, path = "/attachments/{id}", tag = "attachments", operation_id = "get_attachment",
    params(("id" = AttachmentId, Path), ("Range" = Option<String>, Header)),
    responses((status = 200, content_type = "application/octet-stream"), (status = 206), (status = 416)))]
async fn serve(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<AttachmentId>,
    Extension(opened): Extension<Opened>,
    headers: HeaderMap,
) -> Result<Response> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let stored = attachment::stored(&mut tx, id).await?;
    tx.commit().await?;
    let setting = &hub.config.calls.storage;
    let storage = opened
        .get_or_try_init(|| async { Storage::open(setting) })
        .await?;
    let asked = headers
        .get(header::RANGE)
        .and_then(|range| part(range.to_str().ok()?));
    let Some(whole) = storage.get(&stored.object_key, Part::Whole).await? else {
        return Err(Error::NotFound("attachment"));
    };
    let Some(asked) = asked else {
        return Ok(answer(StatusCode::OK, id, &stored, whole));
    };
    let Some(part) = within(&asked, whole.size_bytes) else {
        let range = format!("bytes */{}", whole.size_bytes);
        return Ok((
            StatusCode::RANGE_NOT_SATISFIABLE,
            [(header::CONTENT_RANGE, range)],
        )
            .into_response());
    };
    let object = storage
        .get(&stored.object_key, part)
        .await?
        .ok_or(Error::NotFound("attachment"))?;
    Ok(answer(StatusCode::PARTIAL_CONTENT, id, &stored, object))
}

/// Has a file that could not be fetched from the provider fetched once more; answers the message it belongs to.
#[utoipa::path(post, path = "/attachments/{id}/retry", tag = "attachments", operation_id = "retry_attachment",
    params(("id" = AttachmentId, Path)), responses((status = 200, body = Message)))]
async fn retry(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<AttachmentId>,
) -> Result<Json<Message>> {
    fetch::retry(&hub, &principal, id).await.map(Json)
}

/// How a file is offered: shown only when nothing in it can be run, else saved, under its sender's name for it or one of ours.
fn disposition(id: AttachmentId, media_type: &str, file_name: Option<&str>) -> String {
    let (family, kind) = media_type.split_once('/').unwrap_or_default();
    let is_shown = match family {
        "image" => ["gif", "jpeg", "png", "webp"].contains(&kind),
        "audio" | "video" => true,
        _ => false,
    };
    if is_shown {
        return "inline".to_owned();
    }
    let ending = match media_type {
        "application/pdf" => "pdf",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/plain" => "txt",
        "text/vcard" | "text/x-vcard" => "vcf",
        _ => "bin",
    };
    let plain = format!("attachment; filename=\"{id}.{ending}\"");
    match file_name {
        Some(name) => format!("{plain}; filename*=UTF-8''{}", encoded(name)),
        None => plain,
    }
}

/// A name as a header carries it (RFC 8187).
fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    encoded
}

fn answer(status: StatusCode, id: AttachmentId, stored: &Stored, object: Object) -> Response {
    let length = object.range.end - object.range.start;
    let range = format!(
        "bytes {}-{}/{}",
        object.range.start,
        object.range.end.max(1) - 1,
        object.size_bytes
    );
    let mut answer = (status, Body::from_stream(object.body)).into_response();
    let headers = answer.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, &stored.media_type);
    set(header::CONTENT_LENGTH, &length.to_string());
    set(header::ACCEPT_RANGES, "bytes");
    // Whatever a file claims to be, it is shown in a player or saved, never run as a page of ours.
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    set(
        header::CONTENT_DISPOSITION,
        &disposition(id, &stored.media_type, stored.file_name.as_deref()),
    );
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, &range);
    }
    answer
}

/// One range of bytes; anything else is answered whole, as the standard allows.
fn part(range: &str) -> Option<Part> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    match (from, to) {
        ("", last) => Some(Part::Last(last.parse().ok()?)),
        (from, "") => Some(Part::From(from.parse().ok()?)),
        (from, to) => {
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            (from <= to).then_some(Part::Between(from, to.saturating_add(1)))
        }
    }
}

/// The part as far as the object has it.
fn within(part: &Part, size: u64) -> Option<Part> {
    match *part {
        Part::Last(count) => (count > 0 && size > 0).then_some(Part::Last(count.min(size))),
        Part::From(from) => (from < size).then_some(Part::From(from)),
        Part::Between(from, to) => (from < size).then_some(Part::Between(from, to.min(size))),
        Part::Whole => Some(Part::Whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_run_is_shown() {
        let id = uuid::Uuid::nil().into();
        for shown in ["image/jpeg", "image/webp", "audio/wav", "video/mp4"] {
            assert_eq!(disposition(id, shown, Some("a.html")), "inline", "{shown}");
        }
        for saved in [
            "text/html",
            "image/svg+xml",
            "application/pdf",
            "application/octet-stream",
            "",
        ] {
            assert!(disposition(id, saved, None).starts_with("attachment;"), "{saved}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_header() {
        let id = uuid::Uuid::nil().into();
        let said = disposition(id, "application/pdf", Some("Angebot \"7\";\r\nX: y ü.pdf"));
        assert!(
            said.ends_with("; filename*=UTF-8''Angebot%20%227%22%3B%0D%0AX%3A%20y%20%C3%BC.pdf"),
            "{said}"
        );
    }

    #[test]
    fn ranges_are_read_and_kept_within_the_object() {
        for (text, size, expected) in [
            ("bytes=0-1", 10, Some(Part::Between(0, 2))),
            ("bytes=5-99", 10, Some(Part::Between(5, 10))),
            ("bytes=5-", 10, Some(Part::From(5))),
            ("bytes=-3", 10, Some(Part::Last(3))),
            ("bytes=-30", 10, Some(Part::Last(10))),
            ("bytes=10-", 10, None),
            ("bytes=-0", 10, None),
            ("bytes=0-", 0, None),
        ] {
            assert_eq!(within(&part(text).unwrap(), size), expected, "{text}");
        }
        for other in ["bytes=2-1", "bytes=0-1,4-5", "lines=1-2", "bytes=x-", ""] {
            assert_eq!(part(other), None, "{other}");
        }
    }
}
