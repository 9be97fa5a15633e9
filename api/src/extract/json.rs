//! JSON bodies: read with the path of what is wrong in them.

use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hub::error::Error;
use hub::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A JSON body, in or out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            let detail = "send JSON, with Content-Type: application/json";
            let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail);
            return Err(problem.into_response());
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|refused| unread(refused.status()))?;
        read(&body).map(Self).map_err(IntoResponse::into_response)
    }
}

fn unread(status: StatusCode) -> Response {
    let problem = if status == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(status, "too_large", "the body is too large")
    } else {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "the body did not arrive whole",
        )
    };
    problem.into_response()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let malformed = |fault: &serde_json::Error| Error::Malformed {
        code: "malformed",
        detail: format!("the body is not JSON: {fault}"),
    };
    let read = serde_path_to_error::deserialize(&mut from).map_err(|fault| {
        if fault.inner().is_data() {
            Error::field(fault.path().to_string(), plain(&fault.inner().to_string()))
        } else {
            malformed(fault.inner())
        }
    })?;
    from.end().map_err(|fault| malformed(&fault))?;
    Ok(read)
}

/// Without the place in the text, which the field's path says better.
fn plain(message: &str) -> &str {
    message
        .split_once(" at line ")
        .map_or(message, |(plain, _)| plain)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
