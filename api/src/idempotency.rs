//! `Idempotency-Key` on writes: the same key again answers the same, without doing it again. The write goes on when the
//! client hangs up meanwhile, so that its key has an answer when the client comes back.

use std::panic::AssertUnwindSafe;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use hub::Hub;
use hub::error::{Error, Result};
use hub::idempotency::{self, Answer, Begun};
use hub::principal::Principal;
use hub::problem::Problem;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::operations::Operation;
use crate::router::BODY_MAX;

/// An answer that is kept at most; larger ones are not writes'.
const ANSWER_MAX: usize = 1024 * 1024;
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Between the gate and the operations.
pub(crate) async fn keep(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    let key = request.headers().get("idempotency-key").cloned();
    let principal = request.extensions().get::<Principal>().cloned();
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD) && !is_streamed(&request);
    match (key, principal) {
        (Some(key), Some(principal)) if writes => once(hub, principal, &key, request, next)
            .await
            .unwrap_or_else(Error::into_response),
        _ => next.run(request).await,
    }
}

fn is_streamed(request: &Request) -> bool {
    let operation = request.extensions().get::<Operation>();
    operation.is_some_and(Operation::is_streamed)
}

async fn once(hub: Hub, by: Principal, key: &HeaderValue, request: Request, next: Next) -> Result<Response> {
    let key = key.to_str().unwrap_or_default().to_owned();
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        let problem = Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the body is too large",
        );
        return Ok(problem.into_response());
    };
    let fingerprint = fingerprint(&parts.method, &parts.uri.to_string(), &body);
    if let Begun::Again(answer) = idempotency::begin(&hub, &by, &key, fingerprint).await? {
        let mut answer = rebuild(answer);
        answer
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        return Ok(answer);
    }
    let request = Request::from_parts(parts, Body::from(body));
    let (send, receive) = oneshot::channel();
    let work = {
        let hub = hub.clone();
        async move {
            let answer = run(&hub, &by, &key, request, next).await;
            // Nobody waits when the client hung up.
            send.send(answer).ok();
        }
    };
    hub.tasks.spawn("api.write", work.in_current_span());
    let stopped = |_gone| Error::Internal(anyhow::anyhow!("a write was cut by the hard stop"));
    receive.await.map_err(stopped)?
}

async fn run(hub: &Hub, by: &Principal, key: &str, request: Request, next: Next) -> Result<Response> {
    let Ok(answer) = AssertUnwindSafe(next.run(request)).catch_unwind().await else {
        idempotency::release(hub, by, key).await?;
        return Err(Error::Internal(anyhow::anyhow!("a write panicked")));
    };
    if !is_final(answer.status()) {
        idempotency::release(hub, by, key).await?;
        return Ok(answer);
    }
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, ANSWER_MAX).await.map_err(anyhow::Error::from)?;
    let kept = Answer {
        status: parts.status.as_u16(),
        body: body.to_vec(),
    };
    idempotency::finish(hub, by, key, &kept).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Whether the same request would be answered the same tomorrow: done, or refused for what it says.
fn is_final(status: StatusCode) -> bool {
    status.is_success()
        || [
            StatusCode::NOT_FOUND,
            StatusCode::CONFLICT,
            StatusCode::PRECONDITION_FAILED,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]
        .contains(&status)
}

fn rebuild(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let is_empty = answer.body.is_empty();
    let mut rebuilt = (status, answer.body).into_response();
    let headers = rebuilt.headers_mut();
    if is_empty {
        headers.remove(header::CONTENT_TYPE);
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    rebuilt
}

fn fingerprint(method: &Method, uri: &str, body: &Bytes) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method.as_str().as_bytes(), uri.as_bytes(), body] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
