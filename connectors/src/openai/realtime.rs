//! OpenAI's Realtime API over its WebSocket: how it is reached, what it says (`event`) and what it is told (`order`).
//! Types of our own: the published ones cannot read what the service sends when noise reduction is on, and refuse events
//! they do not know.

pub mod event;
pub mod order;

use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

/// The socket to a session.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The library clears its read buffer before every read; 128 KiB of it, its default, costs more than all else.
const BUFFER_BYTES: usize = 4_096;
/// A message beyond this is nothing that we asked for.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Where sessions are had, and with which key.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// As `OPENAI_BASE_URL`: `https://api.openai.com/v1`.
    pub base_url: Url,
    /// The key.
    pub api_key: SecretString,
    /// The model of the session.
    pub model: String,
}

impl Endpoint {
    /// The socket's address: the base's scheme as `ws`, its path and `/realtime`.
    fn address(&self) -> anyhow::Result<String> {
        let mut url = Url::parse(&self.base_url.as_str().replacen("http", "ws", 1))?;
        url.path_segments_mut()
            .ok()
            .context("the base URL has no path")?
            .pop_if_empty()
            .push("realtime");
        url.query_pairs_mut().append_pair("model", &self.model);
        Ok(url.into())
    }
}

/// Opens a session; the first thing it says is `session.created`.
///
/// # Errors
/// When it is not open within `limit`, or refused.
pub async fn connect(endpoint: &Endpoint, limit: Duration) -> anyhow::Result<Socket> {
    let mut request = endpoint
        .address()?
        .into_client_request()
        .context("make the request")?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", endpoint.api_key.expose_secret()))
        .context("the key has characters no header can carry")?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let open = connect_async_with_config(request, Some(config), true);
    let (socket, _answer) = tokio::time::timeout(limit, open)
        .await
        .context("the session did not open in time")?
        .context("open the session")?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_follows_from_the_base_url() {
        let at = |base: &str| {
            Endpoint {
                base_url: base.parse().unwrap(),
                api_key: "k".into(),
                model: "gpt-realtime".into(),
            }
            .address()
            .unwrap()
        };
        assert_eq!(
            at("https://api.openai.com/v1"),
            "wss://api.openai.com/v1/realtime?model=gpt-realtime"
        );
        assert_eq!(
            at("http://127.0.0.1:9/v1/"),
            "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime"
        );
    }
}
