//! What every role answers about itself: `/healthz`, `/readyz`, `/metrics`, `/metrics.json`, `/version`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::{Hub, telemetry};

/// Routes of health and metrics, for any role.
pub fn router(hub: Hub) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/metrics.json", get(metrics_json))
        .route("/version", get(version))
        .with_state(hub)
}

/// 200 while the role takes work: both stores answer and nobody asked it to stop.
async fn ready(State(hub): State<Hub>) -> impl IntoResponse {
    let (database, redis) = tokio::join!(hub.db.ping(), hub.kv.takes_writes());
    let stopping = hub.tasks.is_stopping();
    // Redis being away degrades the system but does not stop it: Postgres alone decides.
    let ready = database.is_ok() && !stopping;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(
            json!({ "ready": ready, "database": database.is_ok(), "redis": redis.is_ok(), "stopping": stopping }),
        ),
    )
}

async fn metrics() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        telemetry::metrics().render(),
    )
}

/// The same figures as one JSON object, `name{labels}` to number.
async fn metrics_json() -> Json<Value> {
    let text = telemetry::metrics().render();
    let figures = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), json!(value.parse::<f64>().ok()?)))
        });
    Json(Value::Object(figures.collect::<Map<_, _>>()))
}

async fn version(State(hub): State<Hub>) -> Json<Value> {
    let build = hub.config.build;
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "role": hub.config.role_name(),
        "node": &*hub.node,
        "features": build.features,
        "licence": build.licence,
    }))
}
