//! Answers to failed requests: RFC 9457 problem details. The chain of causes goes to the log, never to the client.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Error, FieldFault, passes};

/// The body of an error answer (`application/problem+json`).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A stable name of the kind of problem, as a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do, for people.
    pub detail: String,
    /// A stable name for programs.
    pub code: &'static str,
    /// The request's id, as in the answer's `X-Request-Id` and our log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldFault>,
}

impl Problem {
    /// A problem with its answer's status.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:switchboard:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            request_id: None,
            errors: Vec::new(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(&self)).into_response();
        // Kept beside the body, so that the role's edge can write the request's id into it.
        answer.extensions_mut().insert(self);
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let retry_after = match &self {
            Self::TooMany { retry_after } => Some(retry_after.as_secs().max(1)),
            Self::Unavailable(..) => Some(1),
            Self::Database(fault) if passes(fault) => Some(1),
            _ => None,
        };
        let mut answer = problem_of(self).into_response();
        if let Some(seconds) = retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

fn problem_of(error: Error) -> Problem {
    let text = error.to_string();
    match error {
        Error::NotFound(_) => Problem::new(StatusCode::NOT_FOUND, "not_found", text),
        Error::Conflict { code, detail } => Problem::new(StatusCode::CONFLICT, code, detail),
        Error::Stale => Problem::new(StatusCode::PRECONDITION_FAILED, "stale", text),
        Error::Invalid { code, detail, fields } => Problem {
            errors: fields,
            ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
        },
        Error::Malformed { code, detail } => Problem::new(StatusCode::BAD_REQUEST, code, detail),
        Error::Unauthorized { code, detail } => Problem::new(StatusCode::UNAUTHORIZED, code, detail),
        Error::Forbidden => Problem::new(StatusCode::FORBIDDEN, "forbidden", text),
        Error::TooMany { .. } => Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", text),
        Error::Unavailable(what, source) => {
            tracing::warn!(error = format!("{source:#}"), "{what} is not available");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
        }
        Error::Database(fault) => database_problem(&fault),
        Error::Internal(fault) => internal_problem(&format!("{fault:#}")),
    }
}

/// A server that is restarting, full, locked or only reads is "try again", not a fault of ours.
fn database_problem(fault: &sqlx::Error) -> Problem {
    if passes(fault) {
        tracing::warn!(error = %fault, "The database is not available");
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the database is not available right now",
        );
    }
    internal_problem(&format!("database: {fault}"))
}

fn internal_problem(chain: &str) -> Problem {
    tracing::error!(error = chain, "A request failed by a fault of ours");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "something went wrong on our side; it was noted",
    )
}
