//! Webhooks to Switchboard: signed over the public URL, sent to the real address, written down with their answer.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use url::Url;

use super::sign;
use super::world::World;
use crate::clock;

/// Twilio waits this long for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// One webhook.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    /// What it is for: `voice`, `action`, `call.status`, `stream.status`, `recording`, `sms`, `sms.status`.
    pub(crate) purpose: &'static str,
    pub(crate) account: String,
    /// As written in settings or TwiML: the public URL.
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) params: Vec<(String, String)>,
}

/// What Switchboard answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends one webhook and records it; an error means that no answer came.
pub(crate) async fn send(world: &Arc<World>, webhook: &Webhook) -> Result<Answer> {
    let sent_us = clock::now_us();
    if world.swallows(webhook.purpose) {
        world.ledger.record(
            "webhook.swallowed",
            json!({"purpose": webhook.purpose, "url": webhook.url}),
        );
        // What a proxy in front of a receiver that is down answers.
        return Ok(Answer {
            status: 502,
            body: String::new(),
        });
    }
    let outcome = match attempt(world, webhook).await {
        // Twilio tries once more when it could not even connect.
        Err(error)
            if error
                .downcast_ref::<reqwest::Error>()
                .is_some_and(reqwest::Error::is_connect) =>
        {
            attempt(world, webhook).await
        }
        outcome => outcome,
    };
    let params: serde_json::Map<_, _> = webhook
        .params
        .iter()
        .map(|(k, v)| (k.clone(), json!(v)))
        .collect();
    let (status, body) = match &outcome {
        Ok(answer) => (json!(answer.status), answer.body.chars().take(4000).collect()),
        Err(error) => (json!(null), format!("{error:#}")),
    };
    world.ledger.record(
        "webhook",
        json!({
            "purpose": webhook.purpose, "url": webhook.url, "params": params,
            "status": status, "answer": body, "took_us": clock::now_us() - sent_us,
        }),
    );
    outcome
}

async fn attempt(world: &Arc<World>, webhook: &Webhook) -> Result<Answer> {
    let get = webhook.method == "GET";
    let mut public = Url::parse(&webhook.url).with_context(|| format!("read the URL {}", webhook.url))?;
    if get {
        public.query_pairs_mut().extend_pairs(&webhook.params);
    }
    public.set_fragment(None);
    // The text as it was written counts, not as a parser would normalise it.
    let signed_url = if get {
        public.to_string()
    } else {
        webhook.url.clone()
    };
    let signed: &[(String, String)] = if get { &[] } else { &webhook.params };
    let target = world.route(&public);
    let mut request = if get {
        world.http.get(target)
    } else {
        world.http.post(target).form(&webhook.params)
    };
    if let Some(host) = public.host_str() {
        let host = public
            .port()
            .map_or(host.to_owned(), |port| format!("{host}:{port}"));
        request = request.header(http::header::HOST, host);
    }
    for (name, value) in world.signature(&webhook.account, &signed_url, signed) {
        request = request.header(name, value);
    }
    let response = request
        .header("I-Twilio-Idempotency-Token", uuid::Uuid::new_v4().to_string())
        .header(http::header::USER_AGENT, "TwilioProxy/1.1")
        .timeout(ANSWER_TIMEOUT)
        .send()
        .await?;
    let status = response.status().as_u16();
    Ok(Answer {
        status,
        body: response.text().await?,
    })
}

impl World {
    fn swallows(&self, purpose: &str) -> bool {
        let faults = self.faults.lock().expect("no holder of the lock panics");
        faults.swallowed.iter().any(|swallowed| swallowed == purpose)
    }

    /// The headers that sign a request of this account.
    pub(crate) fn signature(
        &self,
        account: &str,
        url: &str,
        params: &[(String, String)],
    ) -> Vec<(&'static str, String)> {
        let forged = self
            .faults
            .lock()
            .expect("no holder of the lock panics")
            .take_forgery();
        let Some(account) = self.account(account) else {
            return Vec::new();
        };
        let token = if forged {
            "not the auth token"
        } else {
            account.auth_token.as_str()
        };
        let shared = if forged { None } else { account.shared_key.as_ref() };
        sign::headers(token, shared, url, params)
    }
}
