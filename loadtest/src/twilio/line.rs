//! A person's end of a call: microphone, ear, keys, and the moments that tests wait for.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::probe::Tag;
use crate::ulaw::{FRAME, SILENCE, duration_ms};

/// Called with every piece of audio that arrives from the server, on arrival and before play-out.
pub type Tap = Arc<dyn Fn(&[u8], u64) + Send + Sync>;

/// When things happened to a call, in microseconds of [`crate::clock`]; `None` = not yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Moments {
    /// The call reached Twilio.
    pub dialled_us: u64,
    /// The voice webhook was sent.
    pub webhook_sent_us: Option<u64>,
    /// The voice webhook was answered with TwiML.
    pub webhook_answered_us: Option<u64>,
    /// The call was answered (the first verb began).
    pub answered_us: Option<u64>,
    /// The media stream was accepted.
    pub stream_open_us: Option<u64>,
    /// The first audio began to play to the person.
    pub first_audio_us: Option<u64>,
    /// Audio arrived last from the server.
    pub last_media_us: Option<u64>,
    /// Streams opened so far.
    pub streams: u32,
    /// `clear` messages so far.
    pub clears: u32,
    /// The newest `clear`.
    pub cleared_us: Option<u64>,
    /// Everything said so far has left the microphone.
    pub said_us: Option<u64>,
    /// The stream was closed by the server.
    pub stream_closed_us: Option<u64>,
    /// The call is over.
    pub ended_us: Option<u64>,
    /// Twilio's final state of the call: completed, busy, no-answer, failed, canceled.
    pub ended_as: Option<String>,
    /// Twilio's error, for example `31924: …`.
    pub error: Option<String>,
}

/// A mark that came back to the server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MarkEcho {
    /// The mark's name.
    pub name: String,
    /// When.
    pub at_us: u64,
    /// Whether the audio before it was heard (else it was thrown away by `clear`).
    pub played: bool,
}

/// A `clear` of the server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clear {
    /// When it arrived.
    pub at_us: u64,
    /// Audio that was waiting and never heard.
    pub dropped_ms: u64,
}

/// Audio that was heard without a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// When it began.
    pub at_us: u64,
    /// μ-law.
    pub audio: Vec<u8>,
}

/// What the person heard, and what became of the server's marks and clears.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Audio in the order of hearing.
    pub pieces: Vec<Piece>,
    /// Marks in the order of their echoes.
    pub marks: Vec<MarkEcho>,
    /// Clears.
    pub clears: Vec<Clear>,
}

impl Heard {
    /// Milliseconds of audio heard.
    pub fn duration_ms(&self) -> u64 {
        duration_ms(self.pieces.iter().map(|piece| piece.audio.len()).sum())
    }

    /// The audio heard from `from_us` on as one recording, with silence where nothing was heard.
    pub fn audio_since(&self, from_us: u64) -> Vec<u8> {
        let mut out: Vec<u8> = Vec::new();
        let Some(first) = self.pieces.iter().find(|piece| piece.at_us >= from_us) else {
            return out;
        };
        for piece in self.pieces.iter().filter(|piece| piece.at_us >= from_us) {
            let offset = usize::try_from((piece.at_us - first.at_us) / 125).unwrap_or(usize::MAX);
            // A jitter below one frame is no silence.
            if offset > out.len() + FRAME {
                out.resize(offset, SILENCE);
            }
            out.extend_from_slice(&piece.audio);
        }
        out
    }

    /// All of it as one recording.
    pub fn audio(&self) -> Vec<u8> {
        self.audio_since(0)
    }
}

#[derive(Default)]
struct Microphone {
    waiting: VecDeque<Bytes>,
    probe: Option<(u64, u64)>,
    spoke: bool,
}

/// A copy of both tracks; when its queue is full, frames are lost.
pub(crate) type Fork = mpsc::Sender<(&'static str, Vec<u8>)>;

/// See the module.
pub(crate) struct Line {
    microphone: Mutex<Microphone>,
    ear: Mutex<Heard>,
    keys: Mutex<VecDeque<char>>,
    tap: Mutex<Option<Tap>>,
    forks: Mutex<Vec<Fork>>,
    keep_audio: bool,
    pub(crate) moments: watch::Sender<Moments>,
}

impl Line {
    pub(crate) fn new(keep_audio: bool) -> Self {
        let moments = Moments {
            dialled_us: clock::now_us(),
            ..Moments::default()
        };
        Self {
            microphone: Mutex::default(),
            ear: Mutex::default(),
            keys: Mutex::default(),
            tap: Mutex::default(),
            forks: Mutex::default(),
            keep_audio,
            moments: watch::Sender::new(moments),
        }
    }

    pub(crate) fn say(&self, audio: Bytes) {
        let mut microphone = self.microphone.lock().expect("no holder of the lock panics");
        microphone.waiting.push_back(audio);
        microphone.spoke = true;
        drop(microphone);
        self.moments
            .send_if_modified(|moments| moments.said_us.take().is_some());
    }

    pub(crate) fn be_silent(&self) {
        let mut microphone = self.microphone.lock().expect("no holder of the lock panics");
        microphone.waiting.clear();
        microphone.probe = None;
    }

    /// From now on every frame is a [`Tag`] of this call's number.
    pub(crate) fn probe(&self, call: u64) {
        self.microphone
            .lock()
            .expect("no holder of the lock panics")
            .probe = Some((call, 0));
    }

    pub(crate) fn tap(&self, tap: Tap) {
        *self.tap.lock().expect("no holder of the lock panics") = Some(tap);
    }

    pub(crate) fn press(&self, key: char) {
        self.keys
            .lock()
            .expect("no holder of the lock panics")
            .push_back(key);
    }

    pub(crate) fn next_key(&self) -> Option<char> {
        self.keys
            .lock()
            .expect("no holder of the lock panics")
            .pop_front()
    }

    /// Copies both tracks to `fork` from now on.
    pub(crate) fn fork(&self, fork: Fork) {
        self.forks
            .lock()
            .expect("no holder of the lock panics")
            .push(fork);
    }

    fn copy(&self, track: &'static str, audio: &[u8]) {
        let mut forks = self.forks.lock().expect("no holder of the lock panics");
        forks.retain(|fork| !fork.is_closed());
        for fork in forks.iter() {
            let _ = fork.try_send((track, audio.to_vec()));
        }
    }

    /// The next 20 ms of the microphone; `due_us` is stamped on a probe.
    pub(crate) fn speak(&self, due_us: u64) -> [u8; FRAME] {
        let frame = self.microphone_frame(due_us);
        self.copy("inbound", &frame);
        frame
    }

    fn microphone_frame(&self, due_us: u64) -> [u8; FRAME] {
        let mut frame = [SILENCE; FRAME];
        let mut microphone = self.microphone.lock().expect("no holder of the lock panics");
        if let Some((call, sequence)) = &mut microphone.probe {
            let tag = Tag {
                call: *call,
                sequence: *sequence,
                sent_us: due_us,
                returned_us: 0,
            };
            *sequence += 1;
            return tag.frame();
        }
        let mut filled = 0;
        while filled < FRAME {
            let Some(audio) = microphone.waiting.front_mut() else {
                break;
            };
            let piece = audio.split_to(audio.len().min(FRAME - filled));
            let rest = audio.is_empty();
            if let Some(slot) = frame.get_mut(filled..filled + piece.len()) {
                slot.copy_from_slice(&piece);
            }
            filled += piece.len();
            if rest {
                microphone.waiting.pop_front();
            }
        }
        let finished = microphone.spoke && microphone.waiting.is_empty();
        microphone.spoke &= !finished;
        drop(microphone);
        if finished {
            self.moments.send_modify(|moments| moments.said_us = Some(due_us));
        }
        frame
    }

    /// Audio reached Twilio from the server.
    pub(crate) fn arrived(&self, audio: &[u8]) {
        let now_us = clock::now_us();
        let tap = self.tap.lock().expect("no holder of the lock panics").clone();
        if let Some(tap) = tap {
            tap(audio, now_us);
        }
        self.moments
            .send_if_modified(|moments| moments.last_media_us.replace(now_us).is_none());
    }

    /// Audio reached the person's ear.
    pub(crate) fn hear(&self, at_us: u64, audio: &[u8]) {
        if audio.is_empty() {
            return;
        }
        self.copy("outbound", audio);
        self.moments.send_if_modified(|moments| {
            let first = moments.first_audio_us.is_none();
            moments.first_audio_us.get_or_insert(at_us);
            first
        });
        if !self.keep_audio {
            return;
        }
        let mut ear = self.ear.lock().expect("no holder of the lock panics");
        if let Some(last) = ear.pieces.last_mut() {
            let end_us = last.at_us + last.audio.len() as u64 * 125;
            if at_us.abs_diff(end_us) < 15_000 {
                last.audio.extend_from_slice(audio);
                return;
            }
        }
        ear.pieces.push(Piece {
            at_us,
            audio: audio.to_vec(),
        });
    }

    pub(crate) fn echoed(&self, name: &str, played: bool) {
        let echo = MarkEcho {
            name: name.to_owned(),
            at_us: clock::now_us(),
            played,
        };
        if self.keep_audio {
            self.ear
                .lock()
                .expect("no holder of the lock panics")
                .marks
                .push(echo);
        }
    }

    pub(crate) fn cleared(&self, dropped_ms: u64) {
        let at_us = clock::now_us();
        self.ear
            .lock()
            .expect("no holder of the lock panics")
            .clears
            .push(Clear { at_us, dropped_ms });
        self.note(|moments| {
            moments.clears += 1;
            moments.cleared_us = Some(at_us);
        });
    }

    pub(crate) fn heard(&self) -> Heard {
        self.ear.lock().expect("no holder of the lock panics").clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Moments)) {
        self.moments.send_modify(change);
    }
}
