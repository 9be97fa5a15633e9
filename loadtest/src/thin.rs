//! A live screen that costs the generator next to nothing: it counts frames instead of reading them, so that thousands fit
//! beside the product they load.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::product::Product;

/// More than a handshake, a welcome and the news around it.
const HELLO_BYTES_MAX: usize = 64 * 1024;
/// What one read takes at most.
const READ_BYTES: usize = 16 * 1024;

/// Where a frame says what it is: more than a welcome or a signal has.
const SEARCHED_BYTES: usize = 1_024;

/// What many thin screens have seen together.
#[derive(Debug, Default)]
pub struct Seen {
    /// Frames of the kind that is counted.
    pub frames: AtomicU64,
    /// Bytes of all frames.
    pub bytes: AtomicU64,
    /// Reads that brought anything.
    pub reads: AtomicU64,
    /// Screens that ended though nobody asked them to.
    pub lost: AtomicU64,
}

/// An open screen.
pub struct Thin {
    stream: TcpStream,
    /// What has come and is not a whole frame yet.
    rest: Vec<u8>,
}

impl Thin {
    /// Opens a screen and waits for its welcome.
    pub async fn open(product: &Product) -> Result<Self> {
        let target = product.target();
        ensure!(target.scheme() == "http", "thin screens speak plain HTTP only");
        let (host, port) = (
            target.host_str().context("the target has no host")?,
            target.port_or_known_default().context("the target has no port")?,
        );
        let ticket = product.ticket().await?;
        let mut stream = TcpStream::connect((host, port)).await.context("connect")?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /api/v1/live HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: switchboard.v1\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut thin = Self {
            stream,
            rest: Vec::new(),
        };
        let head = thin.upto(end_of_head).await?;
        ensure!(
            head.starts_with(b"HTTP/1.1 101"),
            "no upgrade: {}",
            String::from_utf8_lossy(&head)
        );
        let hello = json!({"type": "hello", "ticket": ticket}).to_string();
        thin.stream.write_all(&masked(hello.as_bytes())).await?;
        let frame = thin.upto(whole).await?;
        ensure!(
            payload(&frame).starts_with(b"{") && contains(&frame, b"\"welcome\""),
            "no welcome: {}",
            String::from_utf8_lossy(&frame)
        );
        Ok(thin)
    }

    /// Reads until `end` finds the end of the first piece; takes that piece.
    async fn upto(&mut self, end: impl Fn(&[u8]) -> Option<usize>) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = end(&self.rest) {
                let later = self.rest.split_off(at);
                return Ok(std::mem::replace(&mut self.rest, later));
            }
            ensure!(self.rest.len() < HELLO_BYTES_MAX, "too much before the welcome");
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer).await?;
            ensure!(read > 0, "the server closed");
            self.rest
                .extend_from_slice(buffer.get(..read).unwrap_or_default());
        }
    }

    /// Follows the feed until the server ends it; counts frames that contain `what`; says what comes by `say`.
    pub async fn follow(mut self, seen: Arc<Seen>, what: &'static [u8], mut say: mpsc::Receiver<Value>) {
        let ended = loop {
            tokio::select! {
                ready = self.stream.readable() => {
                    let taken = ready.map_err(anyhow::Error::from).and_then(|()| self.take(&seen, what));
                    match taken {
                        Ok(false) => {}
                        Ok(true) => if self.stream.write_all(&masked(br#"{"type":"pong"}"#)).await.is_err() { break true },
                        Err(_) => break true,
                    }
                }
                Some(words) = say.recv() => {
                    if self.stream.write_all(&masked(words.to_string().as_bytes())).await.is_err() {
                        break true;
                    }
                }
            }
        };
        seen.lost.fetch_add(u64::from(ended), Ordering::Relaxed);
    }

    /// Takes what has come; true when a ping wants an answer.
    fn take(&mut self, seen: &Seen, what: &[u8]) -> Result<bool> {
        let mut buffer = [0; READ_BYTES];
        let read = match self.stream.try_read(&mut buffer) {
            Ok(0) => bail!("the server closed"),
            Ok(read) => read,
            Err(fault) if fault.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(fault) => return Err(fault.into()),
        };
        seen.reads.fetch_add(1, Ordering::Relaxed);
        let new = buffer.get(..read).unwrap_or_default();
        let joined;
        let mut bytes = if self.rest.is_empty() {
            new
        } else {
            self.rest.extend_from_slice(new);
            joined = std::mem::take(&mut self.rest);
            &joined
        };
        let (mut pinged, mut frames, mut size) = (false, 0, 0);
        while let Some((frame, later)) = whole(bytes).and_then(|end| bytes.split_at_checked(end)) {
            if contains(frame, what) {
                frames += 1;
                size += frame.len() as u64;
            }
            pinged |= contains(frame, b"\"type\":\"ping\"");
            bytes = later;
        }
        self.rest = bytes.to_vec();
        seen.frames.fetch_add(frames, Ordering::Relaxed);
        seen.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(pinged)
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// A server frame's header: its own length and its payload's.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    match (bytes.get(1)? & 0x7F, bytes.get(2..)?) {
        (126, [high, low, ..]) => Some((4, usize::from(u16::from_be_bytes([*high, *low])))),
        (127, rest) => {
            let length = u64::from_be_bytes(*rest.first_chunk()?);
            Some((10, usize::try_from(length).ok()?))
        }
        (126, _) => None,
        (length, _) => Some((2, usize::from(length))),
    }
}

/// Where the first frame ends, when it is all there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let (head, payload) = header(bytes)?;
    (bytes.len() >= head + payload).then_some(head + payload)
}

fn payload(frame: &[u8]) -> &[u8] {
    header(frame)
        .and_then(|(head, _)| frame.get(head..))
        .unwrap_or_default()
}

/// Whether a frame says `what`; the order of its fields is nobody's promise.
fn contains(frame: &[u8], what: &[u8]) -> bool {
    let start = frame.get(..SEARCHED_BYTES).unwrap_or(frame);
    start.windows(what.len()).any(|window| window == what)
}

/// A client's text frame; the mask is all zeros, which is as good as any for a generator.
fn masked(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length), _) if length < 126 => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 0x7E);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 0x7F);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(text);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_by_their_headers() {
        assert_eq!(whole(&[0x81]), None);
        assert_eq!(whole(&[0x81, 3, b'a', b'b']), None);
        assert_eq!(whole(&[0x81, 2, b'a', b'b', 0x81]), Some(4));
        let long = [&[0x81, 126, 1, 0][..], &[b'x'; 256]].concat();
        assert_eq!(whole(&long), Some(260));
        assert_eq!(payload(&long).len(), 256);
        let longest = [vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0], vec![b'x'; 65_536]].concat();
        assert_eq!(whole(&longest), Some(65_546));
    }

    #[test]
    fn a_frame_says_what_it_is_wherever_it_does() {
        let typing = json!({ "conversation_id": "c", "draft": "and so on, ".repeat(12), "kind": "typing", "type": "signal" });
        assert!(contains(typing.to_string().as_bytes(), br#""kind":"typing""#));
        assert!(!contains(typing.to_string().as_bytes(), br#""type":"ping""#));
    }
}
