//! Operations on inboxes: connected numbers and forms.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::audit::{self, Line};
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::InboxId;
use hub::inbox::{self, Inbox, InboxChange, NewInbox};
use hub::principal::Principal;
use hub::tenant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(update))
}

/// All, oldest first.
#[utoipa::path(get, path = "/inboxes", tag = "inboxes", operation_id = "list_inboxes",
    responses((status = 200, body = Page<Inbox>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<Inbox>>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let items = inbox::list(&mut tx).await?;
    tx.commit().await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Connects a number, or makes a form.
#[utoipa::path(post, path = "/inboxes", tag = "inboxes", operation_id = "create_inbox", request_body = NewInbox,
    responses((status = 201, body = Inbox)))]
async fn create(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewInbox>,
) -> Result<(StatusCode, Json<Inbox>)> {
    let country = tenant::get(&hub, principal.tenant()).await?.country;
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let made = inbox::create(&mut tx, new, &country).await?;
    let line = Line::new("inbox.created").target("inbox", made.id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Renames one, sets it, or switches it off.
#[utoipa::path(patch, path = "/inboxes/{id}", tag = "inboxes", operation_id = "update_inbox",
    params(("id" = InboxId, Path)), request_body = InboxChange, responses((status = 200, body = Inbox)))]
async fn update(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<InboxId>,
    Json(change): Json<InboxChange>,
) -> Result<Json<Inbox>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let changed = inbox::change(&mut tx, id, change).await?;
    let line = Line::new("inbox.changed").target("inbox", id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok(Json(changed))
}
