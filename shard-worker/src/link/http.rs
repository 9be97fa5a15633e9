//! What the library asks over HTTP: the current version, and media. By the house's own client.

use anyhow::Context as _;
use connectors::http::Http;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::net::{HttpClient, HttpRequest, HttpResponse};

/// See the module.
pub(super) struct Web(pub(super) Http);

#[async_trait]
impl HttpClient for Web {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let client = self.0.client();
        let mut call = match request.method.as_str() {
            "POST" => client.post(&request.url),
            _ => client.get(&request.url),
        };
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let answer = call.send().await.context("call WhatsApp's web server")?;
        let status_code = answer.status().as_u16();
        let body = answer
            .bytes()
            .await
            .context("read what WhatsApp's web server says")?;
        Ok(HttpResponse {
            status_code,
            body: body.to_vec(),
        })
    }
}
