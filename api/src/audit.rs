//! Operations on the audit log.

use axum::extract::State;
use hub::Hub;
use hub::audit::{self, Entry, Wanted};
use hub::cursor::{self, Page};
use hub::error::Result;
use hub::principal::Principal;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::extract::{Json, Query};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which lines of the log.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditListing {
    /// Only what this person or key did.
    actor: Option<Uuid>,
    /// Only this deed (`staff.invited`), or all about a noun (`staff`).
    #[param(max_length = 60)]
    action: Option<String>,
    /// Items of a page, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(AuditListing),
    responses((status = 200, body = Page<Entry>)))]
async fn list(
    principal: Principal,
    State(hub): State<Hub>,
    Query(listing): Query<AuditListing>,
) -> Result<Json<Page<Entry>>> {
    let wanted = Wanted {
        actor: listing.actor,
        action: listing.action.filter(|action| !action.is_empty()),
    };
    let (limit, cursor) = (cursor::limit(listing.limit), listing.cursor.as_deref());
    audit::list(&hub, principal.tenant(), &wanted, limit, cursor)
        .await
        .map(Json)
}
