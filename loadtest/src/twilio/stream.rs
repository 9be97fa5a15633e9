//! Media streams: Twilio's end of the WebSocket, bidirectional and forked.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;

use super::faults::StreamFaults;
use super::leg::{Leg, Next};
use super::media::{self, FromServer};
use super::playout::Playout;
use super::twiml;
use super::world::{World, sid};
use crate::clock;
use crate::pace::{Pace, stamp_us};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Twilio waits this long for the WebSocket.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that does not read for this long loses the stream.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Frames a fork may be behind.
const FORK_QUEUE: usize = 100;

/// How a stream came to its end.
#[derive(Debug)]
enum End {
    /// The server closed the socket.
    Server,
    /// The call was interrupted.
    Cut,
    /// The connection was lost on purpose.
    Lost,
}

/// `<Connect><Stream>`: blocks until the server closes the socket.
pub(crate) async fn connect(leg: &mut Leg, wanted: twiml::Stream, cut: &CancellationToken) -> Next {
    let stream_sid = sid("MZ");
    let outcome = tokio::select! {
        outcome = open(leg, &wanted.url) => outcome,
        () = cut.cancelled() => return Next::Verb,
    };
    let outcome = match outcome {
        Ok(socket) => {
            report(leg, &wanted, &stream_sid, "stream-started", None);
            let faults = leg
                .world
                .faults
                .lock()
                .expect("no holder of the lock panics")
                .stream
                .clone();
            if faults.second_socket {
                double(leg, &wanted, stream_sid.clone());
            }
            let mut stream = Stream::new(leg, &wanted, socket, stream_sid.clone(), faults);
            stream.run(cut).await
        }
        Err(error) => Err(error),
    };
    leg.call
        .line
        .note(|moments| moments.stream_closed_us = Some(clock::now_us()));
    match outcome {
        Ok(end) => {
            leg.world.ledger.record(
                "stream.closed",
                json!({"call_sid": leg.call.sid, "stream_sid": stream_sid, "by": format!("{end:?}").to_lowercase()}),
            );
            let event = if matches!(end, End::Lost) {
                "stream-error"
            } else {
                "stream-stopped"
            };
            report(leg, &wanted, &stream_sid, event, None);
        }
        Err(error) => {
            let error = format!("{error:#}");
            leg.error(&error);
            report(leg, &wanted, &stream_sid, "stream-error", Some(error));
        }
    }
    match &wanted.action {
        Some(action) if !cut.is_cancelled() => Next::Document(leg.action(action, Vec::new())),
        _ => Next::Verb,
    }
}

/// A second socket for the same stream; what the server does with it is written down.
fn double(leg: &Leg, wanted: &twiml::Stream, stream_sid: String) {
    let (world, call, base) = (Arc::clone(&leg.world), Arc::clone(&leg.call), leg.base.clone());
    let wanted = wanted.clone();
    leg.world.spawn(async move {
        let leg = Leg {
            world,
            call,
            base,
            forks: Vec::new(),
        };
        let outcome = imitate(&leg, &wanted, stream_sid).await;
        let ended = outcome.map_or_else(
            |error| format!("{error:#}"),
            |()| "closed by the server".to_owned(),
        );
        leg.world
            .ledger
            .record("stream.second", json!({"call_sid": leg.call.sid, "ended": ended}));
    });
}

async fn imitate(leg: &Leg, wanted: &twiml::Stream, stream_sid: String) -> Result<()> {
    let mut socket = open(leg, &wanted.url).await?;
    let mut out = media::Outgoing::new(leg, stream_sid, wanted);
    socket.send(Message::text(media::CONNECTED)).await?;
    socket.send(Message::text(out.start())).await?;
    while let Some(Ok(message)) = socket.next().await {
        ensure!(!message.is_text(), "the server talks to both sockets");
    }
    Ok(())
}

/// `<Start><Stream>`: both tracks are copied to the server while the document goes on.
pub(crate) fn fork(leg: &mut Leg, wanted: twiml::Stream) -> Next {
    let end = CancellationToken::new();
    leg.forks.push((wanted.name.clone(), end.clone()));
    let (sender, receiver) = mpsc::channel(FORK_QUEUE);
    leg.call.line.fork(sender);
    let (world, call, base) = (Arc::clone(&leg.world), Arc::clone(&leg.call), leg.base.clone());
    leg.world.spawn(async move {
        let leg = Leg {
            world,
            call,
            base,
            forks: Vec::new(),
        };
        if let Err(error) = copy(&leg, &wanted, receiver, &end).await {
            leg.error(&format!("{error:#}"));
        }
    });
    Next::Verb
}

async fn copy(
    leg: &Leg,
    wanted: &twiml::Stream,
    mut frames: mpsc::Receiver<(&'static str, Vec<u8>)>,
    end: &CancellationToken,
) -> Result<()> {
    let mut socket = open(leg, &wanted.url).await?;
    let mut out = media::Outgoing::new(leg, sid("MZ"), wanted);
    socket.send(Message::text(media::CONNECTED)).await?;
    socket.send(Message::text(out.start())).await?;
    let tracks = out.tracks.clone();
    loop {
        tokio::select! {
            frame = frames.recv() => {
                let Some((track, audio)) = frame else { break };
                if tracks.contains(&track) {
                    socket.send(Message::text(out.media(track, &audio))).await?;
                }
            }
            message = socket.next() => if !matches!(message, Some(Ok(_))) { return Ok(()) },
            () = end.cancelled() => break,
        }
    }
    socket.send(Message::text(out.stop())).await?;
    socket.close(None).await?;
    Ok(())
}

fn report(leg: &Leg, wanted: &twiml::Stream, stream_sid: &str, event: &str, error: Option<String>) {
    let Some(callback) = &wanted.callback else { return };
    let mut params = vec![
        ("AccountSid".to_owned(), leg.call.account.clone()),
        ("CallSid".to_owned(), leg.call.sid.clone()),
        ("StreamSid".to_owned(), stream_sid.to_owned()),
        (
            "StreamName".to_owned(),
            if wanted.name.is_empty() {
                stream_sid
            } else {
                &wanted.name
            }
            .to_owned(),
        ),
        ("StreamEvent".to_owned(), event.to_owned()),
        ("Timestamp".to_owned(), clock::rfc3339()),
    ];
    params.extend(error.map(|error| ("StreamError".to_owned(), error)));
    let mut webhook = leg.webhook("stream.status", callback, Vec::new());
    webhook.params = params;
    leg.call.callback(event, webhook);
}

/// The upgrade request, signed over the URL as it stands in the document.
async fn open(leg: &Leg, url: &str) -> Result<Socket> {
    let world = &leg.world;
    let parsed = url::Url::parse(url).with_context(|| format!("31920: {url} is no URL"))?;
    let local = world
        .place
        .lock()
        .expect("no holder of the lock panics")
        .public_url
        .scheme()
        == "http";
    ensure!(
        parsed.scheme() == "wss" || (local && parsed.scheme() == "ws"),
        "31922: {url} is not wss"
    );
    ensure!(
        parsed.query().is_none(),
        "31920: {url} has a query string, which <Stream> does not support"
    );
    let mut request = world
        .route(&parsed)
        .as_str()
        .into_client_request()
        .context("31920: make the upgrade")?;
    let unsigned = world
        .faults
        .lock()
        .expect("no holder of the lock panics")
        .stream
        .unsigned;
    let signature = if unsigned {
        Vec::new()
    } else {
        world.signature(&leg.call.account, url, &[])
    };
    for (name, value) in signature {
        request.headers_mut().insert(
            HeaderName::from_bytes(name.as_bytes())?,
            HeaderValue::from_str(&value)?,
        );
    }
    if let Some(host) = parsed.host_str() {
        let host = parsed
            .port()
            .map_or(host.to_owned(), |port| format!("{host}:{port}"));
        request
            .headers_mut()
            .insert("host", HeaderValue::from_str(&host)?);
    }
    // Small buffers: a socket with the library's default of 128 KiB costs more in cache misses than the audio.
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096);
    let connected = connect_async_tls_with_config(request, Some(config), true, world.connector());
    match timeout(CONNECT_TIMEOUT, connected).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => bail!("31920: the handshake failed: {error}"),
        Err(_) => bail!("31901: no answer to the connection"),
    }
}

struct Stream<'a> {
    leg: &'a Leg,
    socket: Socket,
    out: media::Outgoing,
    playout: Playout,
    faults: StreamFaults,
    started: Instant,
    beats: u64,
}

impl<'a> Stream<'a> {
    fn new(leg: &'a Leg, wanted: &twiml::Stream, socket: Socket, sid: String, faults: StreamFaults) -> Self {
        let out = media::Outgoing::new(leg, sid, wanted);
        Self {
            leg,
            socket,
            out,
            playout: Playout::default(),
            faults,
            started: Instant::now(),
            beats: 0,
        }
    }

    async fn run(&mut self, cut: &CancellationToken) -> Result<End> {
        self.send(media::CONNECTED.to_owned()).await?;
        if !self.faults.no_start {
            let start = self.out.start();
            self.send(start).await?;
        }
        self.leg.call.line.note(|moments| {
            moments.stream_open_us.get_or_insert(clock::now_us());
            moments.streams += 1;
        });
        self.started = Instant::now();
        let lost_at = self
            .faults
            .lost_after_ms
            .map(|after_ms| self.started + Duration::from_millis(after_ms));
        let mut pace = Pace::from_now();
        loop {
            tokio::select! {
                () = cut.cancelled() => break,
                due = pace.beat() => {
                    if lost_at.is_some_and(|at| due >= at) {
                        return Ok(End::Lost);
                    }
                    self.beat(due).await?;
                }
                message = self.socket.next() => match message {
                    Some(Ok(message)) => if self.receive(message).await? { return Ok(End::Server) },
                    Some(Err(_)) | None => return Ok(End::Server),
                },
            }
        }
        let stop = self.out.stop();
        self.send(stop).await?;
        // The server may already be gone; then the close has nobody to reach.
        let _ = timeout(WRITE_TIMEOUT, self.socket.close(None)).await;
        Ok(End::Cut)
    }

    /// 20 ms: one frame out, one frame played.
    async fn beat(&mut self, due: Instant) -> Result<()> {
        let line = Arc::clone(&self.leg.call.line);
        let at_us = stamp_us(due);
        self.leg
            .world
            .lateness
            .record(clock::now_us().saturating_sub(clock::at_us(due.into_std())));
        self.beats += 1;
        let frame = line.speak(at_us);
        while let Some(key) = line.next_key() {
            let dtmf = self.out.dtmf(key);
            self.feed(dtmf).await?;
        }
        let elapsed_ms = clock::ms(due.duration_since(self.started));
        let gap = self.faults.gap_at_ms..self.faults.gap_at_ms + self.faults.gap_ms;
        if !gap.contains(&elapsed_ms) {
            let media = self.out.media("inbound", &frame);
            self.feed(media).await?;
        }
        let played = self.playout.tick();
        line.hear(at_us, &played.audio);
        for name in played.marks {
            line.echoed(&name, true);
            let mark = self.out.mark(&name);
            self.feed(mark).await?;
        }
        if self.faults.burst < 2 || self.beats.is_multiple_of(self.faults.burst) {
            self.flush().await?;
        }
        Ok(())
    }

    /// True when the server closed the socket.
    async fn receive(&mut self, message: Message) -> Result<bool> {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Ok(true),
            Message::Ping(_) | Message::Pong(_) => return Ok(false),
            Message::Binary(_) | Message::Frame(_) => bail!("31924: a binary message"),
        };
        let line = Arc::clone(&self.leg.call.line);
        let parsed = media::read(&text, &self.out.stream_sid);
        let fault = parsed.as_ref().err().map(|error| format!("{error:#}"));
        match parsed.unwrap_or(FromServer::Malformed) {
            FromServer::Media(audio) => {
                line.arrived(&audio);
                ensure!(
                    self.playout.push(audio),
                    "31924: more than ten minutes of audio wait"
                );
            }
            FromServer::Mark(name) => {
                if self.playout.mark(name.clone()) {
                    line.echoed(&name, true);
                    let mark = self.out.mark(&name);
                    self.send(mark).await?;
                }
            }
            FromServer::Clear => {
                let (dropped_ms, marks) = self.playout.clear();
                line.cleared(dropped_ms);
                for name in marks {
                    line.echoed(&name, false);
                    let mark = self.out.mark(&name);
                    self.feed(mark).await?;
                }
                self.flush().await?;
            }
            FromServer::Malformed => {
                let _ = timeout(WRITE_TIMEOUT, self.socket.close(None)).await;
                bail!("31924: {}", fault.unwrap_or_default());
            }
        }
        Ok(false)
    }

    async fn send(&mut self, text: String) -> Result<()> {
        self.feed(text).await?;
        self.flush().await
    }

    async fn feed(&mut self, text: String) -> Result<()> {
        let fed = timeout(WRITE_TIMEOUT, self.socket.feed(Message::text(text))).await;
        fed.context("31924: the server does not read")?
            .context("31924: the connection was lost")
    }

    async fn flush(&mut self) -> Result<()> {
        let flushed = timeout(WRITE_TIMEOUT, self.socket.flush()).await;
        flushed
            .context("31924: the server does not read")?
            .context("31924: the connection was lost")
    }
}

impl World {
    /// The TLS settings for `wss` targets, where a certificate authority was named.
    fn connector(&self) -> Option<tokio_tungstenite::Connector> {
        self.tls
            .as_ref()
            .map(|tls| tokio_tungstenite::Connector::Rustls(Arc::clone(tls)))
    }
}
