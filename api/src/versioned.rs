//! Versions of what two staff can change at once: `ETag` out, `If-Match` in.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hub::error::Error;
use serde::Serialize;

use crate::extract::Json;

/// A JSON answer with its version as `ETag`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versioned<T>(pub(crate) i32, pub(crate) T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut answer = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        answer
    }
}

/// The version the caller has seen; none when it does not care. A deed given one answers `Stale` when it is not current.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IfMatch(pub(crate) Option<i32>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        if value == "*" {
            return Ok(Self(None));
        }
        value
            .to_str()
            .ok()
            .and_then(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').parse().ok())
            .map(|version| Self(Some(version)))
            // A tag that we never gave is not the current one.
            .ok_or(Error::Stale)
    }
}
