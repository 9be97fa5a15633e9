//! Twilio's REST API: authentication, faults, routing, error bodies.
mod calls;
mod messages;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::attached;
use super::faults::RestFaultKind;
use super::world::World;
use crate::ulaw;

/// A request of the API, taken apart.
pub(crate) struct Request {
    pub(crate) world: Arc<World>,
    pub(crate) account: String,
    pub(crate) form: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.form
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }
}

/// Twilio's error body.
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) u32, pub(crate) String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.1, "message": self.2, "status": self.0.as_u16(),
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.1),
        });
        (self.0, Json(body)).into_response()
    }
}

pub(crate) fn unknown(path: &str) -> Refusal {
    Refusal(
        StatusCode::NOT_FOUND,
        20404,
        format!("The requested resource {path} was not found"),
    )
}

/// Everything below `/2010-04-01/`.
pub(crate) async fn serve(
    State(world): State<Arc<World>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let fault = world
        .faults
        .lock()
        .expect("no holder of the lock panics")
        .take_rest(&path);
    match fault {
        None => answer(&world, &method, &uri, &headers, &body),
        Some(RestFaultKind::Reset) => {
            spoilt(&world, &method, &path, failure(500));
            let broken =
                futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("reset")) });
            Response::new(axum::body::Body::from_stream(broken))
        }
        Some(RestFaultKind::RateLimited { retry_after_s }) => {
            let refusal = Refusal(
                StatusCode::TOO_MANY_REQUESTS,
                20429,
                "Too Many Requests".to_owned(),
            );
            let mut refused = spoilt(&world, &method, &path, refusal);
            if let Some(seconds) = retry_after_s {
                refused
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            refused
        }
        Some(RestFaultKind::Refused { status }) => spoilt(&world, &method, &path, failure(status)),
        Some(RestFaultKind::Stalled { after_ms }) => {
            let refused = spoilt(&world, &method, &path, failure(504));
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            refused
        }
        Some(RestFaultKind::AnsweredLate { after_ms }) => {
            let answered = answer(&world, &method, &uri, &headers, &body);
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            answered
        }
        Some(RestFaultKind::ProcessedThenRefused { status }) => {
            answer(&world, &method, &uri, &headers, &body);
            failure(status).into_response()
        }
    }
}

fn failure(status: u16) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refusal(status, 20500, "An internal server error has occurred".to_owned())
}

fn spoilt(world: &World, method: &Method, path: &str, refusal: Refusal) -> Response {
    let status = refusal.0.as_u16();
    world.ledger.record(
        "rest",
        json!({"method": method.as_str(), "path": path, "status": status, "spoilt": true, "form": {}}),
    );
    refusal.into_response()
}

fn answer(world: &Arc<World>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    let form = if *method == Method::GET {
        uri.query().unwrap_or_default().as_bytes()
    } else {
        body
    };
    let form: Vec<(String, String)> = url::form_urlencoded::parse(form).into_owned().collect();
    let outcome = authenticate(world, uri.path(), headers).map(|account| Request {
        world: Arc::clone(world),
        account,
        form: form.clone(),
    });
    let response = match outcome {
        Ok(request) => route(&request, method, uri.path()),
        Err(refusal) => refusal.into_response(),
    };
    let mut fields = serde_json::Map::new();
    for (name, value) in form {
        fields.insert(name, Value::String(value));
    }
    let data = json!({
        "method": method.as_str(), "path": uri.path(), "form": fields, "status": response.status().as_u16(),
    });
    world.ledger.record("rest", data);
    response
}

/// The account of the path, when the password is its token or one of its API keys.
fn authenticate(world: &World, path: &str, headers: &HeaderMap) -> Result<String, Refusal> {
    let refused = || Refusal(StatusCode::UNAUTHORIZED, 20003, "Authenticate".to_owned());
    let wanted = path
        .split('/')
        .nth(3)
        .map(|sid| sid.trim_end_matches(".json"))
        .ok_or_else(refused)?;
    let account = world.account(wanted).ok_or_else(refused)?;
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(refused)?;
    let decoded = header
        .strip_prefix("Basic ")
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(refused)?;
    let decoded = String::from_utf8(decoded).ok().ok_or_else(refused)?;
    let (user, password) = decoded.split_once(':').ok_or_else(refused)?;
    let by_token = user == account.sid && password == account.auth_token;
    let by_key = account
        .api_keys
        .iter()
        .any(|(key, secret)| user == key && password == secret);
    if by_token || by_key {
        Ok(account.sid.clone())
    } else {
        Err(refused())
    }
}

fn route(request: &Request, method: &Method, path: &str) -> Response {
    let path = path.strip_suffix(".json").unwrap_or(path);
    let parts: Vec<&str> = path.split('/').skip(4).collect();
    let outcome = match (method, parts.as_slice()) {
        (&Method::GET, []) => Ok(Json(json!({
            "sid": request.account, "status": "active", "type": "Full", "friendly_name": "Emulated account",
        }))
        .into_response()),
        (&Method::POST, ["Calls"]) => calls::create(request),
        (&Method::GET, ["Calls"]) => Ok(calls::list(request)),
        (&Method::GET, ["Calls", sid]) => calls::read(request, sid),
        (&Method::POST, ["Calls", sid]) => calls::update(request, sid),
        (&Method::POST, ["Calls", sid, "Recordings"]) => calls::record(request, sid),
        (&Method::POST, ["Messages"]) => messages::create(request),
        (&Method::GET, ["Messages"]) => Ok(messages::list(request)),
        (&Method::GET, ["Messages", sid, "Media"]) => {
            attached::list(&request.world, &request.account, sid).ok_or_else(|| unknown(path))
        }
        (&Method::GET, ["Messages", sid, "Media", file]) => {
            attached::lead(&request.world, &request.account, sid, file).ok_or_else(|| unknown(path))
        }
        (&Method::GET, ["Messages", sid]) => messages::read(request, sid),
        (&Method::GET | &Method::DELETE, ["Recordings", sid]) => recording(request, method, sid),
        (&Method::GET, ["IncomingPhoneNumbers"]) => Ok(numbers(request)),
        _ => Err(unknown(path)),
    };
    outcome.unwrap_or_else(Refusal::into_response)
}

fn recording(request: &Request, method: &Method, name: &str) -> Result<Response, Refusal> {
    let sid = name.trim_end_matches(".wav").trim_end_matches(".mp3");
    let mut recordings = request
        .world
        .recordings
        .lock()
        .expect("no holder of the lock panics");
    let known = recordings
        .get(sid)
        .filter(|recording| recording.account == request.account)
        .cloned();
    let Some(recording) = known else {
        return Err(unknown(name));
    };
    if *method == Method::DELETE {
        recordings.remove(sid);
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let wav = ulaw::to_wav(&recording.audio)
        .map_err(|error| Refusal(StatusCode::INTERNAL_SERVER_ERROR, 20500, error.to_string()))?;
    request.world.ledger.record(
        "recording.fetched",
        json!({"recording_sid": sid, "call_sid": recording.call}),
    );
    Ok(([(header::CONTENT_TYPE, "audio/x-wav")], wav).into_response())
}

fn numbers(request: &Request) -> Response {
    let numbers = request
        .world
        .numbers
        .lock()
        .expect("no holder of the lock panics");
    let wanted = request.get("PhoneNumber");
    let found: Vec<Value> = numbers
        .values()
        .filter(|number| number.account_sid == request.account)
        .filter(|number| wanted.is_none_or(|wanted| number.number == wanted))
        .map(|number| {
            json!({
                "phone_number": number.number, "voice_url": number.voice_url, "sms_url": number.sms_url,
                "status_callback": number.status_callback, "account_sid": number.account_sid,
            })
        })
        .collect();
    Json(json!({"incoming_phone_numbers": found, "page": 0, "page_size": 50, "next_page_uri": null}))
        .into_response()
}
