//! Operations of the one who asks, on themselves.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::auth::totp::{self, Code, RecoveryCodes, TotpSecret};
use hub::error::{Error, Result};
use hub::principal::Principal;
use hub::staff::{self, Me, PasswordChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Json;

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(begin_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(disable_totp))
}

/// Who is signed in. A machine's key is nobody's: it is refused.
#[utoipa::path(get, path = "/me", tag = "me", operation_id = "me", responses((status = 200, body = Me)))]
async fn me(principal: Principal, State(hub): State<Hub>) -> Result<Json<Me>> {
    let staff = principal.staff_id().ok_or(Error::Forbidden)?;
    staff::me(&hub, principal.tenant(), staff).await.map(Json)
}

/// Sets one's password; every other sign-in ends.
#[utoipa::path(post, path = "/me/password", tag = "me", operation_id = "change_password",
    request_body = PasswordChange, responses((status = 204)))]
async fn change_password(
    principal: Principal,
    State(hub): State<Hub>,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode> {
    staff::change_password(&hub, &principal, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A secret for one's authenticator; it is asked for once it was confirmed.
#[utoipa::path(post, path = "/me/totp", tag = "me", operation_id = "begin_totp",
    responses((status = 200, body = TotpSecret)))]
async fn begin_totp(principal: Principal, State(hub): State<Hub>) -> Result<Json<TotpSecret>> {
    totp::begin(&hub, &principal).await.map(Json)
}

/// Turns the second factor on with the authenticator's first code. The recovery codes are shown this once.
#[utoipa::path(post, path = "/me/totp/confirm", tag = "me", operation_id = "confirm_totp",
    request_body = Code, responses((status = 200, body = RecoveryCodes)))]
async fn confirm_totp(
    principal: Principal,
    State(hub): State<Hub>,
    Json(typed): Json<Code>,
) -> Result<Json<RecoveryCodes>> {
    totp::confirm(&hub, &principal, &typed.code).await.map(Json)
}

/// Turns the second factor off.
#[utoipa::path(post, path = "/me/totp/disable", tag = "me", operation_id = "disable_totp",
    request_body = Code, responses((status = 204)))]
async fn disable_totp(
    principal: Principal,
    State(hub): State<Hub>,
    Json(typed): Json<Code>,
) -> Result<StatusCode> {
    totp::disable(&hub, &principal, &typed.code).await?;
    Ok(StatusCode::NO_CONTENT)
}
