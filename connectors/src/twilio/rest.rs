//! Twilio's REST API: one request with its limits, what its answer means, and repeats where they cannot do harm.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use rand::Rng as _;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Account;
use crate::http::Http;

/// Tries in all of what is safe to repeat.
const TRIES: u32 = 4;
/// Full jitter below 100 ms, 200 ms, 400 ms …, as Twilio's own client does.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(3);
/// A longer `Retry-After` is the job's matter, not ours.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);
/// One try of what may be repeated while a caller waits.
const AGAIN_LIMIT: Duration = Duration::from_millis(1_500);
/// An error body beyond this is not read.
const ERROR_BODY_MAX: usize = 16 * 1024;

/// Why a request gave no answer to use. What a caller may do depends on which it is.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Twilio understood and said no: nothing was done. Repeating it will not help.
    #[error("Twilio refused ({status}{}): {message}", code_text(*code))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Twilio's own code (20404, 21610 …); may be absent.
        code: Option<u32>,
        /// In Twilio's words.
        message: String,
    },
    /// Too many requests: it was not processed, and is safe to send later.
    #[error("Twilio is taking no more requests right now")]
    Busy {
        /// When Twilio says to come back.
        retry_after: Option<Duration>,
    },
    /// It never left: no connection. Safe to send later.
    #[error("no connection to Twilio")]
    NotSent(#[source] reqwest::Error),
    /// No answer, a broken one, or a fault of Twilio's: it may have been done. Look it up before anything else.
    #[error("Twilio's answer is not known{}", status_text(*status))]
    Unknown {
        /// The HTTP status, when there was one.
        status: Option<u16>,
        /// What went wrong on the way.
        #[source]
        source: Option<reqwest::Error>,
    },
}

fn code_text(code: Option<u32>) -> String {
    code.map(|code| format!(", code {code}")).unwrap_or_default()
}

fn status_text(status: Option<u16>) -> String {
    status
        .map(|status| format!(" (status {status})"))
        .unwrap_or_default()
}

impl Fault {
    /// Whether it surely had no effect and may be sent again later.
    pub fn is_safe_to_repeat(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::NotSent(_))
    }

    /// Twilio's code, when it refused with one.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::NotSent(_) => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// Twilio's error body.
#[derive(Deserialize)]
struct ErrorBody {
    code: Option<u32>,
    message: Option<String>,
}

/// One account at Twilio. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rest {
    http: Http,
    base: Url,
    account: std::sync::Arc<Account>,
}

impl Rest {
    /// `base` is the configured `twilio.api_url`.
    pub fn new(http: Http, base: Url, account: Account) -> Self {
        Self {
            http,
            base,
            account: std::sync::Arc::new(account),
        }
    }

    /// Whose account it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The configured address of the API.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// Reads `path` below the account (`Messages.json`). Reading changes nothing, so every fault but a refusal is
    /// repeated.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Fault> {
        let request = || self.request(Method::GET, path).query(query);
        self.send(request, |fault| !matches!(fault, Fault::Refused { .. }))
            .await
    }

    /// Posts a form to `path` below the account. Repeated only where Twilio surely did nothing.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, form: &[(&str, &str)]) -> Result<T, Fault> {
        let request = || self.request(Method::POST, path).form(form);
        self.send(request, Fault::is_safe_to_repeat).await
    }

    /// Posts a form whose effect is the same however often it arrives (give a call this document, end it), while somebody
    /// waits on the line: every fault but a refusal is repeated, and no try may take long.
    pub async fn post_again<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Fault> {
        let request = || self.request(Method::POST, path).form(form).timeout(AGAIN_LIMIT);
        self.send(request, |fault| !matches!(fault, Fault::Refused { .. }))
            .await
    }

    /// Opens a file that Twilio keeps, such as a recording. `None` when the address is not Twilio's: an address in a
    /// webhook is not a reason to send our credentials anywhere else.
    pub fn download(&self, address: &str) -> Option<reqwest::RequestBuilder> {
        let url = Url::parse(address).ok()?;
        let ours = url.scheme() == self.base.scheme()
            && url.host_str() == self.base.host_str()
            && url.port_or_known_default() == self.base.port_or_known_default();
        ours.then(|| self.signed_in(self.http.client().get(url)))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let base = self.base.as_str().trim_end_matches('/');
        let url = format!("{base}/2010-04-01/Accounts/{}/{path}", self.account.sid);
        self.signed_in(self.http.client().request(method, url))
    }

    pub(super) fn signed_in(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let account = &self.account;
        match (&account.api_key_sid, &account.api_key_secret) {
            (Some(sid), Some(secret)) => request.basic_auth(sid, Some(secret.expose_secret())),
            _ => request.basic_auth(&account.sid, Some(account.auth_token.expose_secret())),
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> reqwest::RequestBuilder,
        repeat: impl Fn(&Fault) -> bool,
    ) -> Result<T, Fault> {
        self.http.budget().pay_in();
        let mut attempt = 0;
        loop {
            let started = Instant::now();
            let outcome = once(request()).await;
            let label = outcome.as_ref().map_or_else(Fault::label, |_| "ok");
            metrics::counter!("switchboard_twilio_requests_total", "outcome" => label).increment(1);
            metrics::histogram!("switchboard_twilio_request_seconds").record(started.elapsed());
            attempt += 1;
            let fault = match outcome {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            if !repeat(&fault) || attempt >= TRIES || !self.http.budget().take() {
                return Err(fault);
            }
            let Some(pause) = pause(&fault, attempt) else {
                return Err(fault);
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// How long to wait before the next try; `None` when Twilio wants longer than we hold a job.
fn pause(fault: &Fault, attempt: u32) -> Option<Duration> {
    if let Fault::Busy {
        retry_after: Some(wait),
    } = fault
    {
        return (*wait <= RETRY_AFTER_MAX).then_some(*wait);
    }
    let ceiling = BACKOFF
        .saturating_mul(1 << attempt.min(10).saturating_sub(1))
        .min(BACKOFF_MAX);
    Some(ceiling.mul_f64(rand::rng().random_range(0.0..1.0)))
}

async fn once<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Fault> {
    let answer = request.send().await.map_err(|fault| {
        if fault.is_connect() || fault.is_builder() {
            Fault::NotSent(fault)
        } else {
            Fault::Unknown {
                status: None,
                source: Some(fault),
            }
        }
    })?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(|fault| Fault::Unknown {
            status: Some(status.as_u16()),
            source: Some(fault),
        });
    }
    Err(refusal(status, answer).await)
}

async fn refusal(status: StatusCode, answer: reqwest::Response) -> Fault {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        return Fault::Busy {
            retry_after: seconds.map(Duration::from_secs),
        };
    }
    if !status.is_client_error() {
        return Fault::Unknown {
            status: Some(status.as_u16()),
            source: None,
        };
    }
    let body = limited(answer).await;
    let body: Option<ErrorBody> = serde_json::from_slice(&body).ok();
    let code = body.as_ref().and_then(|body| body.code);
    if code == Some(20_429) {
        return Fault::Busy { retry_after: None };
    }
    Fault::Refused {
        status: status.as_u16(),
        code,
        message: body
            .and_then(|body| body.message)
            .unwrap_or_else(|| "no reason given".to_owned()),
    }
}

async fn limited(mut answer: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        if body.len() + piece.len() > ERROR_BODY_MAX {
            break;
        }
        body.extend_from_slice(&piece);
    }
    body
}
