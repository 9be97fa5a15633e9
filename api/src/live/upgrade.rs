//! The upgrade to the live socket. Done by hand rather than by the framework, because the socket then has the bare TCP
//! connection: it writes what many sockets share without copying, and holds no buffers while idle.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hub::Hub;
use hub::error::{Error, Result};
use hub::serve::{Guarded, Place};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};

use super::socket;
use crate::extract::admit_socket;
use crate::origin;

const SUBPROTOCOL: &str = "switchboard.v1";
/// RFC 6455's own constant.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Answers 101 and hands the connection to a task of its own.
///
/// # Errors
/// When it is no upgrade to our subprotocol, or comes from another site's page.
pub(super) fn accept(hub: Hub, mut request: Request) -> Result<Response> {
    admit_socket(&hub, request.extensions(), request.headers())?;
    let answer = check(&hub, &request)?;
    let host_slug = origin::host_slug(&hub, request.headers());
    let extensions = request.extensions_mut();
    let place = extensions.remove::<Place>();
    let upgrade = extensions.remove::<OnUpgrade>().ok_or_else(not_a_socket)?;
    hub.tasks.clone().spawn("live.socket", async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Some((stream, early)) = bare(upgraded) else {
            return;
        };
        let _place = place;
        socket::run(hub, stream, early, host_slug).await;
    });
    Ok(answer)
}

fn check(hub: &Hub, request: &Request) -> Result<Response> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| {
        // 16 bytes in base64.
        BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16)
    });
    let (Some(key), true) = (key, is_upgrade(request)) else {
        return Err(not_a_socket());
    };
    if request.uri().query().is_some() {
        // Addresses end up in logs: nothing may be in them.
        return Err(Error::invalid(
            "no_query",
            "the ticket belongs in the first frame, not in the address",
        ));
    }
    if !lists(headers, header::SEC_WEBSOCKET_PROTOCOL.as_str(), |name| {
        name == SUBPROTOCOL
    }) {
        return Err(Error::invalid(
            "subprotocol",
            "ask for the subprotocol switchboard.v1",
        ));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let ours = |origin: &HeaderValue| {
        origin
            .to_str()
            .is_ok_and(|origin| origin::is_ours(hub, headers, origin))
    };
    if !origins.all(ours) {
        return Err(Error::Forbidden);
    }
    let accept = Sha1::new_with_prefix(key.as_bytes()).chain_update(ACCEPT_GUID);
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL)
        .header(
            header::SEC_WEBSOCKET_ACCEPT,
            BASE64_STANDARD.encode(accept.finalize()),
        )
        .body(Body::empty())
        .map_err(|fault| Error::Internal(fault.into()))
}

fn is_upgrade(request: &Request) -> bool {
    let headers = request.headers();
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    request.method() == Method::GET
        && version.is_some_and(|version| version == "13")
        && lists(headers, header::CONNECTION.as_str(), |word| {
            word.eq_ignore_ascii_case("upgrade")
        })
        && lists(headers, header::UPGRADE.as_str(), |word| {
            word.eq_ignore_ascii_case("websocket")
        })
}

/// Whether one of a comma-separated header's words is meant.
fn lists(headers: &HeaderMap, name: &str, meant: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| meant(word.trim()))
}

fn not_a_socket() -> Error {
    Error::invalid("not_a_socket", "this address is a WebSocket")
}

/// The TCP connection under an upgraded one, and what was read of it already.
fn bare(upgraded: Upgraded) -> Option<(tokio::net::TcpStream, bytes::Bytes)> {
    let Ok(parts) = upgraded.downcast::<TokioIo<Guarded>>() else {
        tracing::error!("The live socket came over a listener that is not hub::serve's");
        return None;
    };
    Some((parts.io.into_inner().into_inner(), parts.read_buf))
}
