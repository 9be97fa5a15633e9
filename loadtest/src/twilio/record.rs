//! `<Record>` and recordings of whole calls: real audio, fetched later over REST.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::leg::{Leg, Next};
use super::twiml::{Callback, Record};
use super::webhook::Webhook;
use super::world::{Recording, World, sid};
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
    let recorded = store(&leg.world, sid("RE"), &leg.call.account, &leg.call.sid, audio);
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

/// `<Start><Recording>`.
pub(crate) fn whole_call(leg: &mut Leg, callback: Option<Callback>) {
    let webhook = callback.map(|callback| leg.webhook("recording", &callback, Vec::new()));
    until_the_end(&leg.world, &leg.call, webhook);
}

/// Records both sides, mixed, until the call ends; the recording's sid.
pub(crate) fn until_the_end(world: &Arc<World>, call: &Arc<Call>, webhook: Option<Webhook>) -> String {
    let sid = sid("RE");
    let (sender, mut frames) = tokio::sync::mpsc::channel(TAPE_QUEUE);
    call.line.fork(sender);
    let (recorded, tape_world, call) = (sid.clone(), Arc::clone(world), Arc::clone(call));
    world.spawn(async move {
        let mut ended = call.line.moments.subscribe();
        let mut tape = Tape::default();
        let over = ended.wait_for(|moments| moments.ended_us.is_some());
        tokio::pin!(over);
        loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some((track, audio)) => tape.take(track, &audio),
                    None => break,
                },
                _ = &mut over => break,
            }
        }
        let stored = store(&tape_world, recorded, &call.account, &call.sid, tape.mixed());
        if let Some(mut webhook) = webhook {
            webhook.params.extend(stored.params("completed"));
            let _ = super::webhook::send(&tape_world, &webhook).await;
        }
    });
    sid
}

/// Frames of a call that may wait for the recorder; beyond, they are lost.
const TAPE_QUEUE: usize = 500;

/// Both tracks of a call; the microphone never pauses, so it is the clock.
#[derive(Default)]
struct Tape {
    inbound: Vec<u8>,
    outbound: Vec<u8>,
}

impl Tape {
    fn take(&mut self, track: &str, audio: &[u8]) {
        if track == "inbound" {
            self.inbound.extend_from_slice(audio);
        } else {
            let silence = self.inbound.len().max(self.outbound.len());
            self.outbound.resize(silence, ulaw::SILENCE);
            self.outbound.extend_from_slice(audio);
        }
    }

    fn mixed(&self) -> Vec<u8> {
        let (inbound, outbound) = (ulaw::decode(&self.inbound), ulaw::decode(&self.outbound));
        let length = inbound.len().max(outbound.len());
        let at = |track: &[i16], index: usize| track.get(index).copied().unwrap_or(0);
        let samples = (0..length).map(|index| at(&inbound, index).saturating_add(at(&outbound, index)));
        ulaw::encode(&samples.collect::<Vec<_>>())
    }
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

fn store(world: &World, sid: String, account: &str, call: &str, audio: Vec<u8>) -> Stored {
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
