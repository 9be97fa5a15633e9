//! Proof that a request is Twilio's and the tenant's: the signature over raw bytes and our configured address, with the
//! keys of the account that carries the called number, and that account's name in the form. Every refusal looks alike.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use connectors::twilio::signature::{Body, Presented};
use hub::inbox::{Addressed, Channel};

use crate::exchange::{Exchange, account};

/// A proved request.
pub(super) struct Signed {
    /// Which of whose numbers it is about.
    pub(super) addressed: Arc<Addressed>,
    form: Vec<(String, String)>,
}

impl Signed {
    /// A field of the form; empty when absent.
    pub(super) fn field(&self, name: &str) -> &str {
        self.form
            .iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value)
    }

    /// Twilio's name of the call.
    pub(super) fn call_sid(&self) -> &str {
        self.field("CallSid")
    }
}

impl FromRequest<Exchange> for Signed {
    type Rejection = Response;

    async fn from_request(request: Request, exchange: &Exchange) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let target = request
            .uri()
            .path_and_query()
            .map(|target| target.as_str().to_owned())
            .unwrap_or_default();
        let query: Vec<(String, String)> = pairs(request.uri().query().unwrap_or_default().as_bytes());
        if !is_form(&headers) || headers.contains_key(header::CONTENT_ENCODING) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let body = Bytes::from_request(request, exchange)
            .await
            .map_err(axum::response::IntoResponse::into_response)?;
        // What Twilio never sends is refused before anything is looked up.
        let presented = Presented::from_headers(&headers).map_err(|_refusal| refuse("malformed"))?;
        let form = pairs(&body);
        let number = find(&form, "To")
            .or_else(|| find(&query, "to"))
            .ok_or_else(|| refuse("no_number"))?;
        let found = hub::inbox::by_address(&exchange.hub, Channel::Voice, &hub::phone::sender(number)).await;
        let addressed = match found {
            Ok(found) => found.ok_or_else(|| refuse("unknown_number"))?,
            Err(fault) => return Err(fault.into_response()),
        };
        let account = account(&addressed).ok_or_else(|| refuse("no_account"))?;
        let url = exchange.hub.config.public(&target);
        presented
            .verify(&account, &url, Body::Form(&body))
            .map_err(|_refusal| refuse("mismatch"))?;
        if find(&form, "AccountSid") != Some(&*account.sid) {
            return Err(refuse("other_account"));
        }
        if addressed.inbox.disabled || find(&form, "CallSid").is_none_or(str::is_empty) {
            return Err(refuse("disabled"));
        }
        Ok(Self { addressed, form })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| {
        kind.trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(field, _)| field == name)
        .map(|(_, value)| &**value)
}

fn refuse(reason: &'static str) -> Response {
    metrics::counter!("switchboard_webhooks_rejected_total", "provider" => "twilio", "reason" => reason)
        .increment(1);
    StatusCode::FORBIDDEN.into_response()
}
