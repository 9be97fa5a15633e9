//! Ids in paths. One that is no id is an unknown one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use hub::error::Error;
use serde::de::DeserializeOwned;

/// The parameters of the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(read)| Self(read))
            .map_err(|_unreadable| Error::NotFound("page"))
    }
}
