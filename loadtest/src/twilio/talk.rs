//! The verbs that only speak and listen: Say, Play, Pause, Gather.
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::Document;
use super::leg::{Leg, Next};
use super::twiml::{Gather, Verb};
use crate::pace::{Pace, stamp_us};
use crate::speech::{self, Voice};
use crate::ulaw;

pub(crate) async fn say(leg: &Leg, text: &str, repeat: u32, cut: &CancellationToken) -> Next {
    let audio = speech::render(Voice::Agent, text).await;
    leg.world.ledger.record(
        "call.say",
        serde_json::json!({"call_sid": leg.call.sid, "text": text}),
    );
    for _ in 0..repeat {
        hear(leg, &audio, cut).await;
    }
    Next::Verb
}

pub(crate) async fn play(leg: &Leg, url: &str, repeat: u32, cut: &CancellationToken) -> Next {
    let audio = match fetch(leg, url).await {
        Ok(audio) => audio,
        Err(error) => {
            leg.error(&format!("11200: play {url}: {error:#}"));
            return Next::Verb;
        }
    };
    for _ in 0..repeat {
        hear(leg, &audio, cut).await;
    }
    Next::Verb
}

async fn fetch(leg: &Leg, url: &str) -> anyhow::Result<Bytes> {
    let url = url::Url::parse(&leg.absolute(url))?;
    let response = leg
        .world
        .http
        .get(leg.world.route(&url))
        .send()
        .await?
        .error_for_status()?;
    Ok(Bytes::from(ulaw::from_wav(&response.bytes().await?)?))
}

/// Plays audio to the person at the pace of time; the microphone goes on beside it, unheard.
pub(crate) async fn hear(leg: &Leg, audio: &[u8], cut: &CancellationToken) {
    let mut pace = Pace::from_now();
    for frame in audio.chunks(ulaw::FRAME) {
        let due = tokio::select! {
            due = pace.beat() => due,
            () = cut.cancelled() => return,
        };
        leg.call.line.speak(stamp_us(due));
        leg.call.line.hear(stamp_us(due), frame);
    }
}

pub(crate) async fn pause(leg: &Leg, length: Duration, cut: &CancellationToken) -> Next {
    let mut pace = Pace::from_now();
    let end = Instant::now() + length;
    while Instant::now() < end && !cut.is_cancelled() {
        leg.call.line.speak(stamp_us(pace.beat().await));
    }
    Next::Verb
}

pub(crate) async fn gather(leg: &Leg, gather: Gather, cut: &CancellationToken) -> Next {
    let mut digits = String::new();
    let prompts = prompts(leg, &gather.prompts).await;
    let mut prompts = prompts.chunks(ulaw::FRAME);
    let mut pace = Pace::from_now();
    let timeout = Duration::from_secs(gather.timeout_s);
    let mut quiet_until = Instant::now() + timeout;
    loop {
        let due = tokio::select! {
            due = pace.beat() => due,
            () = cut.cancelled() => return Next::Verb,
        };
        leg.call.line.speak(stamp_us(due));
        // A key stops the prompt.
        if let Some(frame) = if digits.is_empty() { prompts.next() } else { None } {
            leg.call.line.hear(stamp_us(due), frame);
            quiet_until = Instant::now() + timeout;
        }
        if let Some(key) = leg.call.line.next_key() {
            if gather.finish_on.contains(key) {
                break;
            }
            digits.push(key);
            quiet_until = Instant::now() + timeout;
        }
        if gather.digits.is_some_and(|wanted| digits.len() >= wanted) || Instant::now() >= quiet_until {
            break;
        }
    }
    if digits.is_empty() && !gather.on_empty {
        return Next::Verb;
    }
    let extra = vec![
        ("Digits".to_owned(), digits),
        ("FinishedOnKey".to_owned(), String::new()),
    ];
    Next::Document(match &gather.action {
        Some(action) => leg.action(action, extra),
        None => Document::Url {
            url: leg.base.clone(),
            method: "POST".to_owned(),
            extra,
        },
    })
}

async fn prompts(leg: &Leg, verbs: &[Verb]) -> Vec<u8> {
    let mut audio = Vec::new();
    for verb in verbs {
        match verb {
            Verb::Say { text, .. } => audio.extend_from_slice(&speech::render(Voice::Agent, text).await),
            Verb::Play { url, .. } => match fetch(leg, url).await {
                Ok(sound) => audio.extend_from_slice(&sound),
                Err(error) => leg.error(&format!("11200: play {url}: {error:#}")),
            },
            Verb::Pause { seconds } => {
                audio.extend(ulaw::silence(
                    usize::try_from(*seconds).unwrap_or(60).min(60) * 1000,
                ));
            }
            _ => {}
        }
    }
    audio
}
