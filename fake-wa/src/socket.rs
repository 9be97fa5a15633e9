//! One socket: frames in, frames out, in one loop; the protocol's decisions are made elsewhere.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::mpsc;
use whatsapp_rust::bytes::BytesMut;
use whatsapp_rust::wacore::framing::{FrameDecoder, encode_frame};
use whatsapp_rust::wacore_binary::consts::WA_CONN_HEADER;
use whatsapp_rust::wacore_binary::marshal::{marshal, unmarshal_ref};
use whatsapp_rust::wacore_binary::util::unpack;
use whatsapp_rust::wacore_binary::{Node, NodeRef};

use crate::connection::{Connection, Out};
use crate::faults::ConnectFault;
use crate::iq;
use crate::login::{self, Seat};
use crate::noise::{self, Greeting, Secured};
use crate::world::World;

/// How long a client may take over its handshake.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// The library's default of 128 KiB each would be most of a session's memory here.
const READ_BUFFER_SIZE: usize = 4 * 1024;

/// `GET /ws/chat`.
pub(crate) async fn open(State(world): State<Arc<World>>, upgrade: WebSocketUpgrade) -> Response {
    let fault = world.state().faults.take_connect();
    match fault {
        Some(ConnectFault::Http(status)) => {
            world.ledger.record("socket.refused", json!({"status": status}));
            return StatusCode::from_u16(status)
                .unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
                .into_response();
        }
        Some(ConnectFault::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(ConnectFault::Silent) => {
            return upgrade.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} });
        }
        Some(ConnectFault::Refused(_)) | None => {}
    }
    upgrade
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(0)
        .on_upgrade(move |socket| run(world, socket))
}

/// A socket from its first byte to its last.
async fn run(world: Arc<World>, socket: WebSocket) {
    let id = {
        let mut state = world.state();
        state.connections += 1;
        state.connections
    };
    let mut wire = Wire::new(socket);
    let (connection, waiting, cut) = Connection::open(id);
    let ended = tokio::select! {
        ended = serve(&world, &mut wire, &connection, waiting) => ended,
        () = cut.cancelled() => Ok(()),
        () = world.stop.cancelled() => Ok(()),
    };
    login::leave(&world, &connection, wire.seat);
    if let Err(error) = ended {
        tracing::debug!("Connection {id} ended: {error:#}");
        let why = format!("{error:#}");
        world
            .ledger
            .record("socket.broken", json!({"connection": id, "why": why}));
    }
}

async fn serve(
    world: &Arc<World>,
    wire: &mut Wire,
    connection: &Connection,
    mut waiting: mpsc::Receiver<Out>,
) -> Result<()> {
    let secured = tokio::time::timeout(HANDSHAKE, wire.handshake(world))
        .await
        .context("wait for the handshake")??;
    wire.seat = login::admit(world, connection, &secured)?;
    let mut ciphers = Ciphers::new(secured);
    loop {
        tokio::select! {
            out = waiting.recv() => match out {
                Some(Out::Stanza(stanza)) => {
                    let delay_ms = world.state().faults.delay_ms;
                    if delay_ms > 0 {
                        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                    }
                    wire.send(&ciphers.seal(&stanza)?).await?;
                }
                Some(Out::Close) | None => {
                    let _ = wire.socket.send(Message::Close(None)).await;
                    return Ok(());
                }
            },
            frame = wire.frame() => {
                let Some(frame) = frame? else { return Ok(()) };
                let Some(seat) = wire.seat else { continue };
                let stanza = ciphers.open(frame)?;
                iq::stanza(world, connection, seat, &stanza);
            }
        }
    }
}

/// Both directions' ciphers with their counters.
struct Ciphers {
    secured: Secured,
    read: u32,
    written: u32,
}

impl Ciphers {
    fn new(secured: Secured) -> Self {
        Self {
            secured,
            read: 0,
            written: 0,
        }
    }

    fn seal(&mut self, stanza: &Node) -> Result<Vec<u8>> {
        let plain = marshal(stanza).context("encode a stanza")?;
        let sealed = self.secured.writer.encrypt_with_counter(self.written, &plain)?;
        self.written += 1;
        encode_frame(&sealed, None)
    }

    fn open(&mut self, mut frame: BytesMut) -> Result<Node> {
        self.secured
            .reader
            .decrypt_in_place_with_counter(self.read, &mut frame)
            .context("decrypt a frame")?;
        self.read += 1;
        let plain = unpack(&frame).context("unpack a stanza")?;
        let stanza: NodeRef<'_> = unmarshal_ref(&plain).context("decode a stanza")?;
        Ok(stanza.to_owned())
    }
}

/// The socket and what has been read of it.
struct Wire {
    socket: WebSocket,
    decoder: FrameDecoder,
    /// The header that comes before the first frame has been seen.
    begun: bool,
    seat: Option<Seat>,
}

impl Wire {
    fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            decoder: FrameDecoder::new(),
            begun: false,
            seat: None,
        }
    }

    async fn handshake(&mut self, world: &World) -> Result<Secured> {
        let hello = self.frame().await?.context("wait for the hello")?;
        match noise::greet(&world.identity, &hello)? {
            Greeting::Done(answer, secured) => {
                self.send(&encode_frame(&answer, None)?).await?;
                Ok(*secured)
            }
            Greeting::Continue(answer, waiting) => {
                self.send(&encode_frame(&answer, None)?).await?;
                let finish = self.frame().await?.context("wait for the finish")?;
                waiting.finish(&finish)
            }
        }
    }

    /// The next frame; `None` when the client has closed. Nothing is lost when it is not waited for to the end.
    async fn frame(&mut self) -> Result<Option<BytesMut>> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(Some(frame));
            }
            match self.socket.recv().await {
                Some(Ok(Message::Binary(bytes))) => self.feed(&bytes)?,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Ok(None),
                Some(Ok(Message::Text(_))) => bail!("a text message on a binary stream"),
                Some(Err(error)) => return Err(error).context("read from the socket"),
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let frames = if self.begun {
            bytes
        } else {
            let frames = bytes.strip_prefix(&WA_CONN_HEADER[..]);
            ensure!(frames.is_some(), "the stream does not begin as WhatsApp's");
            self.begun = true;
            frames.unwrap_or_default()
        };
        self.decoder.feed(frames);
        Ok(())
    }

    async fn send(&mut self, frame: &[u8]) -> Result<()> {
        let bytes = axum::body::Bytes::copy_from_slice(frame);
        self.socket
            .send(Message::Binary(bytes))
            .await
            .context("write to the socket")
    }
}
