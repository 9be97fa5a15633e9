//! The two cookies: the refresh token, and the mark of a device that signed in before. Neither is read by scripts, sent
//! to other hosts or by other sites.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, SameSite};
use hub::Hub;

const DEVICE_LIFE: Duration = Duration::from_hours(365 * 24);

/// `__Host-` makes the browser keep a cookie to this host and to https; it refuses one over plain http.
fn name(hub: &Hub, of: &str) -> String {
    match hub.config.public_url.scheme() {
        "https" => format!("__Host-switchboard-{of}"),
        _ => format!("switchboard-{of}"),
    }
}

/// The refresh token a request carries.
pub(super) fn refresh_token(hub: &Hub, headers: &HeaderMap) -> Option<String> {
    read(headers, &name(hub, "refresh"))
}

/// The device mark a request carries.
pub(super) fn device(hub: &Hub, headers: &HeaderMap) -> Option<String> {
    read(headers, &name(hub, "device"))
}

/// Adds the refresh cookie to an answer.
pub(super) fn set_refresh(hub: &Hub, answer: Response, token: String, life: Duration) -> Response {
    set(hub, answer, "refresh", token, life)
}

/// Adds the device cookie to an answer.
pub(super) fn set_device(hub: &Hub, answer: Response, mark: String) -> Response {
    set(hub, answer, "device", mark, DEVICE_LIFE)
}

/// Takes the refresh cookie from the browser.
pub(super) fn forget(hub: &Hub, answer: Response) -> Response {
    set(hub, answer, "refresh", String::new(), Duration::ZERO)
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

fn set(hub: &Hub, mut answer: Response, of: &str, value: String, life: Duration) -> Response {
    let cookie = Cookie::build((name(hub, of), value))
        .path("/")
        .http_only(true)
        .secure(hub.config.public_url.scheme() == "https")
        .same_site(SameSite::Strict)
        .build();
    let line = format!("{cookie}; Max-Age={}", life.as_secs());
    if let Ok(value) = HeaderValue::from_str(&line) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
    answer
}
