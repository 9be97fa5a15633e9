//! A browser as the feed sees it: follows the web client's rules and fails the test when the server breaks them.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hub::Hub;
use hub::auth::ticket::{self, Purpose};
use hub::testing::SignedIn;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Node, PATIENCE};

/// An open dashboard.
pub(crate) struct Screen {
    socket: WebSocketStream<TcpStream>,
    /// What it has applied.
    pub(crate) position: Value,
    /// What the welcome said.
    pub(crate) recovered: bool,
    /// The words of every event, in order.
    pub(crate) heard: Vec<String>,
    /// Signals that came between events.
    pub(crate) signals: Vec<Value>,
    /// How often it was told to reload.
    pub(crate) reloads: usize,
}

/// The request of an upgrade.
pub(super) fn request(node: &Node) -> Request {
    let url = format!("ws://{}/api/v1/live", node.address);
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "switchboard.v1".parse().unwrap());
    request
}

pub(super) fn a_ticket(hub: &Hub, who: &SignedIn) -> String {
    ticket::create(hub, &who.principal, Purpose::Live).unwrap()
}

/// An upgraded socket before its hello.
pub(super) async fn open(node: &Node) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(node.address).await.unwrap();
    client_async(request(node), stream).await.unwrap().0
}

impl Screen {
    /// Opened just now, without a past.
    pub(crate) async fn open(node: &Node, who: &SignedIn) -> Self {
        Self::at(node, who, Value::Null).await
    }

    /// Upgraded, and nothing said yet.
    pub(super) fn before_its_hello(socket: WebSocketStream<TcpStream>) -> Self {
        Self {
            socket,
            position: Value::Null,
            recovered: false,
            heard: Vec::new(),
            signals: Vec::new(),
            reloads: 0,
        }
    }

    /// Opened with a position, as after a cut.
    pub(super) async fn at(node: &Node, who: &SignedIn, position: Value) -> Self {
        let mut screen = Self {
            position,
            ..Self::before_its_hello(open(node).await)
        };
        let hello =
            json!({ "type": "hello", "ticket": a_ticket(&node.hub, who), "position": screen.position });
        screen.say(&hello).await;
        let welcome = screen.frame().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        screen.recovered = welcome["recovered"].as_bool().unwrap();
        if !screen.recovered || screen.position.is_null() {
            screen.position = welcome["position"].clone();
        }
        screen
    }

    /// The network is cut; what it had heard stays.
    pub(crate) async fn come_back(&mut self, node: &Node, who: &SignedIn) {
        let mut next = Self::at(node, who, self.position.clone()).await;
        next.heard = std::mem::take(&mut self.heard);
        next.reloads = self.reloads + usize::from(!next.recovered);
        *self = next;
    }

    pub(super) async fn say(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(super) fn seq(&self) -> i64 {
        self.position["seq"].as_i64().unwrap()
    }

    /// The next frame, whatever it is. Pings are answered.
    pub(super) async fn frame(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame comes")
                .expect("the socket is open")
                .expect("the socket works");
            let Message::Text(text) = message else {
                panic!("not a frame: {message:?}");
            };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] == "ping" {
                self.say(&json!({ "type": "pong" })).await;
            } else {
                return frame;
            }
        }
    }

    /// Takes in the next frame by the web client's rules; answers its type.
    pub(crate) async fn take(&mut self) -> String {
        let frame = self.frame().await;
        let kind = frame["type"].as_str().unwrap().to_owned();
        let seq = frame["seq"].as_i64();
        match kind.as_str() {
            "event" => self.apply(&frame),
            "skip" => {
                assert!(seq > Some(self.seq()));
                self.position["seq"] = frame["seq"].clone();
            }
            "signal" => self.signals.push(frame),
            "reload" => {
                self.reloads += 1;
                self.position = frame["position"].clone();
            }
            "bye" => panic!("seen off: {frame}"),
            other => panic!("unknown frame {other}"),
        }
        kind
    }

    /// Takes in frames until the position is `seq`.
    pub(crate) async fn upto(&mut self, seq: i64) {
        while self.seq() < seq {
            self.take().await;
        }
    }

    /// Takes in frames until a signal is as described.
    pub(super) async fn signal(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(at) = self.signals.iter().position(&fits) {
                return self.signals.remove(at);
            }
            self.take().await;
        }
    }

    /// Reads to the end: the bye, if there is one, the close code, and how long it took.
    pub(super) async fn end(&mut self) -> (Value, u16, Duration) {
        let start = Instant::now();
        let mut bye = Value::Null;
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match message.expect("the server closes") {
                Some(Ok(Message::Text(text))) => {
                    bye = self.last_words(&text).unwrap_or(bye);
                }
                Some(Ok(Message::Close(close))) => {
                    let code = close.map_or(1005, |close| close.code.into());
                    return (bye, code, start.elapsed());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (bye, 1006, start.elapsed()),
            }
        }
    }

    /// Applies an event; gives back a bye.
    fn last_words(&mut self, text: &str) -> Option<Value> {
        let frame: Value = serde_json::from_str(text).unwrap();
        if frame["type"] == "event" {
            self.apply(&frame);
        }
        (frame["type"] == "bye").then_some(frame)
    }

    fn apply(&mut self, event: &Value) {
        let next = Some(self.seq() + 1);
        assert_eq!(event["seq"].as_i64(), next, "a hole or a repetition: {event}");
        self.position["seq"] = event["seq"].clone();
        let words = event["data"]["words"].as_str().unwrap();
        self.heard.push(words.to_owned());
    }

    /// The socket itself, for those who misbehave.
    pub(super) fn socket(&mut self) -> &mut WebSocketStream<TcpStream> {
        &mut self.socket
    }
}
