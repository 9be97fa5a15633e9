//! Where a request comes from: which tenant its host names, and whether a page of ours sent it.

use axum::http::{HeaderMap, header};
use hub::Hub;
use hub::error::{Error, Result};

pub(crate) use hub::origin::is_ours;

/// The `slug` of a host `{slug}.<our domain>`; none on the bare domain and on hosts that are not below it.
pub(crate) fn host_slug(hub: &Hub, headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?.to_ascii_lowercase();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _port)| name);
    let domain = hub.config.public_url.host_str()?;
    let slug = name
        .trim_end_matches('.')
        .strip_suffix(domain)?
        .strip_suffix('.')?;
    Some(slug.to_owned())
}

/// Refuses a request that another site's page made the browser send: what carries a cookie, and sign-in itself.
///
/// `Sec-Fetch-Site` cannot be set by scripts, so it decides where it is present. Older browsers send `Origin`. A request
/// with neither is no browser's.
///
/// # Errors
/// `Forbidden`.
pub(crate) fn same_site(hub: &Hub, headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = text("origin");
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => Ok(()),
        None if origin.is_none() => Ok(()),
        _ if origin.is_some_and(|origin| is_ours(hub, headers, origin)) => Ok(()),
        _ => Err(Error::Forbidden),
    }
}
