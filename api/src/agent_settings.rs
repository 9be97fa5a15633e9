//! Operations on how the telephone is answered.

use axum::extract::State;
use hub::Hub;
use hub::agent_settings::{self, AgentSettings};
use hub::audit::{self, Line};
use hub::error::Result;
use hub::principal::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Json;
use crate::versioned::{IfMatch, Versioned};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new().routes(routes!(get, put))
}

/// How the telephone is answered; version 0 until somebody sets it.
#[utoipa::path(get, path = "/agent-settings", tag = "agent settings", operation_id = "get_agent_settings",
    responses((status = 200, body = AgentSettings, headers(("ETag", description = "The version")))))]
async fn get(principal: Principal, State(hub): State<Hub>) -> Result<Versioned<AgentSettings>> {
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    let (settings, version) = agent_settings::get(&mut tx).await?;
    tx.commit().await?;
    Ok(Versioned(version, settings))
}

/// Sets how the telephone is answered; the next call follows it.
#[utoipa::path(put, path = "/agent-settings", tag = "agent settings", operation_id = "put_agent_settings",
    params(("If-Match" = Option<String>, Header)), request_body = AgentSettings,
    responses((status = 200, body = AgentSettings, headers(("ETag", description = "The new version")))))]
async fn put(
    principal: Principal,
    State(hub): State<Hub>,
    IfMatch(expected): IfMatch,
    Json(settings): Json<AgentSettings>,
) -> Result<Versioned<AgentSettings>> {
    let version = agent_settings::put(&hub, principal.tenant(), &settings, expected).await?;
    let mut tx = hub.db.tenant(principal.tenant()).await?;
    audit::record(&mut tx, Some(&principal), Line::new("agent_settings.changed")).await?;
    tx.commit().await?;
    Ok(Versioned(version, settings))
}
