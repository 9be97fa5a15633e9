//! Operations on linked WhatsApp sessions: made, run, rested, renamed, unlinked. Linking itself is `pairing`'s.

mod pairing;

use axum::extract::State;
use axum::http::StatusCode;
use hub::audit::{self, Line};
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::SessionId;
use hub::principal::Principal;
use hub::session::{self, Desired, Session, SessionChange};
use hub::{Hub, shard};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update))
        .routes(routes!(unlink))
        .routes(routes!(pairing::pair))
}

/// What a new session needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWhatsappSession)]
struct NewSession {
    /// For staff; its inbox has the same name.
    name: String,
}

/// All, oldest first.
#[utoipa::path(get, path = "/whatsapp-sessions", tag = "whatsapp sessions", operation_id = "list_whatsapp_sessions",
    responses((status = 200, body = Page<Session>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<Session>>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let items = session::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Makes a session, not linked yet, and the inbox its conversations will be in.
#[utoipa::path(post, path = "/whatsapp-sessions", tag = "whatsapp sessions", operation_id = "create_whatsapp_session",
    request_body = NewSession, responses((status = 201, body = Session)))]
async fn create(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewSession>,
) -> Result<(StatusCode, Json<Session>)> {
    // First, and harmless without a session: a session without a shard would never be worked.
    shard::assign(&hub, principal.tenant()).await?;
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let made = session::create(&mut tx, &new.name, principal.staff_id()).await?;
    let line = Line::new("session.created").target("session", made.id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One of them.
#[utoipa::path(get, path = "/whatsapp-sessions/{id}", tag = "whatsapp sessions", operation_id = "get_whatsapp_session",
    params(("id" = SessionId, Path)), responses((status = 200, body = Session)))]
async fn get(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<SessionId>,
) -> Result<Json<Session>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let found = session::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(found))
}

/// Renames one, sets it, or says whether it is to run.
#[utoipa::path(patch, path = "/whatsapp-sessions/{id}", tag = "whatsapp sessions", operation_id = "update_whatsapp_session",
    params(("id" = SessionId, Path)), request_body = SessionChange, responses((status = 200, body = Session)))]
async fn update(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<SessionId>,
    Json(change): Json<SessionChange>,
) -> Result<Json<Session>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let changed = session::change(&mut tx, id, change).await?;
    let line = Line::new("session.changed").target("session", id.uuid());
    let line = line.detail(json!({ "desired": changed.desired, "groups": changed.groups }));
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok(Json(changed))
}

/// Has the account log this device out and forgets its keys. The conversations stay.
#[utoipa::path(post, path = "/whatsapp-sessions/{id}/unlink", tag = "whatsapp sessions",
    operation_id = "unlink_whatsapp_session", params(("id" = SessionId, Path)),
    responses((status = 202, body = Session)))]
async fn unlink(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<SessionId>,
) -> Result<(StatusCode, Json<Session>)> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let wanted = session::want(&mut tx, id, Desired::Unlinked).await?;
    let line = Line::new("session.unlinked").target("session", id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(wanted)))
}
