//! Listening to a live call, as the browser does.
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{PATIENCE, Product, text};

/// Before the audio of a binary frame: its track and its sequence number.
const HEAD_BYTES: usize = 5;

/// A listener's socket.
pub struct Audio {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What a listener gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// 20 ms of one side.
    Frame {
        /// 0: the caller, 1: the agent.
        track: u8,
        /// In units of 20 ms since the listener joined.
        sequence: u32,
        /// μ-law.
        audio: Bytes,
    },
    /// What was buffered of the agent is void.
    Clear,
    /// The last word.
    Bye,
}

impl Product {
    /// The id of the live call from this number.
    pub async fn live_call(&self, from: &str) -> Result<Option<String>> {
        let list = self.get("calls?state=live&limit=200").await?;
        let items = list.get("items").and_then(Value::as_array).into_iter().flatten();
        let known = items
            .into_iter()
            .find(|call| call.get("from_address").is_some_and(|address| address == from));
        Ok(known
            .and_then(|call| call.get("id"))
            .and_then(Value::as_str)
            .map(ToOwned::to_owned))
    }

    /// Listens to a call.
    pub async fn listen(&self, call: &str) -> Result<Audio> {
        let ticket = self
            .post(&format!("calls/{call}/audio-ticket"), &json!({}))
            .await?;
        let path = ticket
            .get("url")
            .and_then(Value::as_str)
            .context("the ticket names no address")?;
        let mut socket = self.socket(path, "switchboard.audio.v1").await?;
        let hello = json!({"type": "hello", "ticket": ticket.get("ticket")});
        socket.send(Message::text(hello.to_string())).await?;
        let welcome = timeout(PATIENCE, text(&mut socket))
            .await
            .context("wait for the welcome")??;
        ensure!(
            welcome.get("type").is_some_and(|kind| kind == "welcome"),
            "the first frame was {welcome}"
        );
        Ok(Audio { socket })
    }
}

impl Audio {
    /// What comes next.
    pub async fn next(&mut self) -> Result<Heard> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .context("nothing is heard")?;
            let heard = match message.context("the socket closed")?? {
                Message::Binary(frame) => Some(binary(&frame)?),
                Message::Text(text) => word(&text)?,
                Message::Close(frame) => bail!("the server closed the socket: {frame:?}"),
                _ => None,
            };
            if let Some(heard) = heard {
                return Ok(heard);
            }
        }
    }
}

fn word(text: &str) -> Result<Option<Heard>> {
    let frame: Value = serde_json::from_str(text).context("read a frame")?;
    Ok(
        match frame.get("type").and_then(Value::as_str).unwrap_or_default() {
            "clear" => Some(Heard::Clear),
            "bye" => Some(Heard::Bye),
            _ => None,
        },
    )
}

fn binary(frame: &Bytes) -> Result<Heard> {
    let head = frame.get(..HEAD_BYTES).context("a frame without a head")?;
    let (track, sequence) = head.split_first().context("a frame without a track")?;
    Ok(Heard::Frame {
        track: *track,
        sequence: u32::from_be_bytes(sequence.try_into()?),
        audio: frame.slice(HEAD_BYTES..),
    })
}
