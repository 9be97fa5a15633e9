//! The WebSocket framing of live sockets, without any I/O. Our own, because what a browser's socket costs is decided here:
//! a server's text frame is the same bytes for every socket, so it is made once and shared; and a reader that counts
//! fragments and time, which the libraries do not.

use std::time::{Duration, Instant};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The longest message a browser may send us, in one frame or many.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Fragments of one message.
const FRAGMENTS_MAX: usize = 64;
/// From a message's first byte to its last.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(5);

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Something a browser sent, whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// To be answered with a pong of the same bytes.
    Ping(Bytes),
    /// The answer to a ping of the protocol's own.
    Pong,
    /// It goes; the code it gave.
    Close(Option<u16>),
}

/// Why a socket cannot go on: the close code to send and the reason in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// RFC 6455 close code.
    pub code: u16,
    /// For the close frame and the log.
    pub reason: &'static str,
}

const fn fault(code: u16, reason: &'static str) -> Fault {
    Fault { code, reason }
}

/// Takes a browser's bytes apart. Holds one message at most, and nothing while idle.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// What has come of a fragmented message.
    message: Option<BytesMut>,
    fragments: usize,
    /// When the first byte came of what is not complete yet.
    open_since: Option<Instant>,
}

struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    len: usize,
    /// Bytes of the header itself.
    size: usize,
}

impl Decoder {
    /// Where to read the socket's next bytes into.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// When what has begun must be complete.
    pub fn deadline(&self) -> Option<Instant> {
        self.open_since.map(|since| since + MESSAGE_TIME_MAX)
    }

    /// The next whole message among the bytes read so far.
    ///
    /// # Errors
    /// When the peer breaks the protocol or a limit; the socket must be closed with the fault's code.
    pub fn next(&mut self, now: Instant) -> Result<Option<Received>, Fault> {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(fault(1008, "message takes too long"));
        }
        while let Some(header) = self.header()? {
            if self.buffer.len() < header.size + header.len {
                break;
            }
            self.buffer.advance(header.size);
            let mut payload = self.buffer.split_to(header.len);
            for (byte, key) in payload.iter_mut().zip(header.mask.iter().cycle()) {
                *byte ^= key;
            }
            if let Some(received) = self.take(&header, payload)? {
                self.note(now, true);
                return Ok(Some(received));
            }
        }
        self.note(now, false);
        Ok(None)
    }

    /// Keeps `open_since`, and gives an idle socket's memory back.
    fn note(&mut self, now: Instant, completed: bool) {
        let open = !self.buffer.is_empty() || self.message.is_some();
        if !open {
            self.open_since = None;
            self.buffer = BytesMut::new();
        } else if self.open_since.is_none() || (completed && self.message.is_none()) {
            self.open_since = Some(now);
        }
    }

    fn header(&self) -> Result<Option<Header>, Fault> {
        let mut bytes = &*self.buffer;
        if bytes.len() < 2 {
            return Ok(None);
        }
        let (first, second) = (bytes.get_u8(), bytes.get_u8());
        let (fin, opcode) = (first & FIN != 0, first & 0x0F);
        if first & 0x70 != 0 {
            return Err(fault(1002, "reserved bits"));
        }
        if second & MASKED == 0 {
            return Err(fault(1002, "unmasked frame"));
        }
        let short = second & 0x7F;
        match opcode {
            CONTINUATION | TEXT => {}
            BINARY => return Err(fault(1003, "binary message")),
            CLOSE | PING | PONG if fin && short <= 125 => {}
            CLOSE | PING | PONG => return Err(fault(1002, "long or fragmented control frame")),
            _ => return Err(fault(1002, "reserved opcode")),
        }
        let extra = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if bytes.len() < extra {
            return Ok(None);
        }
        let len = match extra {
            2 => u64::from(bytes.get_u16()),
            8 => bytes.get_u64(),
            _ => u64::from(short),
        };
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= MESSAGE_BYTES_MAX)
            .ok_or(fault(1009, "frame too large"))?;
        let Some((mask, _)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        Ok(Some(Header {
            fin,
            opcode,
            mask: *mask,
            len,
            size: 2 + extra + 4,
        }))
    }

    fn take(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Received>, Fault> {
        match header.opcode {
            PING => return Ok(Some(Received::Ping(payload.freeze()))),
            PONG => return Ok(Some(Received::Pong)),
            CLOSE => return close_of(&payload).map(Some),
            _ => {}
        }
        let whole = match (header.opcode, self.message.take()) {
            (TEXT, Some(_)) => return Err(fault(1002, "message inside a message")),
            (CONTINUATION, None) => return Err(fault(1002, "continuation of nothing")),
            (TEXT, None) => {
                self.fragments = 1;
                payload
            }
            (_, Some(mut message)) => {
                self.fragments += 1;
                message.extend_from_slice(&payload);
                message
            }
            (_, None) => return Err(fault(1002, "reserved opcode")),
        };
        if whole.len() > MESSAGE_BYTES_MAX {
            return Err(fault(1009, "message too large"));
        }
        if self.fragments > FRAGMENTS_MAX {
            return Err(fault(1008, "too many fragments"));
        }
        if !header.fin {
            self.message = Some(whole);
            return Ok(None);
        }
        String::from_utf8(whole.into())
            .map(|text| Some(Received::Text(text)))
            .map_err(|_not_text| fault(1007, "not UTF-8"))
    }
}

fn close_of(payload: &BytesMut) -> Result<Received, Fault> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(Received::Close(None))
        } else {
            Err(fault(1002, "half a close code"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(fault(1002, "close code that is not to be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(fault(1007, "close reason is not UTF-8"));
    }
    Ok(Received::Close(Some(code)))
}

/// A text message as it goes over the wire, in one frame.
pub fn text(payload: &[u8]) -> Bytes {
    frame(TEXT, payload)
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

/// The last frame of a socket. A reason is for people; it is cut at 123 bytes.
pub fn close(code: u16, reason: &str) -> Bytes {
    let reason = reason.as_bytes();
    let reason = reason.get(..123).unwrap_or(reason);
    frame(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(payload.len() + 10);
    bytes.put_u8(FIN | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len), _) if len <= 125 => bytes.put_u8(len),
        (_, Ok(len)) => {
            bytes.put_u8(126);
            bytes.put_u16(len);
        }
        _ => {
            bytes.put_u8(127);
            bytes.put_u64(payload.len() as u64);
        }
    }
    bytes.put_slice(payload);
    bytes.freeze()
}

#[cfg(test)]
mod tests;
