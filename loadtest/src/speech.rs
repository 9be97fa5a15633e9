//! Speech for callers and agents: flite or espeak-ng where installed, else tones with the rhythm of words.
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tokio::process::Command;

use crate::ulaw;

/// Who speaks; the two have different voices where flite is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Voice {
    /// The person on the telephone.
    Caller,
    /// The model.
    Agent,
}

/// What the engine is given before it counts as hung.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(20);
/// Sentences kept; beyond that they are rendered anew each time.
const CACHE_MAX: usize = 2000;

static CACHE: OnceLock<Mutex<HashMap<(Voice, String), Bytes>>> = OnceLock::new();

/// The text as μ-law at 8 kHz. Never fails: without an engine it is a tone per syllable.
pub async fn render(voice: Voice, text: &str) -> Bytes {
    let key = (voice, text.to_owned());
    let cache = CACHE.get_or_init(Mutex::default);
    if let Some(audio) = cache.lock().expect("no holder of the lock panics").get(&key) {
        return audio.clone();
    }
    let audio = Bytes::from(match engine(voice, text).await {
        Ok(audio) => audio,
        Err(error) => {
            tracing::debug!(error = format!("{error:#}"), "No speech engine, using tones");
            tones(voice, text)
        }
    });
    let mut cache = cache.lock().expect("no holder of the lock panics");
    if cache.len() < CACHE_MAX {
        cache.insert(key, audio.clone());
    }
    audio
}

async fn engine(voice: Voice, text: &str) -> Result<Vec<u8>> {
    let stem = std::env::temp_dir().join(format!("loadtest-speech-{:032x}", rand::random::<u128>()));
    let (words, sound) = (stem.with_extension("txt"), stem.with_extension("wav"));
    tokio::fs::write(&words, text)
        .await
        .context("write the text to speak")?;
    let mut flite = Command::new("flite");
    flite
        .arg("-voice")
        .arg(if voice == Voice::Agent { "slt" } else { "rms" });
    flite.arg("-f").arg(&words).arg("-o").arg(&sound);
    let mut espeak = Command::new("espeak-ng");
    espeak
        .arg("-v")
        .arg(if voice == Voice::Agent { "en+f3" } else { "en" });
    espeak.arg("-f").arg(&words).arg("-w").arg(&sound);
    let mut outcome = run(flite).await;
    if outcome.is_err() {
        outcome = run(espeak).await;
    }
    let audio = match outcome {
        Ok(()) => tokio::fs::read(&sound).await.context("read the rendered speech"),
        Err(error) => Err(error),
    };
    for file in [&words, &sound] {
        let _ = tokio::fs::remove_file(file).await;
    }
    let audio = ulaw::from_wav(&audio?)?;
    ensure!(audio.len() >= ulaw::FRAME, "the engine said nothing");
    Ok(audio)
}

async fn run(mut command: Command) -> Result<()> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let status = tokio::time::timeout(ENGINE_TIMEOUT, command.status())
        .await
        .context("wait for the speech engine")?
        .context("start the speech engine")?;
    ensure!(status.success(), "the speech engine ended with {status}");
    Ok(())
}

/// One swelling tone per three letters and a short pause per word: energy where speech would have it.
fn tones(voice: Voice, text: &str) -> Vec<u8> {
    let pitch = if voice == Voice::Agent { 0.17 } else { 0.11 };
    let mut samples = Vec::new();
    for (index, word) in text.split_whitespace().enumerate() {
        let length = u32::try_from(word.len().div_ceil(3)).unwrap_or(1).min(8) * 1000;
        let step = pitch * (1.0 + 0.1 * f64::from(u32::try_from(index % 5).unwrap_or(0)));
        for n in 0..length {
            let swell = (std::f64::consts::PI * f64::from(n % 1000) / 1000.0).sin();
            #[expect(clippy::cast_possible_truncation, reason = "the amplitude is at most 9,000")]
            samples.push(((f64::from(n) * step).sin() * swell * 9000.0) as i16);
        }
        samples.resize(samples.len() + 560, 0);
    }
    samples.resize(samples.len().max(1600), 0);
    ulaw::encode(&samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn speech_is_loud_and_lasts_as_long_as_words_do() {
        for audio in [
            render(Voice::Agent, "Hello, how can I help you?").await.to_vec(),
            tones(Voice::Agent, "Hello there"),
        ] {
            let ms = ulaw::duration_ms(audio.len());
            assert!((300..6000).contains(&ms), "{ms} ms");
            assert!(ulaw::loudness(&audio) > 800.0);
        }
    }
}
