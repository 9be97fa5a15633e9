//! Operations of the platform's operators on its tenants.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::TenantId;
use hub::platform::{self, Limits, Overview, Reason};
use hub::principal::Principal;
use hub::visit::{self, Entered, NewVisit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, limit))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(enter))
}

/// Which tenant; only an operator names one that is not their own.
fn tenant(id: uuid::Uuid) -> TenantId {
    TenantId::trusted(id)
}

/// All tenants with what they use, by slug. One page has them all.
#[utoipa::path(get, path = "/platform/tenants", tag = "platform", operation_id = "list_tenants",
    responses((status = 200, body = Page<Overview>)))]
async fn list(_operator: Principal, State(hub): State<Hub>) -> Result<Json<Page<Overview>>> {
    let items = platform::overview(&hub).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// One tenant with what it uses.
#[utoipa::path(get, path = "/platform/tenants/{id}", tag = "platform", operation_id = "get_tenant",
    params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Overview)))]
async fn read(
    _operator: Principal,
    State(hub): State<Hub>,
    Path(id): Path<uuid::Uuid>,
) -> Result<Json<Overview>> {
    platform::overview_of(&hub, tenant(id)).await.map(Json)
}

/// Sets how much a tenant may use; calls under way are not cut.
#[utoipa::path(patch, path = "/platform/tenants/{id}", tag = "platform", operation_id = "limit_tenant",
    params(("id" = uuid::Uuid, Path)), request_body = Limits, responses((status = 200, body = Overview)))]
async fn limit(
    operator: Principal,
    State(hub): State<Hub>,
    Path(id): Path<uuid::Uuid>,
    Json(limits): Json<Limits>,
) -> Result<Json<Overview>> {
    platform::limit(&hub, Some(&operator), tenant(id), &limits)
        .await
        .map(Json)
}

/// Switches a tenant off, with a reason for its audit log.
#[utoipa::path(post, path = "/platform/tenants/{id}/suspend", tag = "platform", operation_id = "suspend_tenant",
    params(("id" = uuid::Uuid, Path)), request_body = Reason, responses((status = 200, body = Overview)))]
async fn suspend(
    operator: Principal,
    State(hub): State<Hub>,
    Path(id): Path<uuid::Uuid>,
    Json(why): Json<Reason>,
) -> Result<Json<Overview>> {
    platform::suspend(&hub, Some(&operator), tenant(id), &why)
        .await
        .map(Json)
}

/// Switches a tenant on again, with a reason for its audit log.
#[utoipa::path(post, path = "/platform/tenants/{id}/resume", tag = "platform", operation_id = "resume_tenant",
    params(("id" = uuid::Uuid, Path)), request_body = Reason, responses((status = 200, body = Overview)))]
async fn resume(
    operator: Principal,
    State(hub): State<Hub>,
    Path(id): Path<uuid::Uuid>,
    Json(why): Json<Reason>,
) -> Result<Json<Overview>> {
    platform::resume(&hub, Some(&operator), tenant(id), &why)
        .await
        .map(Json)
}

/// Enters a tenant: for a reason and a while, read-only unless more is asked for, seen by the tenant's admins. Needs a
/// sign-in of the last ten minutes. The token in the answer makes no credentials and opens no sockets.
#[utoipa::path(post, path = "/platform/tenants/{id}/enter", tag = "platform", operation_id = "enter_tenant",
    params(("id" = uuid::Uuid, Path)), request_body = NewVisit, responses((status = 201, body = Entered)))]
async fn enter(
    operator: Principal,
    State(hub): State<Hub>,
    Path(id): Path<uuid::Uuid>,
    Json(new): Json<NewVisit>,
) -> Result<(StatusCode, Json<Entered>)> {
    let entered = visit::enter(&hub, &operator, tenant(id), new).await?;
    Ok((StatusCode::CREATED, Json(entered)))
}
