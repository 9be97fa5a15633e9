//! Twilio Media Streams: its messages, read and written as text. No socket here. The two frequent messages are scanned by
//! hand (in the shape Twilio sends); any other shape goes through serde, and both ways give the same answer.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

/// A message from Twilio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The socket is a media stream's.
    Connected,
    /// Which call it is, and how its audio is coded.
    Start(Box<Start>),
    /// About 20 ms of audio.
    Media(Media<'a>),
    /// A key the caller pressed.
    Dtmf(char),
    /// A mark of ours: everything before it was played, or cleared.
    Mark(Cow<'a, str>),
    /// The last message.
    Stop,
    /// A message this version does not know.
    Other,
}

/// The first message that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The stream's name, wanted in every message to it.
    pub stream_sid: String,
    /// Whose account the call is.
    pub account_sid: String,
    /// Which call.
    pub call_sid: String,
    /// `audio/x-mulaw` unless the document asked for something else.
    pub encoding: String,
    /// 8,000 unless the document asked for something else.
    pub sample_rate: u32,
    /// `<Parameter>`s of the document.
    pub parameters: HashMap<String, String>,
}

/// Audio from the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<'a> {
    /// The caller's side (a bidirectional stream has no other).
    pub inbound: bool,
    /// Counts from 1; a jump is a loss.
    pub chunk: u64,
    /// Milliseconds since the stream began.
    pub timestamp_ms: u64,
    /// Base64 of headerless μ-law, checked to be base64.
    pub payload: Cow<'a, str>,
}

/// Not a message of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a media stream message: {0}")]
pub struct Malformed(&'static str);

/// Reads one text frame.
///
/// # Errors
/// When it is not JSON, lacks what its event must have, or its audio is not base64.
pub fn parse(text: &str) -> Result<Event<'_>, Malformed> {
    match scan(text) {
        Some(event) => Ok(event),
        None => parse_by_serde(text),
    }
}

/// The event of a frequent message; `None` for anything else.
fn scan(text: &str) -> Option<Event<'_>> {
    let rest = text.strip_prefix(r#"{"event":"m"#)?;
    match rest.strip_prefix(r#"edia","sequenceNumber":""#) {
        Some(rest) => scan_media(rest).map(Event::Media),
        None => scan_mark(rest.strip_prefix(r#"ark","sequenceNumber":""#)?).map(Event::Mark),
    }
}

/// `{"event":"mark","sequenceNumber":"4","streamSid":"MZ…","mark":{"name":"17"}}`, exactly, from the number on.
fn scan_mark(rest: &str) -> Option<Cow<'_, str>> {
    let (_, rest) = number(rest)?;
    let rest = rest.strip_prefix(r#"","streamSid":""#)?;
    let (stream, rest) = rest.split_at_checked(memchr::memchr(b'"', rest.as_bytes())?)?;
    let name = rest
        .strip_prefix(r#"","mark":{"name":""#)?
        .strip_suffix(r#""}}"#)?;
    (is_plain(stream) && is_plain(name)).then_some(Cow::Borrowed(name))
}

/// Nothing that JSON would escape.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"…"},
/// "streamSid":"MZ…"}`, exactly, from the first number on.
fn scan_media(rest: &str) -> Option<Media<'_>> {
    let (_, rest) = number(rest)?;
    let rest = rest.strip_prefix(r#"","media":{"track":""#)?;
    let (inbound, rest) = match rest.strip_prefix("inbound") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("outbound")?),
    };
    let (chunk, rest) = number(rest.strip_prefix(r#"","chunk":""#)?)?;
    let (timestamp_ms, rest) = number(rest.strip_prefix(r#"","timestamp":""#)?)?;
    let rest = rest.strip_prefix(r#"","payload":""#)?;
    let (payload, rest) = rest.split_at_checked(memchr::memchr(b'"', rest.as_bytes())?)?;
    let stream = rest.strip_prefix(r#""},"streamSid":""#)?.strip_suffix(r#""}"#)?;
    (is_plain(stream) && is_base64(payload)).then_some(Media {
        inbound,
        chunk,
        timestamp_ms,
        payload: Cow::Borrowed(payload),
    })
}

/// Decimal digits up to what follows them.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

fn is_base64(payload: &str) -> bool {
    base64_simd::STANDARD.check(payload.as_bytes()).is_ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<RawMedia<'a>>,
    start: Option<RawStart>,
    dtmf: Option<RawDtmf>,
    #[serde(borrow)]
    mark: Option<RawMark<'a>>,
}

#[derive(Deserialize)]
struct RawMedia<'a> {
    #[serde(borrow)]
    track: Cow<'a, str>,
    chunk: Count,
    timestamp: Count,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

/// Twilio sends its counters as strings; compatible providers send some as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
}

impl Count {
    fn value(&self) -> Option<u64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Text(_) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStart {
    stream_sid: String,
    account_sid: String,
    call_sid: String,
    #[serde(default)]
    custom_parameters: HashMap<String, String>,
    media_format: RawFormat,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawFormat {
    encoding: String,
    sample_rate: u32,
}

#[derive(Deserialize)]
struct RawDtmf {
    digit: String,
}

#[derive(Deserialize)]
struct RawMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

fn parse_by_serde(text: &str) -> Result<Event<'_>, Malformed> {
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_detail| Malformed("no JSON of a known shape"))?;
    Ok(match &*raw.event {
        "connected" => Event::Connected,
        "start" => start(raw.start.ok_or(Malformed("start without its object"))?),
        "media" => media(raw.media.ok_or(Malformed("media without its object"))?)?,
        "dtmf" => Event::Dtmf(digit(&raw.dtmf.ok_or(Malformed("dtmf without its object"))?)?),
        "mark" => Event::Mark(raw.mark.ok_or(Malformed("mark without its object"))?.name),
        "stop" => Event::Stop,
        _ => Event::Other,
    })
}

fn start(raw: RawStart) -> Event<'static> {
    Event::Start(Box::new(Start {
        stream_sid: raw.stream_sid,
        account_sid: raw.account_sid,
        call_sid: raw.call_sid,
        encoding: raw.media_format.encoding,
        sample_rate: raw.media_format.sample_rate,
        parameters: raw.custom_parameters,
    }))
}

fn media(raw: RawMedia<'_>) -> Result<Event<'_>, Malformed> {
    let inbound = match &*raw.track {
        "inbound" => true,
        "outbound" => false,
        _ => return Err(Malformed("media of an unknown track")),
    };
    let chunk = raw.chunk.value().ok_or(Malformed("chunk is no number"))?;
    let timestamp_ms = raw.timestamp.value().ok_or(Malformed("timestamp is no number"))?;
    if !is_base64(&raw.payload) {
        return Err(Malformed("payload is not base64"));
    }
    Ok(Event::Media(Media {
        inbound,
        chunk,
        timestamp_ms,
        payload: raw.payload,
    }))
}

fn digit(raw: &RawDtmf) -> Result<char, Malformed> {
    let mut chars = raw.digit.chars();
    match (chars.next(), chars.next()) {
        (Some(digit @ ('0'..='9' | '*' | '#' | 'A'..='D')), None) => Ok(digit),
        _ => Err(Malformed("dtmf is no key")),
    }
}

/// What one side said, or is saying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Words<'a> {
    /// The turn's place in the call; later words of the same turn replace the earlier ones.
    pub ordinal: i32,
    /// `caller`, `agent` or `staff`.
    pub speaker: &'a str,
    /// What was said; of an interrupted reply, what was heard of it.
    pub text: &'a str,
    /// Whether nothing of this turn follows.
    pub whole: bool,
}

impl Words<'_> {
    /// The message that carries them. Not Twilio's: only the browser phone knows it.
    pub fn message(&self) -> String {
        serde_json::json!({ "event": "transcript", "transcript": self }).to_string()
    }
}

/// Writes messages to one stream; the constant part of each is made once.
#[derive(Clone, Debug)]
pub struct Writer {
    media_head: String,
    mark_head: String,
    clear: String,
}

impl Writer {
    /// For the stream that `start` named.
    pub fn new(stream_sid: &str) -> Self {
        let sid = serde_json::Value::from(stream_sid).to_string();
        Self {
            media_head: format!(r#"{{"event":"media","streamSid":{sid},"media":{{"payload":""#),
            mark_head: format!(r#"{{"event":"mark","streamSid":{sid},"mark":{{"name":""#),
            clear: format!(r#"{{"event":"clear","streamSid":{sid}}}"#),
        }
    }

    /// Audio to be played after what was sent before; `payload` is base64 of μ-law and is spliced in as it is.
    pub fn media(&self, payload: &str) -> String {
        [&self.media_head, payload, r#""}}"#].concat()
    }

    /// A mark, echoed when everything before it was played or cleared.
    pub fn mark(&self, number: u64) -> String {
        format!("{}{number}\"}}}}", self.mark_head)
    }

    /// Stops what is queued at once.
    pub fn clear(&self) -> String {
        self.clear.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: &str = r#"{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"f39/fw=="},"streamSid":"MZ0123456789abcdef0123456789abcdef"}"#;

    const MARK: &str = r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"17"}}"#;

    #[test]
    fn the_usual_frame_is_scanned_and_means_the_same_by_serde() {
        let Some(Event::Media(scanned)) = scan(SENT) else {
            panic!("Twilio's own shape")
        };
        assert_eq!((scanned.chunk, scanned.timestamp_ms), (1, 5));
        assert_eq!(parse_by_serde(SENT), Ok(Event::Media(scanned)));
        assert_eq!(scan(MARK), Some(Event::Mark("17".into())));
    }

    #[test]
    fn other_spellings_of_the_same_frame_are_read_too() {
        let spaced = SENT.replace(':', ": ").replace("f39/fw==", r"f39\/fw==");
        assert_eq!(scan(&spaced), None);
        assert_eq!(parse(&spaced), parse(SENT));
    }

    #[test]
    fn every_event_of_the_protocol() {
        assert_eq!(
            parse(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#),
            Ok(Event::Connected)
        );
        let start = r#"{"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","accountSid":"AC1","callSid":"CA1","tracks":["inbound"],"customParameters":{"a":"b"},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"streamSid":"MZ1"}"#;
        let Ok(Event::Start(start)) = parse(start) else {
            panic!("a start")
        };
        assert_eq!(
            (&*start.call_sid, start.sample_rate, &*start.parameters["a"]),
            ("CA1", 8000, "b")
        );
        let dtmf = r##"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"#"}}"##;
        assert_eq!(parse(dtmf), Ok(Event::Dtmf('#')));
        let mark = r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"17"}}"#;
        assert_eq!(parse(mark), Ok(Event::Mark("17".into())));
        assert_eq!(
            parse(r#"{"event":"stop","stop":{"accountSid":"AC1","callSid":"CA1"}}"#),
            Ok(Event::Stop)
        );
        assert_eq!(parse(r#"{"event":"novelty"}"#), Ok(Event::Other));
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"event":"media"}"#,
            r#"{"event":"dtmf","dtmf":{"digit":"12"}}"#,
            &SENT.replace("f39/fw==", "f39/fw="),
            &SENT.replace("f39/fw==", "not base64"),
            &SENT.replace(r#""1""#, r#""-1""#),
            &SENT.replace("inbound", "sideways"),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_we_write_is_what_twilio_reads() {
        let writer = Writer::new("MZ1");
        assert_eq!(
            writer.media("f39/"),
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"f39/"}}"#
        );
        assert_eq!(
            writer.mark(7),
            r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"7"}}"#
        );
        assert_eq!(writer.clear(), r#"{"event":"clear","streamSid":"MZ1"}"#);
    }

    proptest! {
        /// A frame changed anywhere: the scan either does not apply or agrees with serde.
        #[test]
        fn the_scan_never_disagrees_with_serde(
            sent in prop::sample::select(vec![SENT, MARK]), at in any::<prop::sample::Index>(), byte in 0_u8..128,
            cut in any::<bool>(),
        ) {
            let mut bytes = sent.as_bytes().to_vec();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let text = String::from_utf8(bytes).unwrap();
            if let Some(event) = scan(&text) {
                prop_assert_eq!(parse_by_serde(&text), Ok(event));
            }
        }

        #[test]
        fn nothing_panics(text in ".{0,300}") {
            let _ = parse(&text);
        }
    }
}
