//! Operations on the tenant's staff.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::StaffId;
use hub::principal::Principal;
use hub::staff::{self, Invited, NewStaff, Staff, StaffChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, invite))
        .routes(routes!(update))
}

/// Everybody of the business, by name. One page has them all.
#[utoipa::path(get, path = "/staff", tag = "staff", operation_id = "list_staff",
    responses((status = 200, body = Page<Staff>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<Staff>>> {
    let items = staff::list(&hub, principal.tenant()).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Adds somebody; the answer has the link that signs them in.
#[utoipa::path(post, path = "/staff", tag = "staff", operation_id = "invite_staff", request_body = NewStaff,
    responses((status = 201, body = Invited)))]
async fn invite(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewStaff>,
) -> Result<(StatusCode, Json<Invited>)> {
    let invited = staff::invite(&hub, &principal, new).await?;
    Ok((StatusCode::CREATED, Json(invited)))
}

/// Changes somebody's name or role, or takes them out.
#[utoipa::path(patch, path = "/staff/{id}", tag = "staff", operation_id = "update_staff",
    params(("id" = StaffId, Path)), request_body = StaffChange, responses((status = 200, body = Staff)))]
async fn update(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<StaffId>,
    Json(change): Json<StaffChange>,
) -> Result<Json<Staff>> {
    staff::update(&hub, &principal, id, change).await.map(Json)
}
