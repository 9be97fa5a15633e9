//! `Calls`: dial, look up, list, redirect and hang up.
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Refusal, Request, unknown};
use crate::twilio::call::{Call, Document, Interrupt, NewCall};
use crate::twilio::twiml::Callback;
use crate::twilio::webhook::Webhook;
use crate::twilio::world::World;
use crate::twilio::{dial, leg, record};

fn bad(code: u32, message: &str) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, code, message.to_owned())
}

fn document(request: &Request) -> Result<Option<Document>, Refusal> {
    if let Some(url) = request.get("Url") {
        let method = request.get("Method").unwrap_or("POST").to_uppercase();
        return Ok(Some(Document::Url {
            url: url.to_owned(),
            method,
            extra: Vec::new(),
        }));
    }
    match request.get("Twiml") {
        Some(text) if text.chars().count() > 4000 => Err(bad(21227, "Twiml must not exceed 4000 characters")),
        Some(text) => Ok(Some(Document::Twiml(text.to_owned()))),
        None => Ok(None),
    }
}

pub(super) fn create(request: &Request) -> Result<Response, Refusal> {
    let to = request
        .get("To")
        .ok_or_else(|| bad(21201, "No 'To' number is specified"))?;
    let from = request
        .get("From")
        .ok_or_else(|| bad(21213, "No 'From' number is specified"))?;
    let first = document(request)?.ok_or_else(|| bad(21205, "Url parameter is required."))?;
    let timeout_s = request
        .get("Timeout")
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let callback = request.get("StatusCallback").map(|url| Callback {
        url: url.to_owned(),
        method: request
            .get("StatusCallbackMethod")
            .unwrap_or("POST")
            .to_uppercase(),
        events: request.all("StatusCallbackEvent"),
    });
    let new = NewCall {
        account: request.account.clone(),
        from: from.to_owned(),
        to: to.to_owned(),
        direction: "outbound-api",
        parent: None,
        callback,
    };
    let (call, interrupts) = Call::open(&request.world, new);
    let answer = call.json();
    let world = Arc::clone(&request.world);
    request.world.spawn(place(
        world,
        call,
        interrupts,
        first,
        Duration::from_secs(timeout_s),
    ));
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Rings, then follows the document.
async fn place(
    world: Arc<World>,
    call: Arc<Call>,
    mut interrupts: mpsc::Receiver<Interrupt>,
    first: Document,
    timeout: Duration,
) {
    let cut = CancellationToken::new();
    let rung = tokio::select! {
        rung = dial::ring(&world, &call, timeout, &cut) => rung,
        _ = interrupts.recv() => Err("canceled"),
    };
    match rung {
        Ok(()) => {
            if let Some(after_ms) = world.person(&call.to).hangs_up_after_ms {
                let hang_up = call.interrupts.clone();
                world.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(after_ms)).await;
                    let _ = hang_up.try_send(Interrupt::HungUp);
                });
            }
            leg::run(world, call, interrupts, first, None).await;
        }
        Err(status) => call.become_status(&world, status),
    }
}

pub(super) fn read(request: &Request, sid: &str) -> Result<Response, Refusal> {
    Ok(Json(find(request, sid)?.json()).into_response())
}

fn find(request: &Request, sid: &str) -> Result<Arc<Call>, Refusal> {
    let call = request
        .world
        .call(sid)
        .filter(|call| call.account == request.account);
    call.ok_or_else(|| {
        unknown(&format!(
            "/2010-04-01/Accounts/{}/Calls/{sid}.json",
            request.account
        ))
    })
}

pub(super) fn update(request: &Request, sid: &str) -> Result<Response, Refusal> {
    let call = find(request, sid)?;
    if call.is_over() && request.get("Status").is_some() {
        return Err(unknown(&format!(
            "/2010-04-01/Accounts/{}/Calls/{sid}.json",
            request.account
        )));
    }
    if call.is_over() {
        return Err(bad(21220, "Call is not in-progress. Cannot redirect."));
    }
    let interrupt = match (request.get("Status"), document(request)?) {
        (Some("completed"), _) => Interrupt::Ended("completed"),
        (Some("canceled"), _) if call.status() == "in-progress" => {
            return Err(bad(21220, "A call in progress cannot be canceled"));
        }
        (Some("canceled"), _) => Interrupt::Ended("canceled"),
        (None, Some(document)) => Interrupt::Document(document),
        _ => return Err(bad(21218, "Nothing to update")),
    };
    // A full queue means that the call is ending; Twilio answers 200 to that as well.
    let _ = call.interrupts.try_send(interrupt);
    Ok(Json(call.json()).into_response())
}

/// Records a call from now to its end.
pub(super) fn record(request: &Request, sid: &str) -> Result<Response, Refusal> {
    let call = find(request, sid)?;
    if call.status() != "in-progress" {
        return Err(bad(21220, "Requested resource is not eligible for recording"));
    }
    let callback = request.get("RecordingStatusCallback").map(|url| Webhook {
        purpose: "recording",
        account: request.account.clone(),
        url: url.to_owned(),
        method: "POST".to_owned(),
        params: call.params(),
    });
    let recording = record::until_the_end(&request.world, &call, callback);
    let answer =
        json!({"sid": recording, "call_sid": sid, "account_sid": request.account, "status": "in-progress"});
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

pub(super) fn list(request: &Request) -> Response {
    let fits = |name: &str, value: &str| request.get(name).is_none_or(|wanted| wanted == value);
    let size = request
        .get("PageSize")
        .and_then(|text| text.parse().ok())
        .unwrap_or(50);
    let calls: Vec<Value> = {
        let calls = request.world.calls.lock().expect("no holder of the lock panics");
        calls
            .iter()
            .rev()
            .filter(|call| call.account == request.account)
            .filter(|call| fits("To", &call.to) && fits("From", &call.from))
            .filter(|call| fits("Status", call.status()))
            .filter(|call| {
                request
                    .get("ParentCallSid")
                    .is_none_or(|sid| call.parent.as_deref() == Some(sid))
            })
            .take(size)
            .map(|call| call.json())
            .collect()
    };
    Json(json!({"calls": calls, "page": 0, "page_size": size, "next_page_uri": null})).into_response()
}
