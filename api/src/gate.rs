//! The gate before every operation: who asks, whether host and token name the same tenant, whether the role suffices.

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hub::audit::{self, Line};
use hub::error::{Error, Result};
use hub::principal::Principal;
use hub::{Hub, auth};
use serde_json::json;

use crate::operations::{self, Operation};
use crate::origin;

/// Where the operations live.
pub(crate) const PREFIX: &str = "/api/v1";

/// Checks the operation table, then lets the request through with its [`Principal`].
pub(crate) async fn check(State(hub): State<Hub>, request: Request, next: Next) -> Response {
    // A body cannot be shared between threads, so what is asked about the request is asked without it.
    let (mut parts, body) = request.into_parts();
    if let Some(operation) = operation_of(&parts) {
        parts.extensions.insert(operation);
    }
    match admit(&hub, &parts).await {
        Ok(Some(principal)) => {
            tracing::Span::current().record("tenant.id", tracing::field::display(principal.tenant()));
            parts.extensions.insert(principal);
        }
        Ok(None) => {}
        Err(refusal) => return refusal.into_response(),
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn admit(hub: &Hub, request: &Parts) -> Result<Option<Principal>> {
    let Some(operation) = request.extensions.get::<Operation>().copied() else {
        // Of a known path, a method it does not have; of an unknown one, or one missing in the table: nothing there.
        return Err(Error::NotFound("page"));
    };
    let Some(least) = operation.least else {
        return Ok(None);
    };
    let principal = auth::authenticate(hub, bearer(&request.headers)?).await?;
    if origin::host_slug(hub, &request.headers).is_some_and(|slug| slug != principal.tenant_slug()) {
        return Err(Error::NotFound("page"));
    }
    principal.require(least)?;
    if principal.is_operator() {
        visit(hub, &principal, operation).await?;
    }
    Ok(Some(principal))
}

fn operation_of(request: &Parts) -> Option<Operation> {
    let matched = request.extensions.get::<MatchedPath>()?;
    let path = matched.as_str().strip_prefix(PREFIX)?;
    operations::find(request.method.as_str(), path)
}

/// Holds an operator on a visit to their list, and writes down what they change in the tenant's own log.
async fn visit(hub: &Hub, operator: &Principal, operation: Operation) -> Result<()> {
    if !operation.is_for_visits() {
        return Err(Error::Forbidden);
    }
    if operation.only_reads() {
        return Ok(());
    }
    let mut tx = hub.db.tenant(operator.tenant()).await?;
    let detail = json!({ "method": operation.method, "path": operation.path });
    audit::record(
        &mut tx,
        Some(operator),
        Line::new("operator.changed").detail(detail),
    )
    .await?;
    tx.commit().await
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Error::Unauthorized {
            code: "unauthorized",
            detail: "sign in first",
        })
}
