//! Staff who listen to calls: how long after it was spoken they hear a frame, and whether they miss any.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::probes::SETTLING_FRAMES;
use crate::clock;
use crate::histogram::Shared;
use crate::probe::Tag;
use crate::product::{Heard, Product};
use crate::run::Run;
use crate::stage::exact;
use crate::twilio::Caller;
use crate::ulaw::FRAME;

/// A call that just began is looked up this often …
const LOOK_UPS: u32 = 20;
/// … with this pause.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(100);

/// All listeners of a run.
pub(super) struct Listeners {
    run: Run,
    /// Where calls are looked up and listened to.
    product: Product,
    caller: Shared,
    agent: Shared,
    frames: AtomicU64,
    missed: AtomicU64,
    clears: AtomicU64,
}

impl Listeners {
    pub(super) fn new(run: &Run, product: Product) -> Self {
        Self {
            run: run.clone(),
            product,
            caller: run.histogram("listen_caller"),
            agent: run.histogram("listen_agent"),
            frames: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            clears: AtomicU64::new(0),
        }
    }

    /// Listens to this call from its beginning until it is over.
    pub(super) async fn follow(&self, caller: &Caller, from: &str) {
        if caller.stream_open().await.is_err() {
            // The call itself says why.
            return;
        }
        if let Err(error) = self.listen(from).await {
            self.run.add("listeners_failed", 1.0);
            self.run.note(format!("a listener failed: {error:#}"));
        }
    }

    async fn listen(&self, from: &str) -> Result<()> {
        let mut socket = self.product.listen(&self.find(from).await?).await?;
        let (mut caller, mut agent) = (Track::default(), Track::default());
        let mut next = None;
        loop {
            match socket.next().await? {
                Heard::Frame {
                    track: 0,
                    sequence,
                    audio,
                } => {
                    self.frames.fetch_add(1, Ordering::Relaxed);
                    let expected = next.unwrap_or(sequence);
                    self.missed
                        .fetch_add(u64::from(sequence.saturating_sub(expected)), Ordering::Relaxed);
                    next = Some(sequence + 1);
                    caller.take(&audio, &self.caller, |tag| tag.sent_us);
                }
                Heard::Frame { audio, .. } => agent.take(&audio, &self.agent, |tag| tag.returned_us),
                Heard::Clear => {
                    agent = Track::default();
                    self.clears.fetch_add(1, Ordering::Relaxed);
                }
                Heard::Bye => return Ok(()),
            }
        }
    }

    /// The id of the live call from this number.
    async fn find(&self, from: &str) -> Result<String> {
        for _ in 0..LOOK_UPS {
            if let Some(id) = self.product.live_call(from).await? {
                return Ok(id);
            }
            sleep(LOOK_UP_PAUSE).await;
        }
        None.context("the call is not listed")
    }

    pub(super) fn conclude(&self) {
        for (name, count) in [
            ("frames_listened", &self.frames),
            ("lost_frames_listened", &self.missed),
            ("clears_listened", &self.clears),
        ] {
            self.run.number(name, exact(count.load(Ordering::Relaxed)));
        }
        if self.run.read("listeners_failed").is_none() {
            self.run.number("listeners_failed", 0.0);
        }
    }
}

/// One side of a call, as it comes in: tags may lie across two frames.
#[derive(Default)]
struct Track(Vec<u8>);

impl Track {
    fn take(&mut self, audio: &[u8], delay: &Shared, moment_us: impl Fn(&Tag) -> u64) {
        self.0.extend_from_slice(audio);
        let (now_us, mut at) = (clock::now_us(), 0);
        while let Some(rest) = self.0.get(at..).filter(|rest| rest.len() >= FRAME) {
            let Some(tag) = Tag::read(rest) else {
                at += 1;
                continue;
            };
            at += FRAME;
            let from_us = moment_us(&tag);
            if from_us > 0 && tag.sequence >= SETTLING_FRAMES {
                delay.record(now_us.saturating_sub(from_us));
            }
        }
        self.0.drain(..at);
    }
}
