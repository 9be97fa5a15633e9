//! Customers over HTTP: they come, say, read, watch and go.
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Told, Which};
use crate::address::Phone;
use crate::customer::{Patience, Said};
use crate::server::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/customers", get(list).post(come))
        .route("/customers/{phone}/say", post(say))
        .route("/customers/{phone}/read", post(read))
        .route("/customers/{phone}/typing", post(typing))
        .route("/customers/{phone}/presence", put(presence))
        .route("/customers/{phone}/watch", post(watch))
        .route("/customers/{phone}/online", put(online))
        .route("/customers/{phone}/news", get(news))
        .route("/customers/{phone}/files/{id}", get(file))
}

pub(super) fn index() -> Value {
    json!({
        "POST customers": {"phone": "+15550100", "name": "A customer"},
        "GET customers": "phone and device of each",
        "every path takes ?device=": "one of several devices of an account; by default the first",
        "POST customers/{phone}/say": {
            "to": "+15550199", "text": "…", "id": null, "quote": null, "react_to": null, "edit": null, "delete": null,
            "media": {"kind": "image", "mime": "image/png", "data": "base64", "name": null},
            "location": [0.0, 0.0], "contact": null,
        },
        "POST customers/{phone}/read": {"ids": ["…"]},
        "POST customers/{phone}/typing": {"to": "+15550199", "state": "composing | recording | paused"},
        "PUT customers/{phone}/presence": {"here": true},
        "POST customers/{phone}/watch": {"phone": "+15550199"},
        "PUT customers/{phone}/online": {"online": false},
        "GET customers/{phone}/news?after=&kind=&wait_ms=":
            "message, receipt, typing, presence, group, connection, undecryptable",
        "GET customers/{phone}/files/{id}": "the bytes of a file that it has got",
    })
}

/// Which of an account's customers.
#[derive(Deserialize)]
struct OnDevice {
    device: Option<u16>,
}

type OnQuery = Query<OnDevice>;

async fn list(State(server): State<Server>) -> Json<Value> {
    let customers = server.customers.all();
    let told = customers
        .iter()
        .map(|customer| json!({"phone": customer.phone, "device": customer.device}));
    Json(told.collect())
}

#[derive(Deserialize)]
struct Come {
    phone: Phone,
    name: String,
}

async fn come(State(server): State<Server>, Json(come): Json<Come>) -> Told {
    let customer = server.customer(come.phone, &come.name).await?;
    Ok(Json(json!({"phone": customer.phone, "device": customer.device})))
}

async fn say(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(said): Json<Said>,
) -> Told {
    let id = server.customers.find(phone, on.device)?.send(said).await?;
    Ok(Json(json!({"id": id})))
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

async fn read(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(read): Json<Ids>,
) -> Done {
    let ids: Vec<&str> = read.ids.iter().map(String::as_str).collect();
    server.customers.find(phone, on.device)?.read(&ids).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Typing {
    to: String,
    state: String,
}

async fn typing(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(typing): Json<Typing>,
) -> Done {
    let customer = server.customers.find(phone, on.device)?;
    customer.typing(&typing.to, &typing.state).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Presence {
    here: bool,
}

async fn presence(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(presence): Json<Presence>,
) -> Done {
    server
        .customers
        .find(phone, on.device)?
        .show(presence.here)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Watch {
    phone: Phone,
}

async fn watch(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(watch): Json<Watch>,
) -> Done {
    server
        .customers
        .find(phone, on.device)?
        .watch(watch.phone)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Online {
    online: bool,
}

async fn online(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Json(wanted): Json<Online>,
) -> Done {
    let customer = server.customers.find(phone, on.device)?;
    if wanted.online {
        customer.come(Patience::default()).await?;
    } else {
        customer.go().await;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn news(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Query(on): OnQuery,
    Query(which): Query<Which>,
) -> Told {
    let customer = server.customers.find(phone, on.device)?;
    let patience = Duration::from_millis(which.wait_ms);
    let news = customer.poll(which.after, which.kind.as_deref(), patience).await;
    Ok(Json(json!(news)))
}

async fn file(
    State(server): State<Server>,
    Path((phone, id)): Path<(Phone, String)>,
    Query(on): OnQuery,
) -> Result<Vec<u8>, super::Wrong> {
    Ok(server.customers.find(phone, on.device)?.fetch(&id).await?)
}
