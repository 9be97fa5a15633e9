//! Listeners' audio: both sides of a call on one clock, the agent's when the caller hears it. Made only while somebody
//! listens, sent over Redis in small batches, lossy.
//!
//! A batch is records one after the other: tag 0 (caller) or 1 (agent), four bytes of sequence (big-endian, in 20 ms
//! units), 160 bytes of μ-law; or the single tag 2: drop what you have of the agent's; or 3: the call is over.

use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use hub::Hub;
use hub::ids::{CallId, TenantId};
use tokio::sync::mpsc;

use crate::call::ledger::Ledger;
use crate::ulaw::{FRAME, SILENCE};

/// Somebody who listens says so every few seconds; this long after the last word nobody does.
const LISTENING: Duration = Duration::from_secs(12);
/// Two frames: 40 ms of the 60 that listening may add.
const FRAMES_PER_BATCH: u32 = 2;
/// Batches on their way to Redis; when it is slow the newest are dropped, and the listener hears a gap.
const BATCHES_MAX: usize = 32;
/// The caller's clock and ours may differ by this before the agent's track jumps.
const DRIFT_MAX: u64 = 1_600;

/// Where a call's audio is tapped.
pub(crate) struct Tap {
    until: Option<Instant>,
    batches: mpsc::Sender<Bytes>,
    batch: BytesMut,
    frames: u32,
    sequence: u32,
    caller: Vec<u8>,
    /// The piece that is being heard, decoded, and how far the listeners are in it.
    piece: Option<(u64, Vec<u8>, usize)>,
}

impl Tap {
    /// A tap that is shut; its batches go to Redis in a task of their own.
    pub(crate) fn new(hub: &Hub, tenant: TenantId, call: CallId) -> Self {
        let (batches, mut waiting) = mpsc::channel::<Bytes>(BATCHES_MAX);
        let task_hub = hub.clone();
        hub.tasks.spawn_supporter("calls.listen", async move {
            while let Some(batch) = waiting.recv().await {
                publish(&task_hub, tenant, call, batch).await;
            }
        });
        Self {
            until: None,
            batches,
            batch: BytesMut::new(),
            frames: 0,
            sequence: 0,
            caller: Vec::new(),
            piece: None,
        }
    }

    /// Somebody listens.
    pub(crate) fn open(&mut self, now: Instant) {
        self.until = Some(now + LISTENING);
    }

    /// Whether anybody listens.
    pub(crate) fn is_open(&mut self, now: Instant) -> bool {
        if self.until.is_some_and(|until| now >= until) {
            self.until = None;
            self.caller.clear();
            self.piece = None;
        }
        self.until.is_some()
    }

    /// The caller's audio, decoded; with each 20 ms of it goes what the caller heard meanwhile.
    pub(crate) fn frame(&mut self, caller: &[u8], ledger: &Ledger, at: Duration) {
        self.caller.extend_from_slice(caller);
        while self.caller.len() >= FRAME {
            let frame: Vec<u8> = self.caller.drain(..FRAME).collect();
            self.record(0, &frame);
            if let Some(frame) = self.heard(ledger, at) {
                self.record(1, &frame);
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.frames += 1;
        }
        if self.frames >= FRAMES_PER_BATCH {
            self.flush();
        }
    }

    fn record(&mut self, tag: u8, frame: &[u8]) {
        self.batch.put_u8(tag);
        self.batch.put_u32(self.sequence);
        self.batch.extend_from_slice(frame);
    }

    /// 20 ms of the agent's voice as the caller hears it now; `None` when it is silent.
    fn heard(&mut self, ledger: &Ledger, at: Duration) -> Option<Vec<u8>> {
        let Some((piece, offset)) = ledger.at(at) else {
            self.piece = None;
            return None;
        };
        let same = matches!(&self.piece, Some((mark, _, position))
            if *mark == piece.mark && (*position as u64).abs_diff(offset) <= DRIFT_MAX);
        if !same {
            // The next piece continues where the last one ended; another place is a jump.
            let follows = matches!(&self.piece, Some((mark, audio, position))
                if *mark + 1 == piece.mark && position + FRAME >= audio.len());
            let audio = base64_simd::STANDARD.decode_to_vec(&piece.payload[..]).ok()?;
            let position = if follows {
                0
            } else {
                usize::try_from(offset).unwrap_or(0)
            };
            self.piece = Some((piece.mark, audio, position));
        }
        let (mark, audio, position) = self.piece.as_mut()?;
        let mut frame: Vec<u8> = audio.iter().skip(*position).take(FRAME).copied().collect();
        *position += FRAME;
        if frame.len() < FRAME {
            let rest = FRAME - frame.len();
            let next = ledger.after(*mark).and_then(|next| {
                base64_simd::STANDARD
                    .decode_to_vec(&next.payload[..])
                    .ok()
                    .map(|audio| (next.mark, audio))
            });
            if let Some((mark, audio)) = next {
                frame.extend(audio.iter().take(rest));
                self.piece = Some((mark, audio, rest));
            }
        }
        frame.resize(FRAME, SILENCE);
        Some(frame)
    }

    /// The caller interrupted: what listeners have of the agent is void.
    pub(crate) fn cleared(&mut self) {
        self.piece = None;
        if self.until.is_some() {
            self.batch.put_u8(2);
            self.flush();
        }
    }

    /// The call is over.
    pub(crate) fn over(&mut self) {
        if self.until.is_some() {
            self.batch.put_u8(3);
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.frames = 0;
        if self.batches.try_send(self.batch.split().freeze()).is_err() {
            metrics::counter!("switchboard_frames_dropped_total", "side" => "listener").increment(1);
        }
    }
}

/// How loud the agent is to the caller right now, 0 to 1.
pub(crate) fn agent_level(ledger: &Ledger, at: Duration) -> f32 {
    let Some((piece, offset)) = ledger.at(at) else {
        return 0.0;
    };
    // Whole groups of base64 around the 20 ms in question.
    let from = usize::try_from(offset).unwrap_or(0) / 3 * 4;
    let text = piece.payload.get(
        from..(from + FRAME * 4 / 3)
            .next_multiple_of(4)
            .min(piece.payload.len()),
    );
    text.and_then(|text| base64_simd::STANDARD.decode_to_vec(text).ok())
        .map_or(0.0, |audio| crate::ulaw::meter(&audio))
}

async fn publish(hub: &Hub, tenant: TenantId, call: CallId, batch: Bytes) {
    if let Err(fault) = hub::call::order::publish_audio(hub, tenant, call, batch).await {
        tracing::debug!(error = format!("{fault:#}"), "A batch of audio was lost");
    }
}
