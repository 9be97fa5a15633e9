//! The router: each noun's routes under `/api/v1` behind the gate, and what lies beside them.

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use hub::Hub;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    agent_settings, api_keys, attachments, audit, auth, calls, connections, contacts, conversations,
    demo_pages, edge, forms, gate, idempotency, inboxes, jobs, live, me, messages, openapi, operator_visits,
    platform, sessions, staff, uploads, web, webhooks,
};

/// A JSON body at most; uploads set their own limit on their route.
pub(crate) const BODY_MAX: usize = 256 * 1024;

/// Every operation of `/api/v1`, by noun. Each is also a line of `operations.rs`.
pub(crate) fn operations() -> OpenApiRouter<Hub> {
    let nouns = OpenApiRouter::new()
        .merge(agent_settings::routes())
        .merge(api_keys::routes())
        .merge(calls::routes())
        .merge(attachments::routes())
        .merge(audit::routes())
        .merge(auth::routes())
        .merge(jobs::routes())
        .merge(live::routes())
        .merge(connections::routes())
        .merge(contacts::routes())
        .merge(conversations::routes())
        .merge(demo_pages::routes())
        .merge(inboxes::routes())
        .merge(me::routes())
        .merge(messages::routes())
        .merge(operator_visits::routes())
        .merge(platform::routes())
        .merge(sessions::routes())
        .merge(staff::routes())
        .merge(uploads::routes());
    OpenApiRouter::with_openapi(openapi::frame()).nest(gate::PREFIX, nouns)
}

/// What else the role serves: webhooks, forms, scripts for other sites. Each proves its caller by itself.
fn intake() -> Router<Hub> {
    Router::new().merge(forms::routes()).merge(webhooks::routes())
}

/// All routes of the api role, but for health and metrics.
pub fn router(hub: Hub) -> Router {
    let (operations, document) = operations()
        .layer(middleware::from_fn_with_state(hub.clone(), idempotency::keep))
        .layer(middleware::from_fn_with_state(hub.clone(), gate::check))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .split_for_parts();
    Router::new()
        .merge(operations)
        .merge(openapi::routes(document))
        .merge(intake())
        .merge(web::routes())
        .layer(middleware::from_fn_with_state(hub.clone(), edge::wrap))
        .with_state(hub)
}
