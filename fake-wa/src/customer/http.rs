//! The media client of customers: plain HTTP, because the server has no certificate.
use std::time::Duration;

use anyhow::{Context, Result};
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::net::{HttpClient, HttpRequest, HttpResponse};

/// A media request at most.
const TIMEOUT: Duration = Duration::from_mins(1);

/// See the module.
pub(super) struct PlainHttp(reqwest::Client);

impl PlainHttp {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(plain_http()?))
    }
}

/// An HTTP client for this server: no TLS, no proxy, and a limit on every call.
pub fn plain_http() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .tls_backend_preconfigured(no_tls())
        .build()
        .context("build the HTTP client")
}

/// A TLS configuration that trusts nobody: there is nothing here to trust.
fn no_tls() -> rustls::ClientConfig {
    let provider = rustls::crypto::ring::default_provider();
    let builder = rustls::ClientConfig::builder_with_provider(provider.into());
    builder
        .with_safe_default_protocol_versions()
        .expect("ring has the default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[async_trait]
impl HttpClient for PlainHttp {
    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse> {
        let url = request.url.replacen("https://", "http://", 1);
        let mut call = if request.method == "POST" {
            self.0.post(url)
        } else {
            self.0.get(url)
        };
        for (name, value) in request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let answer = call.send().await.context("call the media server")?;
        Ok(HttpResponse {
            status_code: answer.status().as_u16(),
            body: answer
                .bytes()
                .await
                .context("read the media server's answer")?
                .to_vec(),
        })
    }
}
