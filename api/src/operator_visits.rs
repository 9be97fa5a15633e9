//! Operations on visits of the platform's operators, for the tenant they visit.

use axum::extract::State;
use hub::Hub;
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::VisitId;
use hub::principal::Principal;
use hub::visit::{self, Visit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end))
}

/// Who of the platform was here, why and until when; latest first, the last 200.
#[utoipa::path(get, path = "/operator-visits", tag = "operator-visits", operation_id = "list_operator_visits",
    responses((status = 200, body = Page<Visit>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<Visit>>> {
    let items = visit::list(&hub, principal.tenant()).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Shows an operator out, within a second.
#[utoipa::path(post, path = "/operator-visits/{id}/end", tag = "operator-visits", operation_id = "end_operator_visit",
    params(("id" = VisitId, Path)), responses((status = 200, body = Visit)))]
async fn end(principal: Principal, State(hub): State<Hub>, Path(id): Path<VisitId>) -> Result<Json<Visit>> {
    visit::end(&hub, &principal, id).await.map(Json)
}
