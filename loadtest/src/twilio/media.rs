//! The messages of a media stream: written as Twilio writes them, read as strictly as Twilio reads them.
use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::leg::Leg;
use super::twiml;
use crate::clock;

/// The first message.
pub(crate) const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

/// Counts and writes what Twilio sends.
pub(crate) struct Outgoing {
    pub(crate) stream_sid: String,
    pub(crate) tracks: Vec<&'static str>,
    account_sid: String,
    call_sid: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    sequence: u64,
    chunk: u64,
    started: Instant,
}

impl Outgoing {
    pub(crate) fn new(leg: &Leg, stream_sid: String, wanted: &twiml::Stream) -> Self {
        Self {
            stream_sid,
            tracks: match wanted.track.as_str() {
                "both_tracks" => vec!["inbound", "outbound"],
                "outbound_track" => vec!["outbound"],
                _ => vec!["inbound"],
            },
            account_sid: leg.call.account.clone(),
            call_sid: leg.call.sid.clone(),
            parameters: wanted
                .parameters
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect(),
            sequence: 0,
            chunk: 0,
            started: Instant::now(),
        }
    }

    pub(crate) fn start(&mut self) -> String {
        self.started = Instant::now();
        let sequence = self.next();
        json!({
            "event": "start", "sequenceNumber": sequence.to_string(), "streamSid": self.stream_sid,
            "start": {
                "accountSid": self.account_sid, "streamSid": self.stream_sid, "callSid": self.call_sid,
                "tracks": self.tracks, "customParameters": self.parameters,
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            },
        })
        .to_string()
    }

    pub(crate) fn media(&mut self, track: &str, audio: &[u8]) -> String {
        let sequence = self.next();
        self.chunk += 1;
        format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"{track}","chunk":"{}","timestamp":"{}","payload":"{}"}},"streamSid":"{}"}}"#,
            self.chunk,
            clock::ms(self.started.elapsed()),
            STANDARD.encode(audio),
            self.stream_sid,
        )
    }

    pub(crate) fn dtmf(&mut self, digit: char) -> String {
        let sequence = self.next().to_string();
        let dtmf = json!({"track": "inbound_track", "digit": digit.to_string()});
        json!({"event": "dtmf", "streamSid": self.stream_sid, "sequenceNumber": sequence, "dtmf": dtmf})
            .to_string()
    }

    pub(crate) fn mark(&mut self, name: &str) -> String {
        let sequence = self.next().to_string();
        json!({"event": "mark", "sequenceNumber": sequence, "streamSid": self.stream_sid, "mark": {"name": name}})
            .to_string()
    }

    pub(crate) fn stop(&mut self) -> String {
        let sequence = self.next().to_string();
        let stop = json!({"accountSid": self.account_sid, "callSid": self.call_sid});
        json!({"event": "stop", "sequenceNumber": sequence, "streamSid": self.stream_sid, "stop": stop})
            .to_string()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// A message of the server.
#[derive(Debug, PartialEq)]
pub(crate) enum FromServer {
    Media(Bytes),
    Mark(String),
    Clear,
    Malformed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    stream_sid: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<Media<'a>>,
    mark: Option<Mark>,
}

#[derive(Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Mark {
    name: String,
}

/// Reads a message; whatever Twilio would answer with 31924 is an error.
pub(crate) fn read(text: &str, stream_sid: &str) -> Result<FromServer> {
    let message: Message<'_> = serde_json::from_str(text).context("the message is not understood")?;
    ensure!(
        message.stream_sid == stream_sid,
        "streamSid {} is not this stream's",
        message.stream_sid
    );
    Ok(match (message.event.as_ref(), message.media, message.mark) {
        ("media", Some(media), _) => FromServer::Media(Bytes::from(
            STANDARD
                .decode(media.payload.as_bytes())
                .context("the payload is not base64")?,
        )),
        ("mark", _, Some(mark)) => FromServer::Mark(mark.name),
        ("clear", _, _) => FromServer::Clear,
        (event, ..) => bail!("the event `{event}` is unknown or incomplete"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_messages_exist() {
        let media = r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}"#;
        assert_eq!(
            read(media, "MZ1").unwrap(),
            FromServer::Media(Bytes::from_static(&[255, 255]))
        );
        let mark = r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"a\"b"}}"#;
        assert_eq!(read(mark, "MZ1").unwrap(), FromServer::Mark("a\"b".into()));
        assert_eq!(
            read(r#"{"event":"clear","streamSid":"MZ1"}"#, "MZ1").unwrap(),
            FromServer::Clear
        );
        for bad in [
            media.replace("MZ1", "MZ2").as_str(),
            r#"{"event":"stop","streamSid":"MZ1"}"#,
            r#"{"event":"media","streamSid":"MZ1"}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"!"}}"#,
            r#"{"event":"clear"}"#,
            "{",
        ] {
            assert!(read(bad, "MZ1").is_err(), "{bad}");
        }
    }
}
