//! Queries: a wrong or unknown parameter is a 400 that names it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hub::error::Error;
use serde::de::DeserializeOwned;

/// The parameters after the question mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(read)| Self(read))
            .map_err(|refused| Error::Malformed {
                code: "bad_query",
                detail: refused.body_text(),
            })
    }
}
