//! Operations on the audit log.

use axum::extract::State;
use hub::Hub;
use hub::audit::{self, Entry};
use hub::cursor::{Page, PageQuery};
use hub::error::Result;
use hub::principal::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Query};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit", params(PageQuery),
    responses((status = 200, body = Page<Entry>)))]
async fn list(
    principal: Principal,
    State(hub): State<Hub>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Entry>>> {
    let cursor = page.cursor.as_deref();
    audit::list(&hub, principal.tenant(), page.limit(), cursor)
        .await
        .map(Json)
}
