//! The media store: ciphertext in, ciphertext out, by the name that the server gave it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::world::World;

/// What an upload has to show; `media_conn` hands it out.
const AUTH: &str = "fake-media";

/// One upload at most; WhatsApp takes documents of up to 2 GB, tests need less.
pub(crate) const UPLOAD_MAX_BYTES: usize = 128 * 1024 * 1024;

/// All uploads, by the token that names them (the hash of the ciphertext).
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<String, Bytes>>);

/// The answer to `media_conn`: this server's own address. WhatsApp's clients put `https://` before it.
pub(crate) fn connection(world: &World) -> Node {
    let host = NodeBuilder::new("host")
        .attr("hostname", world.address.to_string())
        .attr("type", "primary")
        .build();
    NodeBuilder::new("media_conn")
        .attr("auth", AUTH)
        .attr("ttl", "3600")
        .attr("auth_ttl", "3600")
        .attr("max_buckets", "12")
        .attr("id", "1")
        .children([host])
        .build()
}

#[derive(Deserialize)]
pub(crate) struct Upload {
    #[serde(default)]
    auth: String,
    /// Only asks whether it is there already.
    resume: Option<u8>,
}

/// `POST /mms/{kind}/{token}`.
pub(crate) async fn upload(
    State(world): State<Arc<World>>,
    Path((kind, token)): Path<(String, String)>,
    Query(upload): Query<Upload>,
    body: Bytes,
) -> Response {
    if let Some(status) = spoilt(&world) {
        return status.into_response();
    }
    if upload.auth != AUTH {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let path = format!("/v/{kind}/{token}");
    let url = format!("https://{}{path}", world.address);
    let mut shelf = world.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
    if upload.resume.is_some() {
        let state = if shelf.contains_key(&token) {
            "complete"
        } else {
            "0"
        };
        return Json(json!({"url": url, "direct_path": path, "resume": state})).into_response();
    }
    world.ledger.record(
        "upload",
        json!({"kind": kind, "token": token, "size": body.len()}),
    );
    shelf.insert(token, body);
    Json(json!({"url": url, "direct_path": path})).into_response()
}

/// `GET /v/{kind}/{token}`.
pub(crate) async fn download(
    State(world): State<Arc<World>>,
    Path((kind, token)): Path<(String, String)>,
) -> Response {
    if let Some(status) = spoilt(&world) {
        return status.into_response();
    }
    let found = world
        .shelf
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&token)
        .cloned();
    world.ledger.record(
        "download",
        json!({"kind": kind, "token": token, "found": found.is_some()}),
    );
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

fn spoilt(world: &World) -> Option<StatusCode> {
    let status = world.state().faults.media?;
    world.ledger.record("media.refused", json!({"status": status}));
    StatusCode::from_u16(status).ok()
}
