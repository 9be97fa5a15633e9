//! Operations on contacts.

use axum::extract::State;
use hub::Hub;
use hub::audit::{self, Line};
use hub::contact::{self, Contact, ContactChange};
use hub::error::Result;
use hub::ids::ContactId;
use hub::principal::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(get, update))
}

/// Somebody, with all their addresses.
#[utoipa::path(get, path = "/contacts/{id}", tag = "contacts", operation_id = "get_contact",
    params(("id" = ContactId, Path)), responses((status = 200, body = Contact)))]
async fn get(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ContactId>,
) -> Result<Json<Contact>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let contact = contact::get(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Json(contact))
}

/// Changes what we know of somebody.
#[utoipa::path(patch, path = "/contacts/{id}", tag = "contacts", operation_id = "update_contact",
    params(("id" = ContactId, Path)), request_body = ContactChange, responses((status = 200, body = Contact)))]
async fn update(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ContactId>,
    Json(change): Json<ContactChange>,
) -> Result<Json<Contact>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let contact = contact::change(&mut tx, id, change).await?;
    let line = Line::new("contact.changed").target("contact", id.uuid());
    audit::record(&mut tx, Some(&principal), line).await?;
    tx.commit().await?;
    Ok(Json(contact))
}
