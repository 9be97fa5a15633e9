//! Switchboard as its users reach it: sign-in, set-up, live feed, listening. Only the public interface, nothing shared.
mod audio;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use crate::run::Options;
use crate::twilio::Account;

pub use audio::{Audio, Heard};

/// Waits at most this long for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the product is and how to enter it.
#[derive(Clone, Debug, clap::Args)]
pub struct Entrance {
    /// The address that is loaded.
    #[arg(long, default_value = "http://127.0.0.1:5000")]
    pub target: Url,
    /// What webhooks are signed over; the target when absent.
    #[arg(long)]
    pub public_url: Option<Url>,
    /// A staff member's address.
    #[arg(long)]
    pub email: Option<String>,
    /// Their password.
    #[arg(long, env = "LOADTEST_PASSWORD")]
    pub password: Option<String>,
    /// An access token or API key instead.
    #[arg(long, env = "LOADTEST_TOKEN")]
    pub token: Option<String>,
    /// The token of a one-time sign-in link instead (`/sign-in#link=…`).
    #[arg(long)]
    pub link: Option<String>,
    /// Create the Twilio connection and the inboxes first (needs an admin).
    #[arg(long)]
    pub prepare: bool,
    /// Twilio account.
    #[arg(long, default_value = "AC00000000000000000000000000000001")]
    pub account: String,
    /// Its auth token.
    #[arg(long, default_value = "emulated-auth-token")]
    pub auth_token: String,
    /// The number that is called and texted.
    #[arg(long, default_value = "+15550199")]
    pub to: String,
}

impl Entrance {
    /// As Twilio sees the product.
    pub fn public(&self) -> Url {
        self.public_url.clone().unwrap_or_else(|| self.target.clone())
    }

    /// The emulated account.
    pub fn twilio_account(&self) -> Account {
        Account {
            sid: self.account.clone(),
            auth_token: self.auth_token.clone(),
            api_keys: Vec::new(),
            shared_key: None,
        }
    }
}

/// A signed-in member of staff.
#[derive(Clone)]
pub struct Product {
    http: reqwest::Client,
    target: Url,
    token: String,
}

/// Where a client stands in the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Changes when the feed begins anew.
    pub epoch: String,
    /// The last event seen.
    pub seq: u64,
}

/// An event of the feed.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// For example `message.created`.
    pub kind: String,
    /// Its body.
    pub data: Value,
}

/// What comes next on a live socket.
#[derive(Clone, Debug)]
pub enum Frame {
    /// An event.
    Event(Event),
    /// The position is too old: load anew.
    Reload,
    /// The server asks the client to come back.
    Bye,
}

/// One browser's live socket.
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// After the last event.
    pub position: Position,
    /// Whether everything missed is delivered.
    pub recovered: bool,
}

impl Product {
    /// Signs in the way the entrance says.
    pub async fn enter(entrance: &Entrance) -> Result<Self> {
        let (http, _) = crate::outbound::clients(None)?;
        let mut product = Self {
            http,
            target: entrance.target.clone(),
            token: String::new(),
        };
        if let Some(token) = &entrance.token {
            product.token.clone_from(token);
            return Ok(product);
        }
        let session = match (&entrance.link, &entrance.email, &entrance.password) {
            (Some(link), ..) => {
                let token = link.rsplit_once("link=").map_or(link.as_str(), |parts| parts.1);
                product.post("auth/link", &json!({"token": token})).await
            }
            (None, Some(email), Some(password)) => {
                product
                    .post("auth/login", &json!({"email": email, "password": password}))
                    .await
            }
            _ => bail!("--token, --link, or --email and --password are needed"),
        };
        let session = session.context("sign in")?;
        let token = session
            .get("access_token")
            .and_then(Value::as_str)
            .context("the session has no token")?;
        token.clone_into(&mut product.token);
        Ok(product)
    }

    /// The same member of staff at another instance.
    pub fn at(mut self, target: Option<&Url>, options: &Options) -> Result<Self> {
        if let Some(target) = target {
            options.check_target(target)?;
            self.target = target.clone();
        }
        Ok(self)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = self.target.join(&format!("/api/v1/{path}"))?;
        let mut request = self.http.post(url).json(body).header("X-Switchboard", "1");
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let response = request.send().await.with_context(|| format!("post {path}"))?;
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Makes the connection and the inboxes of a number; what exists already is left alone.
    pub async fn prepare(&self, account: &Account, number: &str) -> Result<()> {
        let wanted = json!({"provider": "twilio", "account": account.sid, "auth_token": account.auth_token});
        let connection = match self.post("connections", &wanted).await {
            Ok(made) => made.get("id").cloned().unwrap_or_default(),
            Err(error) => self
                .known_connection(&account.sid)
                .await
                .context(format!("{error:#}"))?,
        };
        for channel in ["voice", "sms"] {
            let inbox = json!({
                "channel": channel, "address": number, "name": format!("Load {channel}"),
                "connection_id": connection, "settings": {},
            });
            if let Err(error) = self.post("inboxes", &inbox).await {
                tracing::info!(error = format!("{error:#}"), "The {channel} inbox was not made");
            }
        }
        Ok(())
    }

    async fn known_connection(&self, account: &str) -> Result<Value> {
        let list = self.get("connections").await?;
        let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
        let known = items
            .into_iter()
            .find(|known| known.get("account").is_some_and(|sid| sid == account));
        known
            .and_then(|known| known.get("id"))
            .cloned()
            .context("the connection could not be made")
    }

    /// Where the product is.
    pub fn target(&self) -> &Url {
        &self.target
    }

    /// A one-time ticket for a live socket.
    pub async fn ticket(&self) -> Result<Value> {
        let ticket = self.post("live/ticket", &json!({})).await?;
        ticket.get("ticket").cloned().context("there is no ticket")
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let url = self.target.join(&format!("/api/v1/{path}"))?;
        let request = self.http.get(url).bearer_auth(&self.token);
        let response = request.send().await.with_context(|| format!("get {path}"))?;
        let status = response.status();
        ensure!(status.is_success(), "{path} answered {status}");
        Ok(response.json().await?)
    }

    async fn socket(
        &self,
        path: &str,
        subprotocol: &'static str,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
        let mut url = self.target.join(path)?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        ensure!(
            url.set_scheme(scheme).is_ok(),
            "the target has no WebSocket scheme"
        );
        let mut request = url.as_str().into_client_request().context("make the upgrade")?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(subprotocol));
        let origin = HeaderValue::from_str(&self.target.origin().ascii_serialization())?;
        request.headers_mut().insert("origin", origin);
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(4096);
        let connecting = connect_async_with_config(request, Some(config), true);
        let (socket, _) = timeout(PATIENCE, connecting)
            .await
            .with_context(|| format!("open {path}"))??;
        Ok(socket)
    }

    /// Opens the live feed, from now on or from a position.
    pub async fn live(&self, position: Option<&Position>) -> Result<Live> {
        let ticket = self.ticket().await?;
        let mut socket = self.socket("/api/v1/live", "switchboard.v1").await?;
        let mut hello = json!({"type": "hello", "ticket": ticket});
        if let (Some(position), Some(fields)) = (position, hello.as_object_mut()) {
            fields.insert("position".to_owned(), json!(position));
        }
        socket.send(Message::text(hello.to_string())).await?;
        let welcome = timeout(PATIENCE, text(&mut socket))
            .await
            .context("wait for the welcome")??;
        let kind = welcome.get("type").and_then(Value::as_str).unwrap_or_default();
        ensure!(kind == "welcome", "the first frame was {welcome}");
        let recovered = welcome.get("recovered") == Some(&json!(true));
        let given = welcome.get("position").cloned().unwrap_or_default();
        let given: Position = serde_json::from_value(given).context("read the welcome's position")?;
        // What was missed follows, so that a recovered client still stands where it stood.
        let position = position.filter(|_| recovered).cloned().unwrap_or(given);
        Ok(Live {
            socket,
            position,
            recovered,
        })
    }
}

async fn text(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<Value> {
    loop {
        match socket.next().await.context("the socket closed")?? {
            Message::Text(text) => return serde_json::from_str(&text).context("read a frame"),
            Message::Close(frame) => bail!("the server closed the socket: {frame:?}"),
            _ => {}
        }
    }
}

impl Live {
    /// The next frame that matters; pings are answered, signals passed over. The position is the caller's to move.
    pub async fn next(&mut self) -> Result<Frame> {
        loop {
            let frame = text(&mut self.socket).await?;
            match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
                "event" => {
                    let seq = frame
                        .get("seq")
                        .and_then(Value::as_u64)
                        .context("an event without a number")?;
                    let kind = frame
                        .get("kind")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned();
                    let data = frame.get("data").cloned().unwrap_or_default();
                    return Ok(Frame::Event(Event { seq, kind, data }));
                }
                "ping" => self.socket.send(Message::text(r#"{"type":"pong"}"#)).await?,
                "reload" => return Ok(Frame::Reload),
                "bye" => return Ok(Frame::Bye),
                _ => {}
            }
        }
    }
}
