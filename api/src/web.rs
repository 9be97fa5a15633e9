//! The staff web app, embedded in the binary (`web/dist`). Paths that are no file are the app's own: they get its page.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use hub::Hub;
use hub::error::Error;
use rust_embed::{Embed, EmbeddedFile};
use tower_http::compression::CompressionLayer;

/// In a debug build read from the folder at run time, so that a new web build needs no new binary.
#[derive(Embed)]
#[folder = "../web/dist"]
struct Dist;

/// Where other parts of the role live: an unknown path there is no page of the app.
const NOT_THE_APP: [&str; 5] = ["/api/", "/webhooks/", "/media/", "/forms/", "/chat/"];
/// The demo pages: a page of their own, for people who are not staff.
const DEMO: &str = "/try/";
/// File names under it carry their content's hash.
const HASHED: &str = "assets/";
/// What the browser asks again about each time: it usually gets a 304.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Switchboard</title>\
    <h1>The web app is not built</h1>\
    <p>This binary was built without it. In the repository: <code>make run</code>, or \
    <code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code> and build again.</p>\
    <p>The API works: <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p>";

/// Answers every path that no route has.
pub(crate) fn routes() -> Router<Hub> {
    Router::new().fallback(serve).layer(CompressionLayer::new())
}

async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    if !readable || NOT_THE_APP.iter().any(|prefix| path.starts_with(prefix)) {
        return Error::NotFound("page").into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = published(name) {
        return answer(name, file, request.headers());
    }
    if name.rsplit('/').next().is_some_and(|last| last.contains('.')) {
        return Error::NotFound("page").into_response();
    }
    let page = if path.starts_with(DEMO) {
        "try.html"
    } else {
        "index.html"
    };
    match Dist::get(page) {
        Some(file) => answer(page, file, request.headers()),
        None => (
            StatusCode::OK,
            [(header::CACHE_CONTROL, ASK_AGAIN)],
            Html(NOT_BUILT),
        )
            .into_response(),
    }
}

/// A file of the app; not the build's own notes, which start with a dot.
fn published(name: &str) -> Option<EmbeddedFile> {
    if name.is_empty() || name.split('/').any(|part| part.starts_with('.')) {
        return None;
    }
    Dist::get(name)
}

fn answer(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", hex::encode(hash.split_at(16).0));
    let cache = if name.starts_with(HASHED) {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    let has_it = asked
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|known| known.trim().trim_start_matches("W/") == tag)
        });
    let kind = file.metadata.mimetype().to_owned();
    let headers = [(header::CONTENT_TYPE, kind), (header::ETAG, tag)];
    let cache = [(header::CACHE_CONTROL, cache)];
    if has_it {
        return (StatusCode::NOT_MODIFIED, cache, headers).into_response();
    }
    (cache, headers, file.data.into_owned()).into_response()
}
