//! `<Record>` and recordings of whole calls: real audio, fetched later over REST.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::leg::{Leg, Next};
use super::twiml::{Callback, Record};
use super::world::{Recording, World, sid};
use crate::clock;
use crate::pace::{Pace, stamp_us};
use crate::ulaw;

/// Louder than this (root mean square of a frame) is somebody speaking.
const SPEECH: f64 = 300.0;

pub(crate) async fn run(leg: &mut Leg, wanted: Record, cut: &CancellationToken) -> Next {
    if wanted.beep {
        super::talk::hear(leg, &beep(), cut).await;
    }
    let (audio, spoken, key) = listen(leg, &wanted, cut).await;
    let hung_up = cut.is_cancelled();
    if !spoken {
        // Nothing was said: no recording, and the document goes on.
        return Next::Verb;
    }
    let recorded = store(&leg.world, &leg.call.account, &leg.call.sid, audio);
    if let Some(callback) = &wanted.callback {
        let webhook = leg.webhook("recording", callback, recorded.params("completed"));
        leg.call.callback("completed", webhook);
    }
    let Some(action) = &wanted.action else {
        return Next::Verb;
    };
    let mut extra = recorded.params("completed");
    extra.push((
        "Digits".to_owned(),
        if hung_up {
            "hangup".to_owned()
        } else {
            key.map_or_else(String::new, String::from)
        },
    ));
    if hung_up {
        return Next::EndAfter(leg.webhook("action", action, extra));
    }
    Next::Document(leg.action(action, extra))
}

async fn listen(leg: &Leg, wanted: &Record, cut: &CancellationToken) -> (Vec<u8>, bool, Option<char>) {
    let (mut audio, mut spoken, mut key) = (Vec::new(), false, None);
    let mut pace = Pace::from_now();
    let end = Instant::now() + Duration::from_secs(wanted.max_s);
    let mut quiet_since = Instant::now();
    while Instant::now() < end {
        let due = tokio::select! {
            due = pace.beat() => due,
            () = cut.cancelled() => break,
        };
        let frame = leg.call.line.speak(stamp_us(due));
        if ulaw::loudness(&frame) > SPEECH {
            spoken = true;
            quiet_since = Instant::now();
        }
        audio.extend_from_slice(&frame);
        if let Some(pressed) = leg
            .call
            .line
            .next_key()
            .filter(|pressed| wanted.finish_on.contains(*pressed))
        {
            key = Some(pressed);
            break;
        }
        if quiet_since.elapsed() > Duration::from_secs(wanted.timeout_s) {
            break;
        }
    }
    (audio, spoken, key)
}

/// Records the caller's side until the call ends; kept as a mono file.
pub(crate) fn whole_call(leg: &mut Leg, callback: Option<Callback>) {
    let end = CancellationToken::new();
    leg.recording = Some(end.clone());
    let (world, call) = (Arc::clone(&leg.world), Arc::clone(&leg.call));
    let from_us = clock::now_us();
    let webhook = callback.map(|callback| leg.webhook("recording", &callback, Vec::new()));
    leg.world.spawn(async move {
        end.cancelled().await;
        let heard = call.line.heard().audio_since(from_us);
        let recorded = store(&world, &call.account, &call.sid, heard);
        if let Some(mut webhook) = webhook {
            webhook.params.extend(recorded.params("completed"));
            let _ = super::webhook::send(&world, &webhook).await;
        }
    });
}

struct Stored {
    sid: String,
    url: String,
    duration_s: u64,
}

impl Stored {
    fn params(&self, status: &str) -> Vec<(String, String)> {
        vec![
            ("RecordingSid".to_owned(), self.sid.clone()),
            ("RecordingUrl".to_owned(), self.url.clone()),
            ("RecordingDuration".to_owned(), self.duration_s.to_string()),
            ("RecordingStatus".to_owned(), status.to_owned()),
            ("RecordingChannels".to_owned(), "1".to_owned()),
            ("RecordingSource".to_owned(), "RecordVerb".to_owned()),
        ]
    }
}

fn store(world: &World, account: &str, call: &str, audio: Vec<u8>) -> Stored {
    let sid = sid("RE");
    let duration_s = ulaw::duration_ms(audio.len()).div_ceil(1000);
    let url = format!(
        "{}/2010-04-01/Accounts/{account}/Recordings/{sid}",
        world.base_url
    );
    world.ledger.record(
        "recording",
        json!({"recording_sid": sid, "call_sid": call, "duration_ms": ulaw::duration_ms(audio.len()), "url": url}),
    );
    let recording = Recording {
        account: account.to_owned(),
        call: call.to_owned(),
        audio: Bytes::from(audio),
    };
    world
        .recordings
        .lock()
        .expect("no holder of the lock panics")
        .insert(sid.clone(), recording);
    Stored { sid, url, duration_s }
}

/// Half a second at 1 kHz.
fn beep() -> Vec<u8> {
    let tone = (0..4000).map(|n| {
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is 8,000")]
        let sample = ((f64::from(n) * std::f64::consts::FRAC_PI_4).sin() * 8000.0) as i16;
        sample
    });
    ulaw::encode(&tone.collect::<Vec<_>>())
}
