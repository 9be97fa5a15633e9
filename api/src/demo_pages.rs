//! Operations on demo pages: the switch for staff, and what a visitor without sign-in may do there.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hub::Hub;
use hub::call::visitor;
use hub::demo_page::{self, DemoPage, Welcome};
use hub::error::Result;
use hub::ids::{CallId, InboxId};
use hub::principal::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{ClientIp, Json, Path};
use crate::origin;

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(get, set))
        .routes(routes!(welcome))
        .routes(routes!(call))
}

/// What a demo page should be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DemoPageChange {
    /// Whether anybody may call there.
    enabled: bool,
    /// Gives it another address: the one before leads nowhere from then on.
    #[serde(default)]
    new_address: bool,
}

/// How a visitor's page reaches the agent.
#[derive(Serialize, ToSchema)]
struct DemoCall {
    /// The call.
    call_id: CallId,
    /// The media socket's path, which opens this call only.
    url: String,
}

/// A number's demo page.
#[utoipa::path(get, path = "/inboxes/{id}/demo-page", tag = "demo pages", operation_id = "get_demo_page",
    params(("id" = InboxId, Path)), responses((status = 200, body = DemoPage)))]
async fn get(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<InboxId>,
) -> Result<Json<DemoPage>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let page = demo_page::get(&hub, &mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(page))
}

/// Switches a number's demo page on or off.
#[utoipa::path(put, path = "/inboxes/{id}/demo-page", tag = "demo pages", operation_id = "set_demo_page",
    params(("id" = InboxId, Path)), request_body = DemoPageChange, responses((status = 200, body = DemoPage)))]
async fn set(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<InboxId>,
    Json(change): Json<DemoPageChange>,
) -> Result<Json<DemoPage>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let wanted = (change.enabled, change.new_address);
    let page = demo_page::set(&hub, &mut tx, Some(&principal), id, wanted).await?;
    tx.commit().await?;
    Ok(Json(page))
}

/// What a visitor of a demo page is shown. A page that is switched off answers like one that never was.
#[utoipa::path(get, path = "/demo-pages/{key}", tag = "demo pages", operation_id = "welcome_visitor",
    params(("key" = String, Path)), responses((status = 200, body = Welcome)))]
async fn welcome(
    State(hub): State<Hub>,
    ClientIp(ip): ClientIp,
    Path(key): Path<String>,
) -> Result<Json<Welcome>> {
    demo_page::welcome(&hub, &key, ip).await.map(Json)
}

/// A visitor calls the agent: a token for the media socket of that one call, which speaks Twilio's stream protocol and
/// carries the call's own transcript. Limited by address and by page; takes one of the business's lines.
#[utoipa::path(post, path = "/demo-pages/{key}/calls", tag = "demo pages", operation_id = "create_demo_call",
    params(("key" = String, Path)), responses((status = 201, body = DemoCall)))]
async fn call(
    State(hub): State<Hub>,
    ClientIp(ip): ClientIp,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<DemoCall>)> {
    origin::same_site(&hub, &headers)?;
    let (call, token) = visitor::call(&hub, &key, ip).await?;
    let made = DemoCall {
        call_id: call.id,
        url: format!("/media/phone/{token}"),
    };
    Ok((StatusCode::CREATED, Json(made)))
}
