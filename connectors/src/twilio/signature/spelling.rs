//! The spellings of one URL under which Twilio may have signed it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The URL as it is, then without and with its port, each also normalised and with the query encoded the old way. Few
/// and distinct: each costs one HMAC per key.
pub(super) fn of(url: &str) -> Vec<String> {
    let mut spellings = Vec::with_capacity(8);
    let mut add = |spelling: String| {
        if !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    };
    for text in [Some(url.to_owned()), normalised(url), legacy_query(url)]
        .into_iter()
        .flatten()
    {
        for spelling in ports(&text) {
            add(spelling.clone());
            add(other_empty_path(&spelling).unwrap_or(spelling));
        }
    }
    spellings
}

/// As it is, without a port, with its scheme's port.
fn ports(url: &str) -> Vec<String> {
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return all;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    // An IPv6 address has colons of its own, inside brackets.
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    if let Some(colon) = authority.get(host_end..).and_then(|tail| tail.rfind(':')) {
        let host = authority.get(..host_end + colon).unwrap_or(authority);
        all.push(format!("{scheme}://{host}{target}"));
    } else {
        let port = if matches!(scheme, "https" | "wss") {
            443
        } else {
            80
        };
        all.push(format!("{scheme}://{authority}:{port}{target}"));
    }
    all
}

/// What a URL parser makes of it: lower-case host, encoded spaces, no standard port.
fn normalised(url: &str) -> Option<String> {
    url::Url::parse(url).ok().map(String::from)
}

/// The query decoded and encoded again with `%20` for a space, as Twilio's older back ends do.
fn legacy_query(url: &str) -> Option<String> {
    let (before, query) = url.split_once('?')?;
    let mut text = format!("{before}?");
    for (at, (name, value)) in url::form_urlencoded::parse(query.as_bytes()).enumerate() {
        if at > 0 {
            text.push('&');
        }
        write!(text, "{}={}", component(&name), component(&value)).ok()?;
    }
    Some(text)
}

/// As `encodeURIComponent` of JavaScript does.
fn component(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").ok();
        }
    }
    Cow::Owned(encoded)
}

/// `wss://host` and `wss://host/` are one address; a longer path's last slash matters.
fn other_empty_path(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    match rest.find('/') {
        None if !rest.contains('?') => Some(format!("{url}/")),
        Some(slash) if slash + 1 == rest.len() => url.strip_suffix('/').map(str::to_owned),
        _ => None,
    }
}
