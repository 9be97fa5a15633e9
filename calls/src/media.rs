//! Media sockets: Twilio's and the browser phone's, which plays Twilio. A socket proves itself three times: by its token
//! (made for one call), by Twilio's signature on the upgrade, and by the call it names in its first message.

mod socket;

pub(crate) use socket::{Incoming, Socket};

use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use connectors::twilio::signature::{Body, Presented};
use connectors::twilio::stream::{Event, Start};
use hub::call::token::{self, Purpose};
use hub::call::{self, Call, Source};
use hub::ids::{CallId, TenantId};
use hub::inbox::Channel;
use hub::serve::Place;

use crate::call::carry;
use crate::exchange::{Exchange, account};

/// From the upgrade to the message that names the call.
const START_LIMIT: Duration = Duration::from_secs(5);
/// The library clears its read buffer before every read: 4 KiB instead of 128 is the greatest saving there is.
const BUFFER_BYTES: usize = 4_096;
/// A frame has some 400 bytes; a start message with parameters a few thousand.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// A media socket that named its call.
pub(crate) struct Arrived {
    pub(crate) socket: Socket,
    pub(crate) tenant: TenantId,
    pub(crate) call: Call,
    /// The provider's id of the call.
    pub(crate) provider_id: String,
}

pub(crate) fn router(exchange: Exchange) -> Router {
    Router::new()
        .route("/media/twilio/{token}", get(twilio))
        .route("/media/phone/{token}", get(phone))
        .with_state(exchange)
}

async fn twilio(
    State(exchange): State<Exchange>,
    Path(token): Path<String>,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    match admit(&exchange, Purpose::Twilio, &token).await {
        Some(expected) if is_signed(&exchange, &token, &headers, &expected.call).await => {
            open(exchange, upgrade, expected, place)
        }
        _ => refuse(),
    }
}

async fn phone(
    State(exchange): State<Exchange>,
    Path(token): Path<String>,
    headers: HeaderMap,
    place: Option<Extension<Place>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // A browser always says whose page it is; what says nothing is no browser, and has the token all the same.
    let foreign = headers.get(header::ORIGIN).is_some_and(|origin| {
        !origin
            .to_str()
            .is_ok_and(|origin| hub::origin::is_ours(&exchange.hub, &headers, origin))
    });
    if foreign {
        return refuse();
    }
    match admit(&exchange, Purpose::Phone, &token).await {
        Some(expected) => open(exchange, upgrade, expected, place),
        None => refuse(),
    }
}

/// The same answer for every reason.
fn refuse() -> Response {
    metrics::counter!("switchboard_media_refused_total").increment(1);
    StatusCode::FORBIDDEN.into_response()
}

/// What the token was made for.
struct Expected {
    tenant: TenantId,
    call: Call,
    provider_id: String,
}

/// A token opens its call's socket for as long as the call is not over.
async fn admit(exchange: &Exchange, purpose: Purpose, token: &str) -> Option<Expected> {
    let (tenant, id) = token::open(&exchange.hub, purpose, token)?;
    let (call, provider_id) = look_up(exchange, tenant, id).await.ok()?;
    let source = match purpose {
        Purpose::Twilio => Source::Twilio,
        Purpose::Phone => Source::Phone,
        Purpose::Listen => return None,
    };
    (call.source == source && !call.state.is_over()).then_some(Expected {
        tenant,
        call,
        provider_id,
    })
}

async fn look_up(exchange: &Exchange, tenant: TenantId, id: CallId) -> hub::Result<(Call, String)> {
    let mut tx = exchange.hub.db.tenant(tenant).await?;
    let call = call::get(&mut tx, id).await?;
    let provider_id = call::begin::provider_id(&mut tx, id).await?;
    tx.commit().await?;
    Ok((call, provider_id))
}

/// Twilio signs the upgrade as it signs webhooks: the address of our document, no parameters.
async fn is_signed(exchange: &Exchange, token: &str, headers: &HeaderMap, call: &Call) -> bool {
    let url = exchange
        .hub
        .config
        .public_socket(&format!("/media/twilio/{token}"));
    let Ok(presented) = Presented::from_headers(headers) else {
        return false;
    };
    let found = hub::inbox::by_address(&exchange.hub, Channel::Voice, &call.to_address).await;
    let Ok(Some(addressed)) = found else { return false };
    account(&addressed).is_some_and(|account| presented.verify(&account, &url, Body::Empty).is_ok())
}

fn open(
    exchange: Exchange,
    upgrade: WebSocketUpgrade,
    expected: Expected,
    place: Option<Extension<Place>>,
) -> Response {
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(async move |socket| {
            let tasks = exchange.hub.tasks.clone();
            let socket = Socket::new(socket, place.map(|Extension(place)| place));
            tasks.spawn("calls.media", Box::pin(greet(exchange, socket, expected)));
        })
}

/// Waits for the message that names the call, then hands the socket to the call's task, which may be this one.
async fn greet(exchange: Exchange, mut socket: Socket, expected: Expected) {
    let Ok(Some(start)) = tokio::time::timeout(START_LIMIT, first_messages(&mut socket)).await else {
        socket.close("no start message").await;
        return;
    };
    let ours = start.call_sid == expected.provider_id;
    let telephone = start.encoding == "audio/x-mulaw" && start.sample_rate == 8_000;
    if !ours || !telephone {
        metrics::counter!("switchboard_media_refused_total").increment(1);
        socket.close("not the call this token is for").await;
        return;
    }
    socket.name(&start.stream_sid);
    let Expected {
        tenant,
        call,
        provider_id,
    } = expected;
    let id = call.id;
    let arrived = Arrived {
        socket,
        tenant,
        call,
        provider_id,
    };
    if let Some(seat) = exchange.arrive(id, arrived) {
        Box::pin(carry(exchange, seat)).await;
    }
}

async fn first_messages(socket: &mut Socket) -> Option<Start> {
    loop {
        let text = match socket.receive().await {
            Incoming::Text(text) => text,
            Incoming::Nothing => continue,
            Incoming::Foreign | Incoming::Closed => return None,
        };
        match connectors::twilio::stream::parse(&text) {
            Ok(Event::Connected) => {}
            Ok(Event::Start(start)) => return Some(*start),
            _ => return None,
        }
    }
}
