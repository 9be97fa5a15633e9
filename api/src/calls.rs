//! Operations on calls: look them up, end one, listen to one, call the agent from the browser.

mod audio;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use hub::Hub;
use hub::auth::ticket::{self, Purpose};
use hub::call::list::Filter;
use hub::call::{self, Call};
use hub::cursor::{self, Page};
use hub::error::Result;
use hub::ids::{CallId, InboxId};
use hub::principal::Principal;
use hub::turn::{self, Turn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path, Query};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(turns))
        .routes(routes!(hang_up))
        .routes(routes!(audio_ticket))
        .routes(routes!(listen))
        .routes(routes!(phone))
}

/// Which calls.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallListing {
    /// Only these; all without.
    #[param(inline)]
    state: Option<Filter>,
    /// Items of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A call's turns.
#[derive(Serialize, ToSchema)]
struct Turns {
    /// In the order in which they began.
    items: Vec<Turn>,
}

/// Opens a call's audio once, within thirty seconds.
#[derive(Serialize, ToSchema)]
struct AudioTicket {
    /// To be shown in the socket's first frame.
    ticket: String,
    /// The socket's path.
    url: String,
}

/// A call from the browser.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPhoneCall {
    /// The number to call; any of the business without.
    #[serde(default)]
    inbox_id: Option<InboxId>,
}

/// How the browser reaches the agent.
#[derive(Serialize, ToSchema)]
struct PhoneCall {
    /// The call.
    call_id: CallId,
    /// Opens its media socket.
    token: String,
    /// The socket's path.
    url: String,
}

/// Calls, newest first.
#[utoipa::path(get, path = "/calls", tag = "calls", operation_id = "list_calls", params(CallListing),
    responses((status = 200, body = Page<Call>)))]
async fn list(
    principal: Principal,
    State(hub): State<Hub>,
    Query(listing): Query<CallListing>,
) -> Result<Json<Page<Call>>> {
    let (tenant, query) = (principal.tenant(), format!("calls?{:?}", listing.state));
    let before: Option<CallId> = cursor::open(&hub, tenant, &query, listing.cursor.as_deref())?;
    let limit = cursor::limit(listing.limit);
    let mut tx = hub.db.tenant(tenant).await?;
    let items = call::list::list(&mut tx, listing.state, before, i64::from(limit) + 1).await?;
    tx.commit().await?;
    Page::cut(&hub, tenant, &query, limit, items, |last| last.id).map(Json)
}

/// One call.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", operation_id = "get_call",
    params(("id" = CallId, Path)), responses((status = 200, body = Call)))]
async fn get(principal: Principal, State(hub): State<Hub>, Path(id): Path<CallId>) -> Result<Json<Call>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let call = call::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(call))
}

/// What was said.
#[utoipa::path(get, path = "/calls/{id}/turns", tag = "calls", operation_id = "list_turns",
    params(("id" = CallId, Path)), responses((status = 200, body = Turns)))]
async fn turns(principal: Principal, State(hub): State<Hub>, Path(id): Path<CallId>) -> Result<Json<Turns>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    call::get(&mut tx, id).await?;
    let items = turn::list(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(Turns { items }))
}

/// Ends a call; one that is over stays so.
#[utoipa::path(post, path = "/calls/{id}/hang-up", tag = "calls", operation_id = "hang_up_call",
    params(("id" = CallId, Path)), responses((status = 202)))]
async fn hang_up(principal: Principal, State(hub): State<Hub>, Path(id): Path<CallId>) -> Result<StatusCode> {
    call::staff::hang_up(&hub, &principal, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// A ticket that opens the call's audio.
#[utoipa::path(post, path = "/calls/{id}/audio-ticket", tag = "calls", operation_id = "create_audio_ticket",
    params(("id" = CallId, Path)), responses((status = 200, body = AudioTicket)))]
async fn audio_ticket(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<CallId>,
) -> Result<Json<AudioTicket>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    call::get(&mut tx, id).await?;
    tx.commit().await?;
    let ticket = ticket::create(&hub, &principal, Purpose::CallAudio(id))?;
    let url = format!("/api/v1/calls/{id}/audio");
    Ok(Json(AudioTicket { ticket, url }))
}

/// A call's audio: a WebSocket with subprotocol `switchboard.audio.v1`.
///
/// First frame: `{"type":"hello","ticket":"…"}`. The answer is `{"type":"welcome","sample_rate":8000,"encoding":"mulaw"}`,
/// then binary frames: track (0 caller, 1 agent), four bytes of sequence (big-endian, 20 ms units since the listener
/// joined, one clock for both tracks), 160 bytes of μ-law. `{"type":"clear"}`: drop what is buffered of the agent.
/// `{"type":"bye","reason":"…"}` at the end.
#[utoipa::path(get, path = "/calls/{id}/audio", tag = "calls", operation_id = "listen_to_call",
    params(("id" = CallId, Path)), responses((status = 101, description = "The socket is open")))]
async fn listen(State(hub): State<Hub>, Path(id): Path<CallId>, request: Request) -> Result<Response> {
    audio::accept(hub, id, request).await
}

/// Calls the agent from the browser, over the same protocol as a telephone.
#[utoipa::path(post, path = "/phone-calls", tag = "calls", operation_id = "create_phone_call",
    request_body = NewPhoneCall, responses((status = 201, body = PhoneCall)))]
async fn phone(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewPhoneCall>,
) -> Result<(StatusCode, Json<PhoneCall>)> {
    let (call, token) = call::staff::phone(&hub, &principal, new.inbox_id).await?;
    let url = format!("/media/phone/{token}");
    Ok((
        StatusCode::CREATED,
        Json(PhoneCall {
            call_id: call.id,
            token,
            url,
        }),
    ))
}
