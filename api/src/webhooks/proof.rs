//! The proof that a form post is Twilio's, for a number that is ours. A refusal says nothing, stores nothing and, for
//! numbers asked about in the last seconds, queries nothing.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use connectors::twilio::Account;
use connectors::twilio::signature::{Body, Presented, Refusal};
use hub::Hub;
use hub::inbox::{self, Addressed, Channel};

/// A form post that is Twilio's, not yet said for which number.
pub(super) struct Signed {
    presented: Presented,
    url: String,
    raw: Bytes,
    fields: HashMap<String, String>,
}

impl FromRequest<Hub> for Signed {
    type Rejection = Response;

    async fn from_request(request: Request, hub: &Hub) -> Result<Self, Response> {
        let headers = request.headers();
        let is_form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form || headers.contains_key(header::CONTENT_ENCODING) {
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type"));
        }
        let presented = Presented::from_headers(headers).map_err(forged)?;
        // What was signed is our configured origin and the raw target; no header of the request has a say in it.
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let url = hub.config.public(target);
        let raw = Bytes::from_request(request, &())
            .await
            .map_err(|refused| refuse(refused.status(), "body"))?;
        let fields = url::form_urlencoded::parse(&raw).into_owned().collect();
        Ok(Self {
            presented,
            url,
            raw,
            fields,
        })
    }
}

impl Signed {
    /// A parameter before the proof: only to find the key by.
    pub(super) fn claimed(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Proves the post with the keys of the account that carries `number`, which the post must name too.
    pub(super) async fn prove(self, hub: &Hub, number: &str) -> Result<Proved, Response> {
        let found = inbox::by_address(hub, Channel::Sms, number).await;
        let found = found.map_err(IntoResponse::into_response)?;
        let addressed = found.ok_or_else(|| refuse(StatusCode::FORBIDDEN, "unknown_number"))?;
        if addressed.account.as_deref() != Some(self.claimed("AccountSid")) {
            return Err(refuse(StatusCode::FORBIDDEN, "account"));
        }
        let account = addressed
            .credentials
            .as_deref()
            .and_then(|plain| Account::from_plain_json(plain).ok())
            .ok_or_else(|| refuse(StatusCode::FORBIDDEN, "no_credentials"))?;
        self.presented
            .verify(&account, &self.url, Body::Form(&self.raw))
            .map_err(forged)?;
        Ok(Proved {
            addressed,
            fields: self.fields,
        })
    }
}

/// A form post that is Twilio's, for this inbox.
pub(super) struct Proved {
    pub(super) addressed: Arc<Addressed>,
    fields: HashMap<String, String>,
}

impl Proved {
    /// A parameter.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

fn forged(refusal: Refusal) -> Response {
    let reason = match refusal {
        Refusal::Malformed => "malformed",
        Refusal::UnknownKey => "unknown_key",
        Refusal::BodyHash => "body_hash",
        Refusal::Mismatch => "mismatch",
    };
    refuse(StatusCode::FORBIDDEN, reason)
}

fn refuse(status: StatusCode, reason: &'static str) -> Response {
    metrics::counter!("switchboard_webhooks_rejected_total", "provider" => "twilio", "reason" => reason)
        .increment(1);
    status.into_response()
}
