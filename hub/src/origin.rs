//! Which `Origin`s are pages of ours.

use axum::http::{HeaderMap, header};
use url::Url;

use crate::Hub;

/// Whether an `Origin` is a page of ours: the public URL's, a tenant's host below it, or the very host that was asked.
pub fn is_ours(hub: &Hub, headers: &HeaderMap, origin: &str) -> bool {
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
