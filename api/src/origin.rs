//! Where a request comes from: which tenant its host names, and whether a page of ours sent it.

use axum::http::{HeaderMap, header};
use hub::Hub;
use hub::error::{Error, Result};
use url::Url;

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

/// Whether an `Origin` is a page of ours: the public URL's, a tenant's host below it, or the very host that was asked.
pub(crate) fn is_ours(hub: &Hub, headers: &HeaderMap, origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    // The parser is lenient; what a browser sends is exactly scheme, host and port in lower case.
    if url.origin().ascii_serialization() != origin {
        return false;
    }
    let public = &hub.config.public_url;
    let same_place =
        url.scheme() == public.scheme() && url.port_or_known_default() == public.port_or_known_default();
    let below = |host: &str, domain: &str| {
        host == domain
            || host
                .strip_suffix(domain)
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|slug| !slug.is_empty() && !slug.contains('.'))
    };
    let ours = url
        .host_str()
        .zip(public.host_str())
        .is_some_and(|(host, domain)| below(host, domain));
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    (same_place && ours) || (authority.is_some() && authority == asked)
}
