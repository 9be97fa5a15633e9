//! A person on the telephone, in a test's hands.
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;

use super::call::{Call, Interrupt};
use super::line::{Heard, Moments, Tap};
use crate::speech::{self, Voice};

/// One person's end of one call: what they say, what they hear, when things happened.
///
/// Dropping it does not hang up.
#[derive(Clone)]
pub struct Caller {
    call: Arc<Call>,
}

impl Caller {
    pub(crate) fn new(call: Arc<Call>) -> Self {
        Self { call }
    }

    /// How long the `…ed()` waits last at most.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// The call's `CA…`.
    pub fn sid(&self) -> &str {
        &self.call.sid
    }

    /// Twilio's present state of the call.
    pub fn status(&self) -> &'static str {
        self.call.status()
    }

    /// Speaks μ-law audio, after what is already being said.
    pub fn say(&self, audio: impl Into<Bytes>) {
        self.call.line.say(audio.into());
    }

    /// Speaks a text with the caller's voice; returns as soon as it is queued, with its length in milliseconds.
    pub async fn say_text(&self, text: &str) -> u64 {
        let audio = speech::render(Voice::Caller, text).await;
        let length_ms = crate::ulaw::duration_ms(audio.len());
        self.say(audio);
        length_ms
    }

    /// Stops speaking in mid-word.
    pub fn silence(&self) {
        self.call.line.be_silent();
    }

    /// Presses keys.
    pub fn dtmf(&self, keys: &str) {
        keys.chars().for_each(|key| self.call.line.press(key));
    }

    /// Puts the receiver down.
    pub fn hang_up(&self) {
        // A full queue of interrupts means that the call is already ending.
        let _ = self.call.interrupts.try_send(Interrupt::HungUp);
    }

    /// From now on sends tagged frames (see [`crate::probe`]) instead of speech.
    pub fn probe(&self, call: u64) {
        self.call.line.probe(call);
    }

    /// Calls `tap` with all audio of the server on its arrival.
    pub fn tap(&self, tap: Tap) {
        self.call.line.tap(tap);
    }

    /// What was heard so far.
    pub fn heard(&self) -> Heard {
        self.call.line.heard()
    }

    /// When things happened so far.
    pub fn moments(&self) -> Moments {
        self.call.line.moments.borrow().clone()
    }

    /// Waits until the call was answered.
    pub async fn answered(&self) -> Result<Moments> {
        self.until("answered", |moments| moments.answered_us.is_some())
            .await
    }

    /// Waits until the media stream was accepted.
    pub async fn stream_open(&self) -> Result<Moments> {
        self.until("stream open", |moments| moments.stream_open_us.is_some())
            .await
    }

    /// Waits until the first audio plays.
    pub async fn first_audio(&self) -> Result<Moments> {
        self.until("first audio", |moments| moments.first_audio_us.is_some())
            .await
    }

    /// Waits until everything said has left the microphone.
    pub async fn said(&self) -> Result<Moments> {
        self.until("said", |moments| moments.said_us.is_some()).await
    }

    /// Waits until the server has cleared the play-out buffer at least this often.
    pub async fn cleared(&self, times: u32) -> Result<Moments> {
        self.until("cleared", |moments| moments.clears >= times).await
    }

    /// Waits for the end of the call.
    pub async fn ended(&self) -> Result<Moments> {
        self.wait("ended", Self::PATIENCE * 4, |moments| moments.ended_us.is_some())
            .await
    }

    /// Waits until at least this many milliseconds of audio were heard.
    pub async fn heard_ms(&self, wanted_ms: u64) -> Result<Heard> {
        let deadline = tokio::time::Instant::now() + Self::PATIENCE;
        let mut pace = crate::pace::Pace::from_now();
        while tokio::time::Instant::now() < deadline {
            let heard = self.heard();
            if heard.duration_ms() >= wanted_ms {
                return Ok(heard);
            }
            pace.beat().await;
        }
        bail!("only {} of {wanted_ms} ms were heard", self.heard().duration_ms())
    }

    async fn until(&self, what: &str, reached: impl FnMut(&Moments) -> bool) -> Result<Moments> {
        self.wait(what, Self::PATIENCE, reached).await
    }

    /// Waits until `reached`, or fails with what has happened instead.
    pub async fn wait(
        &self,
        what: &str,
        patience: Duration,
        mut reached: impl FnMut(&Moments) -> bool,
    ) -> Result<Moments> {
        let mut moments = self.call.line.moments.subscribe();
        let reached_or_over = async {
            // What it answers holds the lock: kept until the next look, it and a writer in between would wait for each other.
            drop(
                moments
                    .wait_for(|now| reached(now) || now.ended_us.is_some())
                    .await,
            );
        };
        let waited = tokio::time::timeout(patience, reached_or_over).await;
        let now = self.moments();
        match waited {
            Ok(()) if reached(&now) => Ok(now),
            Ok(()) => bail!("the call ended before `{what}`: {now:?}"),
            Err(_) => bail!("not `{what}` within {patience:?}: {now:?}"),
        }
    }
}
