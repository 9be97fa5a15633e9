//! The live feed over HTTP: a ticket, the socket it opens, and who is online.

mod socket;
mod upgrade;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use hub::Hub;
use hub::auth::ticket::{self, Purpose};
use hub::error::Result;
use hub::live::Person;
use hub::principal::Principal;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(live_ticket))
        .routes(routes!(live_socket))
        .routes(routes!(presence))
}

/// A one-time ticket for a socket.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiveTicket {
    /// To be shown in the socket's first frame.
    ticket: String,
    /// How long it is good.
    expires_in_s: u64,
}

/// Who of the team is here.
#[derive(Serialize, ToSchema)]
pub(crate) struct Presence {
    /// Everybody with an open dashboard, by name.
    staff: Vec<Present>,
}

/// Somebody of the team.
#[derive(Serialize, ToSchema)]
pub(crate) struct Present {
    #[serde(flatten)]
    person: Person,
    /// Always `online`: who is not is not listed.
    state: &'static str,
}

/// A ticket that opens the live feed, once, within thirty seconds.
#[utoipa::path(post, path = "/live/ticket", tag = "live", responses((status = 200, body = LiveTicket)))]
async fn live_ticket(principal: Principal, State(hub): State<Hub>) -> Result<Json<LiveTicket>> {
    let ticket = ticket::create(&hub, &principal, Purpose::Live)?;
    let expires_in_s = ticket::LIFE.as_secs();
    Ok(Json(LiveTicket { ticket, expires_in_s }))
}

/// The live feed: a WebSocket with subprotocol `switchboard.v1`.
///
/// First frame: `{"type":"hello","ticket":"…","position":{"epoch":"…","seq":12345}}`; without a position it begins now. The
/// answer is `welcome`, then `event`s in order without holes, `skip`s for numbers the role may not see, `signal`s, and a
/// `ping` every `heartbeat_s` to be answered with `{"type":"pong"}`.
#[utoipa::path(get, path = "/live", tag = "live", responses((status = 101, description = "The socket is open")))]
async fn live_socket(State(hub): State<Hub>, request: Request) -> Result<Response> {
    upgrade::accept(hub, request)
}

/// Who is online.
#[utoipa::path(get, path = "/presence", tag = "live", responses((status = 200, body = Presence)))]
async fn presence(principal: Principal, State(hub): State<Hub>) -> (StatusCode, Json<Presence>) {
    let online = hub::live::online(&hub, principal.tenant()).await;
    let staff = online.into_iter().map(|person| Present {
        person,
        state: "online",
    });
    let staff = staff.collect();
    (StatusCode::OK, Json(Presence { staff }))
}
