//! The receptionist: no AI. Greets with the tenant's words, offers keys, takes a message. It is also who comes when the
//! AI cannot go on, so it stands on nothing outside of this process.

mod lines;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hub::agent_settings::{AgentKind, MenuAction};
use serde_json::json;
use tokio::time::{Instant, Sleep};

use super::briefing::Briefing;
use super::{Agent, AgentEvent, AgentOrder, Item};
use crate::speech::{Prompt, Speech, texts};
use crate::ulaw;
use lines::Line;

/// A key is waited for this long after the menu.
const KEY_LIMIT: Duration = Duration::from_secs(6);
/// A message is no longer than this.
const MESSAGE_LIMIT: Duration = Duration::from_mins(2);
/// A message ends when nothing was said for this long.
const MESSAGE_SILENCE: Duration = Duration::from_secs(5);
/// Shorter ones are a click on the line.
const MESSAGE_BYTES_MIN: usize = ulaw::RATE / 2;
/// Speech goes out in pieces of a second.
const PIECE_BYTES: usize = ulaw::RATE;

/// Why it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// It answers the call.
    Answers,
    /// It takes over from an AI that cannot go on.
    TakesOver,
}

/// What the receptionist says after the apology when it takes over: rendered ahead, since it comes without notice.
pub(crate) fn menu_words(briefing: &Briefing) -> Vec<String> {
    lines::menu(briefing).into_iter().map(|line| line.words).collect()
}

type Rendering = Pin<Box<dyn Future<Output = Bytes> + Send>>;

/// What comes when the line that is being said was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    AwaitKey,
    Record,
    HangUp,
    Nothing,
}

/// The receptionist in one call.
pub(crate) struct Receptionist {
    briefing: Arc<Briefing>,
    speech: Speech,
    entrance: Entrance,
    events: VecDeque<AgentEvent>,
    /// The line being rendered, and its words.
    rendering: Option<(Rendering, String)>,
    /// The lines after it; those of one reply at most.
    to_render: VecDeque<Line>,
    /// The name of what is being said.
    item: Item,
    spoken: u32,
    /// The last line said, and what follows when it was heard.
    next: Option<(Item, Next)>,
    after_rendering: Next,
    asked: u32,
    key_by: Option<Pin<Box<Sleep>>>,
    /// The message so far; at most `MESSAGE_LIMIT` of it.
    message: Option<Vec<u8>>,
    voice_at: Instant,
    /// Which transfer was asked for, so that its answer is known.
    connecting: bool,
}

impl Receptionist {
    pub(crate) fn new(briefing: Arc<Briefing>, speech: Speech, entrance: Entrance) -> Self {
        Self {
            briefing,
            speech,
            entrance,
            events: VecDeque::from([AgentEvent::Ready]),
            rendering: None,
            to_render: VecDeque::new(),
            item: "line-0".into(),
            spoken: 0,
            next: None,
            after_rendering: Next::Nothing,
            asked: 0,
            key_by: None,
            message: None,
            voice_at: Instant::now(),
            connecting: false,
        }
    }

    fn line(&self, prompt: Prompt) -> Line {
        Line::of(prompt, &self.briefing)
    }

    /// Says these lines, each as soon as it is rendered (it takes a moment, or none when it was said before).
    fn say(&mut self, lines: Vec<Line>, next: Next) {
        if self.rendering.take().is_some() {
            self.events.push_back(AgentEvent::ReplyDone { failed: false });
        }
        (self.key_by, self.next) = (None, None);
        self.after_rendering = next;
        self.spoken += 1;
        self.item = format!("line-{}", self.spoken).into();
        self.events.push_back(AgentEvent::ReplyStarted);
        self.to_render = lines.into();
        self.render();
    }

    /// Begins with the next line; after the last one the reply is made.
    fn render(&mut self) {
        let Some(line) = self.to_render.pop_front() else {
            self.events.push_back(AgentEvent::ReplyDone { failed: false });
            self.next = Some((Arc::clone(&self.item), self.after_rendering));
            return;
        };
        let (speech, language) = (self.speech.clone(), self.briefing.settings.language.clone());
        let beep = self.to_render.is_empty() && self.after_rendering == Next::Record;
        let words = format!("{} ", line.words);
        let render = async move {
            let audio = speech.speak(&line.words, &language, &line.otherwise).await;
            if beep {
                audio.iter().copied().chain(ulaw::beep()).collect()
            } else {
                audio
            }
        };
        self.rendering = Some((Box::pin(render), words));
    }

    fn rendered(&mut self, audio: &Bytes, words: String) {
        self.events.push_back(AgentEvent::Words {
            item: Arc::clone(&self.item),
            text: words,
            whole: false,
        });
        for piece in audio.chunks(PIECE_BYTES) {
            let payload = base64_simd::STANDARD.encode_to_string(piece).into();
            self.events.push_back(AgentEvent::Audio {
                item: Arc::clone(&self.item),
                payload,
            });
        }
        self.render();
    }

    fn offer(&mut self, mut lines: Vec<Line>) {
        if self.briefing.settings.menu.is_empty() {
            self.take_message(lines);
            return;
        }
        lines.extend(lines::menu(&self.briefing));
        self.say(lines, Next::AwaitKey);
    }

    fn take_message(&mut self, mut lines: Vec<Line>) {
        lines.push(self.line(Prompt::LeaveMessage));
        self.say(lines, Next::Record);
    }

    fn greet(&mut self) {
        let first = match self.entrance {
            Entrance::Answers if self.briefing.unreached => self.line(Prompt::NotReached),
            Entrance::Answers => {
                let settings = &self.briefing.settings;
                let words = texts(&settings.language).greeting(settings);
                Line::new(words, vec![Prompt::Welcome])
            }
            Entrance::TakesOver => self.line(Prompt::Apology),
        };
        self.offer(vec![first]);
    }

    fn played(&mut self, item: &Item) {
        let Some((_, next)) = self.next.take_if(|(waiting, _)| waiting == item) else {
            return;
        };
        match next {
            Next::AwaitKey => self.key_by = Some(Box::pin(tokio::time::sleep(KEY_LIMIT))),
            Next::Record => {
                self.message = Some(Vec::new());
                self.voice_at = Instant::now();
                self.events.push_back(AgentEvent::CallerStarted);
                self.events.push_back(AgentEvent::CallerNamed {
                    item: "message".into(),
                });
            }
            Next::HangUp => self.tool("hang_up", &json!({})),
            Next::Nothing => {}
        }
    }

    fn tool(&mut self, name: &str, arguments: &serde_json::Value) {
        self.events.push_back(AgentEvent::Tool {
            call: name.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_string(),
        });
    }

    fn key(&mut self, key: char) {
        if self.message.is_some() {
            if key == '#' {
                self.finish_message();
            }
            return;
        }
        let chosen = self
            .briefing
            .settings
            .menu
            .iter()
            .find(|item| item.digit.starts_with(key))
            .cloned();
        match chosen.map(|item| (item.action, item.transfer_to)) {
            Some((MenuAction::Message, _)) => self.take_message(Vec::new()),
            Some((MenuAction::HangUp, _)) => self.say(vec![self.line(Prompt::Goodbye)], Next::HangUp),
            Some((MenuAction::Transfer, to)) => {
                self.connecting = true;
                self.say(vec![self.line(Prompt::Connecting)], Next::Nothing);
                self.tool("transfer", &json!({ "to": to }));
            }
            None => self.offer(vec![self.line(Prompt::NotAChoice)]),
        }
    }

    /// The caller chose nothing: asked once more, then they may leave a message.
    fn no_key(&mut self) {
        self.asked += 1;
        if self.asked > 1 {
            self.take_message(Vec::new());
        } else {
            self.offer(Vec::new());
        }
    }

    fn finish_message(&mut self) {
        let Some(audio) = self.message.take() else { return };
        self.events.push_back(AgentEvent::CallerStopped);
        let seconds = audio.len() / ulaw::RATE;
        let kept = audio.len() >= MESSAGE_BYTES_MIN && audio.chunks(ulaw::FRAME).any(ulaw::is_voice);
        let text = if kept {
            format!("[left a message of {seconds} s]")
        } else {
            String::new()
        };
        self.events.push_back(AgentEvent::CallerWords {
            item: "message".into(),
            text,
            whole: true,
        });
        let last = if kept { Prompt::Thanks } else { Prompt::Goodbye };
        if kept {
            self.events.push_back(AgentEvent::Voicemail { audio });
        }
        self.say(vec![self.line(last)], Next::HangUp);
    }
}

impl Agent for Receptionist {
    fn kind(&self) -> AgentKind {
        AgentKind::Receptionist
    }

    fn hear(&mut self, payload: &str) {
        let Some(message) = &mut self.message else { return };
        let Ok(audio) = base64_simd::STANDARD.decode_to_vec(payload.as_bytes()) else {
            return;
        };
        let now = Instant::now();
        if ulaw::is_voice(&audio) {
            self.voice_at = now;
        }
        message.extend(audio);
        let long =
            message.len() / ulaw::RATE >= usize::try_from(MESSAGE_LIMIT.as_secs()).unwrap_or(usize::MAX);
        if long || now.duration_since(self.voice_at) >= MESSAGE_SILENCE {
            self.finish_message();
        }
    }

    fn order(&mut self, order: AgentOrder) {
        match order {
            AgentOrder::Greet => self.greet(),
            AgentOrder::Key(key) => self.key(key),
            AgentOrder::Played(item) => self.played(&item),
            AgentOrder::ToolResult { output, .. } => {
                if std::mem::take(&mut self.connecting) && output.get("error").is_some() {
                    self.take_message(vec![self.line(Prompt::NotReached)]);
                }
            }
            AgentOrder::Nudge if self.rendering.is_none() => self.offer(Vec::new()),
            AgentOrder::Farewell(_) => {
                self.message = None;
                self.say(vec![self.line(Prompt::Goodbye)], Next::Nothing);
            }
            // The one thing it is ever told: that a transfer did not come about.
            AgentOrder::Tell(_) => self.take_message(vec![self.line(Prompt::NotReached)]),
            AgentOrder::Nudge | AgentOrder::Interruptible | AgentOrder::Cut { .. } | AgentOrder::Idle(_) => {}
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<AgentEvent> {
        if let Some((line, _)) = &mut self.rendering
            && let Poll::Ready(audio) = line.as_mut().poll(cx)
            && let Some((_, words)) = self.rendering.take()
        {
            self.rendered(&audio, words);
            // The next line is rendered by the next poll.
            cx.waker().wake_by_ref();
        }
        if let Some(limit) = &mut self.key_by
            && limit.as_mut().poll(cx).is_ready()
        {
            self.key_by = None;
            self.no_key();
            // What it says now is rendered by the next poll.
            cx.waker().wake_by_ref();
        }
        match self.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }

    fn unfinished_voicemail(&mut self) -> Option<Vec<u8>> {
        let audio = self.message.take()?;
        let kept = audio.len() >= MESSAGE_BYTES_MIN && audio.chunks(ulaw::FRAME).any(ulaw::is_voice);
        kept.then_some(audio)
    }
}
