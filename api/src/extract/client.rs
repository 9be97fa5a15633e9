//! The client's address: the peer's, or what a trusted proxy says it is.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use hub::Hub;
use hub::error::Error;

/// Who is at the other end, for limits and the audit log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientIp(pub(crate) IpAddr);

impl FromRequestParts<Hub> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Infallible> {
        Ok(Self(client_ip(
            peer(&parts.extensions),
            &parts.headers,
            &hub.config.listen.trusted_proxies,
        )))
    }
}

/// Counts a socket that is about to be opened against its address. Our own side (a proxy's check, a process on the machine)
/// is not counted: whatever comes from outside has an address of its own.
///
/// # Errors
/// `TooMany`, when the address has opened too many lately.
pub(crate) fn admit_socket(hub: &Hub, extensions: &Extensions, headers: &HeaderMap) -> Result<(), Error> {
    let trusted = &hub.config.listen.trusted_proxies;
    let address = client_ip(peer(extensions), headers, trusted);
    if trusted.contains(&address) {
        return Ok(());
    }
    hub.upgrades.admit(address, hub.clock.now())
}

fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
}

/// Walks `X-Forwarded-For` from its end, where our own proxies write, to the first address that is none of them. What
/// stands left of that was written by the client and is not believed.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !trusted.contains(&client) {
        return client;
    }
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            return client;
        };
        client = address.to_canonical();
        if !trusted.contains(&client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn from(peer: &str, forwarded: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client_ip(ip(peer), &headers, &[ip("127.0.0.1"), ip("10.0.0.2")])
    }

    #[test]
    fn only_what_our_proxies_wrote_is_believed() {
        assert_eq!(from("203.0.113.9", &["198.51.100.1"]), ip("203.0.113.9"));
        assert_eq!(from("127.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(
            from("127.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"]),
            ip("198.51.100.1")
        );
        assert_eq!(
            from("127.0.0.1", &["1.1.1.1", "198.51.100.1"]),
            ip("198.51.100.1")
        );
        assert_eq!(from("::ffff:127.0.0.1", &["198.51.100.1"]), ip("198.51.100.1"));
        assert_eq!(from("127.0.0.1", &["nonsense"]), ip("127.0.0.1"));
        assert_eq!(from("127.0.0.1", &[]), ip("127.0.0.1"));
    }
}
