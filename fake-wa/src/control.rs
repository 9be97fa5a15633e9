//! The control surface: everything a test can do with the library, over HTTP below `/_control`.
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::address::Phone;
use crate::faults::{Faults, Refusal};
use crate::server::Server;

mod customers;

/// A mistake of the one who controls.
struct Wrong(anyhow::Error);

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let told = json!({"error": format!("{:#}", self.0)});
        (StatusCode::UNPROCESSABLE_ENTITY, Json(told)).into_response()
    }
}

impl<E: Into<anyhow::Error>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

type Told = Result<Json<Value>, Wrong>;
type Done = Result<StatusCode, Wrong>;

/// The routes; each is told in `GET /_control`.
pub(crate) fn router(server: Server) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/scan", post(scan))
        .route("/code", post(type_code))
        .route("/sessions", post(provision))
        .route("/accounts", get(accounts))
        .route("/accounts/{phone}/hold", put(hold))
        .route("/accounts/{phone}/lid", put(lid))
        .route("/accounts/{phone}/refusal", put(refuse).delete(let_in))
        .route("/accounts/{phone}/stream-error", post(stream_error))
        .route("/accounts/{phone}/devices/{device}", delete(unlink))
        .route("/groups", post(group))
        .route("/cut", post(cut))
        .route("/faults", get(faults).put(set_faults))
        .route("/connected", get(connected))
        .route("/record", get(record))
        .route("/overlaps", get(overlaps))
        .route("/effects", get(effects))
        .merge(customers::router())
        .with_state(server)
}

async fn index() -> Json<Value> {
    Json(json!({
        "POST scan": {"qr": "…", "phone": "+15550199"},
        "POST code": {"phone": "+15550199", "code": "ABCD1234"},
        "POST sessions": {"first": "+15550200", "count": 1000, "name": "Business"},
        "GET accounts": "devices, connections, what waits",
        "PUT accounts/{phone}/hold": {"held": true},
        "PUT accounts/{phone}/lid": "one-to-one by LID, for devices linked from now on",
        "PUT, DELETE accounts/{phone}/refusal": {"reason": 402, "code": 101, "expire_s": 3600},
        "POST accounts/{phone}/stream-error": {"code": 503},
        "DELETE accounts/{phone}/devices/{device}": "the owner removes it",
        "POST groups": {"subject": "…", "creator": "+15550100", "members": ["+15550199"], "by_lid": false},
        "POST cut": {"phone": "+15550199", "all": false},
        "GET, PUT faults": Faults::default(),
        "GET connected?first=&count=": "how many of these accounts are connected, and the time by which the record counts",
        "GET record?phone=": "who was connected when",
        "GET overlaps?margin_ms=": "two live sockets of one device: must be empty",
        "GET effects?after=&kind=&wait_ms=": "everything that happened",
        "customers": customers::index(),
    }))
}

#[derive(Deserialize)]
struct Scan {
    qr: String,
    phone: Phone,
}

async fn scan(State(server): State<Server>, Json(scan): Json<Scan>) -> Told {
    let device = server.scan(&scan.qr, scan.phone)?;
    Ok(Json(json!({"device": device})))
}

#[derive(Deserialize)]
struct Code {
    phone: Phone,
    code: String,
}

async fn type_code(State(server): State<Server>, Json(typed): Json<Code>) -> Done {
    server.type_code(typed.phone, &typed.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Sessions {
    first: Phone,
    #[serde(default = "one")]
    count: u64,
    #[serde(default)]
    name: Option<String>,
}

fn one() -> u64 {
    1
}

async fn provision(State(server): State<Server>, Json(wanted): Json<Sessions>) -> Told {
    let sessions = tokio::task::spawn_blocking(move || {
        let phones = (0..wanted.count).map(|number| Phone(wanted.first.0 + number));
        phones
            .map(|phone| {
                let name = wanted.name.clone().unwrap_or_else(|| format!("Business {phone}"));
                server.provision(phone, &name)
            })
            .collect::<anyhow::Result<Vec<_>>>()
    })
    .await??;
    Ok(Json(json!({"sessions": sessions})))
}

async fn accounts(State(server): State<Server>) -> Json<Value> {
    Json(server.accounts())
}

#[derive(Deserialize)]
struct Hold {
    held: bool,
}

async fn hold(State(server): State<Server>, Path(phone): Path<Phone>, Json(hold): Json<Hold>) -> Done {
    server.hold(phone, hold.held)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn lid(State(server): State<Server>, Path(phone): Path<Phone>) -> Done {
    server.address_by_lid(phone, &format!("Business {phone}"))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn refuse(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Json(refusal): Json<Refusal>,
) -> Done {
    server.refuse(phone, Some(refusal))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn let_in(State(server): State<Server>, Path(phone): Path<Phone>) -> Done {
    server.refuse(phone, None)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct StreamError {
    code: u16,
}

async fn stream_error(
    State(server): State<Server>,
    Path(phone): Path<Phone>,
    Json(error): Json<StreamError>,
) -> Done {
    server.stream_error(phone, error.code)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unlink(State(server): State<Server>, Path((phone, device)): Path<(Phone, u16)>) -> Done {
    server.unlink(phone, device)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct NewGroup {
    subject: String,
    creator: Phone,
    members: Vec<Phone>,
    #[serde(default)]
    by_lid: bool,
}

async fn group(State(server): State<Server>, Json(new): Json<NewGroup>) -> Told {
    let id = server.group(&new.subject, new.creator, &new.members, new.by_lid)?;
    Ok(Json(json!({"id": id})))
}

#[derive(Deserialize)]
struct Cut {
    phone: Option<Phone>,
    #[serde(default)]
    all: bool,
}

async fn cut(State(server): State<Server>, Json(cut): Json<Cut>) -> Told {
    if cut.phone.is_none() && !cut.all {
        return Err(anyhow::anyhow!("name a phone, or all").into());
    }
    Ok(Json(json!({"cut": server.cut(cut.phone)})))
}

async fn faults(State(server): State<Server>) -> Json<Faults> {
    Json(server.faults())
}

async fn set_faults(State(server): State<Server>, Json(faults): Json<Faults>) -> StatusCode {
    server.set_faults(faults);
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Range {
    first: Phone,
    count: u64,
}

async fn connected(State(server): State<Server>, Query(range): Query<Range>) -> Json<Value> {
    let connected = server.connected(range.first, range.count);
    Json(json!({"now_us": crate::clock::now_us(), "connected": connected}))
}

#[derive(Deserialize)]
struct Whose {
    phone: Option<Phone>,
}

async fn record(State(server): State<Server>, Query(whose): Query<Whose>) -> Json<Value> {
    Json(json!(server.record(whose.phone)))
}

#[derive(Deserialize)]
struct Margin {
    #[serde(default)]
    margin_ms: u64,
}

async fn overlaps(State(server): State<Server>, Query(margin): Query<Margin>) -> Json<Value> {
    Json(json!(server.overlaps(Duration::from_millis(margin.margin_ms))))
}

/// A look at a record that may wait for its next entry.
#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    after: u64,
    kind: Option<String>,
    /// Wait so long for the first that fits.
    #[serde(default)]
    wait_ms: u64,
}

async fn effects(State(server): State<Server>, Query(which): Query<Which>) -> Json<Value> {
    let patience = Duration::from_millis(which.wait_ms);
    let ledger = &server.world.ledger;
    Json(json!(
        ledger.poll(which.after, which.kind.as_deref(), patience).await
    ))
}
