//! The edge of the role, around every request: its id, its line in log and metrics, its time limit, panics, headers.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use hub::Hub;
use hub::ids::random_hex;
use hub::problem::Problem;
use tracing::Instrument as _;

/// From the request's headers to the answer's. Sockets and downloads go on after their headers.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// The same where a file comes in between, over somebody's slow line; its pieces have a limit of their own.
const UPLOAD_LIMIT: Duration = Duration::from_mins(5);
const UPLOADS: &str = "/api/v1/uploads";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a page of the web app may load: our own origin. Component libraries write style elements, hence their exception.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Wraps the whole router.
pub(crate) async fn wrap(State(hub): State<Hub>, mut request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let started = hub.clock.now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let is_api = request.uri().path().starts_with("/api/");
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let limit = if route == UPLOADS {
        UPLOAD_LIMIT
    } else {
        ANSWER_LIMIT
    };
    let span = tracing::info_span!("request", request.id = %id, method = %method, route, tenant.id = tracing::field::Empty);
    let answered = async {
        let answer = tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind());
        let answer = match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => fault(
                "panic",
                StatusCode::INTERNAL_SERVER_ERROR,
                "something went wrong on our side",
            ),
            Err(_elapsed) => fault(
                "timeout",
                StatusCode::SERVICE_UNAVAILABLE,
                "this took too long; try again",
            ),
        };
        let (status, took) = (answer.status(), hub.clock.now().since(started));
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            status = status.as_u16(),
            duration_ms,
            "{method} {route} answered {status}"
        );
        let labels = [
            ("method", method.to_string()),
            ("route", route.clone()),
            ("status", status.as_u16().to_string()),
        ];
        metrics::histogram!("switchboard_http_request_seconds", &labels).record(took.as_secs_f64());
        answer
    }
    .instrument(span)
    .await;
    finish(answered, &id, is_api)
}

fn fault(code: &'static str, status: StatusCode, detail: &'static str) -> Response {
    tracing::error!("A request ended by a {code}");
    Problem::new(status, code, detail).into_response()
}

/// The proxy's id when it is plain, else one of ours.
fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        .map_or_else(|| random_hex(8), str::to_owned)
}

/// The id goes into a problem's body too; headers that a handler set itself stay.
fn finish(mut answer: Response, id: &str, is_api: bool) -> Response {
    if let Some(mut problem) = answer.extensions_mut().remove::<Problem>() {
        problem.request_id = Some(id.to_owned());
        let retry_after = answer.headers().get(header::RETRY_AFTER).cloned();
        answer = problem.into_response();
        if let Some(after) = retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, after);
        }
    }
    let is_page = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = answer.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(
        header::CONTENT_SECURITY_POLICY,
        if is_page { PAGE_POLICY } else { DATA_POLICY },
    );
    if is_page {
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        );
        set(
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(self), microphone=(self)",
        );
    }
    if is_api {
        set(header::CACHE_CONTROL, "no-store");
        set(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        );
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    answer
}
