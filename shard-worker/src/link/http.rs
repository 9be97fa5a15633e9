//! What the library asks over HTTP: the current version, and files. By the house's own client; files piece by piece.

use std::io::Read;
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Buf as _, Bytes};
use connectors::http::Http;
use tokio::runtime::Handle;
use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::net::{HttpClient, HttpRequest, HttpResponse, StreamingHttpResponse};

/// A file at most, from the request to the last byte; silences between are shorter by the client's own limit.
const FILE_LIMIT: Duration = Duration::from_mins(4);

/// See the module.
pub(super) struct Web {
    http: Http,
    /// The library asks by `https://` whoever it talks to. Where the session itself goes without TLS (a server of our own,
    /// on this machine), so do its files.
    is_plain: bool,
}

impl Web {
    pub(super) fn new(web_url: &url::Url) -> anyhow::Result<Self> {
        Ok(Self {
            http: Http::new()?,
            is_plain: web_url.scheme() == "ws",
        })
    }

    fn call(&self, request: &HttpRequest) -> reqwest::RequestBuilder {
        let url = match request.url.strip_prefix("https://") {
            Some(rest) if self.is_plain => format!("http://{rest}"),
            _ => request.url.clone(),
        };
        let client = self.http.client();
        let mut call = match request.method.as_str() {
            "POST" => client.post(url),
            _ => client.get(url),
        };
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        call.timeout(FILE_LIMIT)
    }
}

#[async_trait]
impl HttpClient for Web {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let mut call = self.call(&request);
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

    fn supports_streaming(&self) -> bool {
        true
    }

    /// Called on a thread that may block.
    fn execute_streaming(&self, request: HttpRequest) -> anyhow::Result<StreamingHttpResponse> {
        let handle = Handle::try_current().context("find the runtime")?;
        let answer = handle.block_on(self.call(&request).send());
        let answer = answer.context("call WhatsApp's file server")?;
        Ok(StreamingHttpResponse {
            status_code: answer.status().as_u16(),
            body: Box::new(Body {
                handle,
                answer,
                piece: Bytes::new(),
            }),
        })
    }
}

/// An answer's body, read by a thread that may block.
struct Body {
    handle: Handle,
    answer: reqwest::Response,
    piece: Bytes,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            let piece = self.handle.block_on(self.answer.chunk());
            match piece.map_err(std::io::Error::other)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.piece.len());
        self.piece
            .split_to(count)
            .copy_to_slice(into.split_at_mut(count).0);
        Ok(count)
    }
}
