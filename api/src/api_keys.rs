//! Operations on machines' keys.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::api_key::{self, ApiKey, CreatedApiKey, NewApiKey};
use hub::cursor::Page;
use hub::error::Result;
use hub::ids::ApiKeyId;
use hub::principal::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
}

/// The keys that work, newest first. One page has them all.
#[utoipa::path(get, path = "/api-keys", tag = "api-keys", operation_id = "list_api_keys",
    responses((status = 200, body = Page<ApiKey>)))]
async fn list(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<ApiKey>>> {
    let items = api_key::list(&hub, principal.tenant()).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Makes a key. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/api-keys", tag = "api-keys", operation_id = "create_api_key", request_body = NewApiKey,
    responses((status = 201, body = CreatedApiKey)))]
async fn create(
    principal: Principal,
    State(hub): State<Hub>,
    Json(new): Json<NewApiKey>,
) -> Result<(StatusCode, Json<CreatedApiKey>)> {
    let created = api_key::create(&hub, principal.tenant(), Some(&principal), new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes a key, within a second.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "api-keys", operation_id = "revoke_api_key",
    params(("id" = ApiKeyId, Path)), responses((status = 204)))]
async fn revoke(
    principal: Principal,
    State(hub): State<Hub>,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode> {
    api_key::revoke(&hub, &principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
