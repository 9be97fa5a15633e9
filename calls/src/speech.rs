//! The receptionist's voice: espeak-ng where it is installed, prompts rendered ahead otherwise.

mod prompt;
mod texts;

pub(crate) use prompt::Prompt;
pub(crate) use texts::texts;

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::ulaw;

/// A line takes a hundredth of its length to render; one that takes longer than this is not worth the caller's wait. With
/// the time it takes to notice that the AI is gone, it must stay below the three seconds of a take-over.
const RENDER_LIMIT: Duration = Duration::from_millis(600);
/// Nobody waits for what is rendered ahead; on a busy machine it takes its time.
const AHEAD_LIMIT: Duration = Duration::from_secs(20);
/// Lines rendered at once.
const RENDERS_MAX: usize = 4;
/// Lines kept; greetings and menus come back with each call. Over it, all are forgotten.
const LINES_KEPT_MAX: usize = 500;
const TEXT_MAX: usize = 1_000;

/// Speaks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Speech(Arc<Inner>);

struct Inner {
    installed: AtomicBool,
    renders: Semaphore,
    lines: Mutex<HashMap<(String, String), Bytes>>,
}

impl Speech {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            installed: AtomicBool::new(true),
            renders: Semaphore::new(RENDERS_MAX),
            lines: Mutex::new(HashMap::new()),
        }))
    }

    /// `text` in μ-law; `otherwise` where it cannot be rendered.
    pub(crate) async fn speak(&self, text: &str, language: &str, otherwise: &[Prompt]) -> Bytes {
        self.speak_within(RENDER_LIMIT, text, language, otherwise).await
    }

    async fn speak_within(&self, limit: Duration, text: &str, language: &str, otherwise: &[Prompt]) -> Bytes {
        let key = (
            language.to_owned(),
            text.chars().take(TEXT_MAX).collect::<String>(),
        );
        if let Some(line) = self.rendered(&key) {
            return line;
        }
        if self.0.installed.load(Ordering::Relaxed) {
            match tokio::time::timeout(limit, self.render(&key.1, language)).await {
                Ok(Ok(audio)) => {
                    self.remember(key, audio.clone());
                    return audio;
                }
                Ok(Err(fault)) => tracing::warn!(error = format!("{fault:#}"), "Could not render a prompt"),
                Err(_) => tracing::warn!("Rendering a prompt took too long"),
            }
        }
        prompt::join(otherwise)
    }

    /// A prompt in a language when it was rendered before, in English otherwise: at once.
    pub(crate) fn prompt(&self, prompt: Prompt, language: &str) -> Bytes {
        let key = (language.to_owned(), prompt.words(texts(language)).to_owned());
        self.rendered(&key).unwrap_or_else(|| prompt::join(&[prompt]))
    }

    /// Renders what an agent may have to say without notice, so that it is there then.
    pub(crate) async fn get_ready(&self, language: &str, more: &[String]) {
        let texts = texts(language);
        for prompt in [Prompt::Apology, Prompt::OneMoment, Prompt::LeaveMessage] {
            self.speak_within(AHEAD_LIMIT, prompt.words(texts), language, &[prompt])
                .await;
        }
        for line in more {
            self.speak_within(AHEAD_LIMIT, line, language, &[]).await;
        }
    }

    fn rendered(&self, key: &(String, String)) -> Option<Bytes> {
        let lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(key).cloned()
    }

    fn remember(&self, key: (String, String), audio: Bytes) {
        let mut lines = self.0.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_KEPT_MAX {
            lines.clear();
        }
        lines.insert(key, audio);
    }

    async fn render(&self, text: &str, language: &str) -> anyhow::Result<Bytes> {
        let _turn = self.0.renders.acquire().await?;
        let voice = match language.to_ascii_lowercase() {
            tag if tag == "en" => "en-us".to_owned(),
            tag => tag,
        };
        let wav = match self.espeak(text, &voice).await {
            // A tag that espeak-ng has no voice for: its language alone may have one.
            Ok(wav) if wav.is_empty() => self.espeak(text, voice.split('-').next().unwrap_or("en")).await?,
            other => other?,
        };
        let audio = tokio::task::spawn_blocking(move || from_wav(&wav))
            .await
            .context("resample")??;
        Ok(audio.into())
    }

    /// The text comes by stdin: nothing of it can be an option.
    async fn espeak(&self, text: &str, voice: &str) -> anyhow::Result<Vec<u8>> {
        let started = Command::new("espeak-ng")
            .args(["--stdin", "--stdout", "-s", "155", "-v", voice])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(fault) => {
                // Not installed, or not for us: the prompts rendered ahead serve from now on.
                self.0.installed.store(false, Ordering::Relaxed);
                return Err(fault).context("start espeak-ng");
            }
        };
        let mut stdin = child.stdin.take().context("espeak-ng has no stdin")?;
        stdin.write_all(text.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await.context("wait for espeak-ng")?;
        Ok(if output.status.success() {
            output.stdout
        } else {
            Vec::new()
        })
    }
}

/// espeak-ng writes its header before it knows the length, so the data is whatever follows.
fn from_wav(wav: &[u8]) -> anyhow::Result<Vec<u8>> {
    let rate = wav
        .get(24..28)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes);
    let rate = rate
        .filter(|rate| (4_000..=192_000).contains(rate))
        .context("espeak-ng made no WAV")?;
    let samples: Vec<i16> = wav
        .get(44..)
        .unwrap_or_default()
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok().map(i16::from_le_bytes))
        .collect();
    anyhow::ensure!(!samples.is_empty(), "espeak-ng made no sound");
    Ok(ulaw::from_samples(&samples, rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_spoken_with_or_without_espeak() {
        let speech = Speech::new();
        let line = speech
            .speak("--help; hello there", "en", &[Prompt::Welcome])
            .await;
        assert!(line.len() > ulaw::RATE / 2 && ulaw::is_voice(&line));
        speech.0.installed.store(false, Ordering::Relaxed);
        assert_eq!(
            speech.speak("something else", "en", &[Prompt::Welcome]).await,
            prompt::join(&[Prompt::Welcome])
        );
        // What was rendered before is kept.
        assert_eq!(speech.speak("--help; hello there", "en", &[]).await, line);
    }
}
