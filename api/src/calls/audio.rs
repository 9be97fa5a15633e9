//! A listener's socket: shows its ticket, then gets the call's audio as it comes over Redis. It lags by losing frames,
//! never by holding them.

use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request};
use axum::response::Response;
use bytes::Bytes;
use hub::Hub;
use hub::auth::ticket::{self, Purpose};
use hub::call::order::{self, Order};
use hub::error::{Error, Result};
use hub::ids::{CallId, TenantId};
use hub::relay::Following;
use hub::serve::Place;
use serde::Deserialize;
use serde_json::json;

const SUBPROTOCOL: &str = "switchboard.audio.v1";
/// From the upgrade to the ticket.
const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// How often the call is told that somebody listens; it sends on for twice this and a little.
const SAY_SO: Duration = Duration::from_secs(5);
/// A listener who does not read for this long is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// A call of which nothing is heard for this long is over, or gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);
const BUFFER_BYTES: usize = 4_096;
const RECORD: usize = 1 + 4 + 160;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientFrame {
    Hello { ticket: String },
}

/// Upgrades; who it is is proved by the first frame.
pub(super) async fn accept(hub: Hub, call: CallId, request: Request) -> Result<Response> {
    let (mut parts, _body) = request.into_parts();
    crate::extract::admit_socket(&hub, &parts.extensions, &parts.headers)?;
    let not_a_socket = || Error::Malformed {
        code: "not_a_socket",
        detail: format!("open this as a WebSocket with the subprotocol {SUBPROTOCOL}"),
    };
    let place = Extension::<Place>::from_request_parts(&mut parts, &hub)
        .await
        .ok();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &hub)
        .await
        .map_err(|_rejection| not_a_socket())?;
    let origins = parts.headers.get_all(http::header::ORIGIN);
    let ours = |origin: &http::HeaderValue| {
        origin
            .to_str()
            .is_ok_and(|origin| crate::origin::is_ours(&hub, &parts.headers, origin))
    };
    if !origins.iter().all(ours) {
        return Err(Error::Forbidden);
    }
    let task_hub = hub.clone();
    Ok(upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            hub.tasks.spawn("calls.listener", async move {
                let _place = place;
                listen(task_hub, call, socket).await;
            });
        }))
}

async fn listen(hub: Hub, call: CallId, mut socket: WebSocket) {
    let Ok(Some(tenant)) = tokio::time::timeout(HELLO_LIMIT, hello(&hub, call, &mut socket)).await else {
        bye(&mut socket, "unauthorized").await;
        return;
    };
    let Ok(audio) = order::follow_audio(&hub, tenant, call).await else {
        bye(&mut socket, "unavailable").await;
        return;
    };
    let welcome = json!({ "type": "welcome", "sample_rate": 8000, "encoding": "mulaw" });
    if send(&mut socket, Message::text(welcome.to_string())).await {
        let reason = relay(&hub, tenant, call, audio, &mut socket).await;
        bye(&mut socket, reason).await;
    }
}

/// The tenant, once the ticket proved somebody who may listen to this call.
async fn hello(hub: &Hub, call: CallId, socket: &mut WebSocket) -> Option<TenantId> {
    let text = loop {
        match socket.recv().await? {
            Ok(Message::Text(text)) => break text,
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            _ => return None,
        }
    };
    let ClientFrame::Hello { ticket } = serde_json::from_str(&text).ok()?;
    let redeemed = ticket::redeem(hub, &ticket, Purpose::CallAudio(call))
        .await
        .ok()?;
    redeemed.principal.require(hub::role::Role::Staff).ok()?;
    Some(redeemed.principal.tenant())
}

/// Until the listener leaves, the call is over or the process stops; answers which.
async fn relay(
    hub: &Hub,
    tenant: TenantId,
    call: CallId,
    mut audio: Following,
    socket: &mut WebSocket,
) -> &'static str {
    let mut say_so = tokio::time::interval(SAY_SO);
    let mut first = None;
    loop {
        tokio::select! {
            batch = tokio::time::timeout(SILENCE_LIMIT, audio.next()) => {
                let Ok(batch) = batch else { return "silent" };
                match pass_on(socket, &batch, &mut first).await {
                    Passed::On => {}
                    Passed::Over => return "over",
                    Passed::Slow => return "slow",
                }
            }
            _ = say_so.tick() => {
                // A lost word is said again in five seconds.
                order::send(hub, tenant, call, &Order::Listen).await.ok();
            }
            from = socket.recv() => match from {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return "left",
                Some(Ok(_)) => {}
            },
            () = hub.tasks.stopping() => return "drain",
        }
    }
}

enum Passed {
    On,
    Over,
    Slow,
}

/// A batch's records, each a frame of its own, numbered from when the listener joined.
async fn pass_on(socket: &mut WebSocket, batch: &Bytes, first: &mut Option<u32>) -> Passed {
    let mut rest = batch.clone();
    while let Some(tag) = rest.first().copied() {
        let frame = match tag {
            0 | 1 if rest.len() >= RECORD => {
                let record = rest.split_to(RECORD);
                let sequence = record
                    .get(1..5)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map_or(0, u32::from_be_bytes);
                let joined = *first.get_or_insert(sequence);
                let mut frame = record.to_vec();
                if let Some(place) = frame.get_mut(1..5) {
                    place.copy_from_slice(&sequence.wrapping_sub(joined).to_be_bytes());
                }
                Message::Binary(frame.into())
            }
            2 => {
                rest = rest.slice(1..);
                Message::text(r#"{"type":"clear"}"#)
            }
            _ => return Passed::Over,
        };
        if !send(socket, frame).await {
            return Passed::Slow;
        }
    }
    Passed::On
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(
        tokio::time::timeout(WRITE_LIMIT, socket.send(message)).await,
        Ok(Ok(()))
    )
}

async fn bye(socket: &mut WebSocket, reason: &str) {
    let text = json!({ "type": "bye", "reason": reason }).to_string();
    if send(socket, Message::text(text)).await {
        send(socket, Message::Close(None)).await;
    }
}
