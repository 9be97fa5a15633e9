//! A leg follows its TwiML: one task per call, one verb at a time, interruptible at any moment.
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::call::{Call, Document, Interrupt};
use super::twiml::{self, Callback, Verb};
use super::webhook::{self, Webhook};
use super::world::World;
use super::{dial, record, stream, talk};
use crate::clock;

/// What comes after a verb.
#[derive(Debug)]
pub(crate) enum Next {
    /// The next verb of this document.
    Verb,
    /// Another document.
    Document(Document),
    /// The end of the call, in this state.
    End(&'static str),
    /// The end of the call, after one last request that nobody listens to (a recording's action after hang-up).
    EndAfter(Webhook),
}

/// A call on its way through its documents.
pub(crate) struct Leg {
    pub(crate) world: Arc<World>,
    pub(crate) call: Arc<Call>,
    pub(crate) base: String,
    pub(crate) forks: Vec<(String, CancellationToken)>,
}

/// Documents one call may go through, against redirect loops.
const DOCUMENTS_MAX: u32 = 200;

/// Follows the call from its first document (or its fallback) to its end.
pub(crate) async fn run(
    world: Arc<World>,
    call: Arc<Call>,
    mut interrupts: mpsc::Receiver<Interrupt>,
    first: Document,
    fallback: Option<String>,
) {
    let base = world.base_url.clone();
    let mut leg = Leg {
        world,
        call,
        base,
        forks: Vec::new(),
    };
    let mut document = first;
    let mut fallback = fallback;
    let mut end = "completed";
    for _ in 0..DOCUMENTS_MAX {
        let fetched = tokio::select! {
            fetched = leg.fetch(&document) => fetched,
            interrupt = interrupts.recv() => {
                match interrupt {
                    Some(Interrupt::Document(next)) => { document = next; continue }
                    Some(Interrupt::Ended(status)) => end = status,
                    Some(Interrupt::HungUp) | None => end = leg.hung_up_as(),
                }
                break;
            }
        };
        let verbs = match (fetched, fallback.take()) {
            (Ok(verbs), _) => verbs,
            (Err(error), Some(url)) => {
                leg.error(&error);
                document = Document::Url {
                    url,
                    method: "POST".to_owned(),
                    extra: Vec::new(),
                };
                continue;
            }
            (Err(error), None) => {
                leg.error(&error);
                end = "failed";
                break;
            }
        };
        match leg.follow(verbs, &mut interrupts).await {
            Next::Document(next) => document = next,
            Next::End(status) => {
                end = status;
                break;
            }
            Next::EndAfter(webhook) => {
                leg.finish(end);
                let _ = webhook::send(&leg.world, &webhook).await;
                return;
            }
            Next::Verb => break,
        }
    }
    leg.finish(end);
}

impl Leg {
    /// How a call ends when the person hangs up now.
    fn hung_up_as(&self) -> &'static str {
        match self.call.status() {
            "in-progress" => "completed",
            _ if self.call.direction == "inbound" => "no-answer",
            _ => "canceled",
        }
    }

    /// Gets a document and reads it.
    async fn fetch(&mut self, document: &Document) -> Result<Vec<Verb>, String> {
        let text = match document {
            Document::Twiml(text) => text.clone(),
            Document::Url { url, method, extra } => {
                let mut params = self.call.params();
                params.extend(extra.iter().cloned());
                let purpose = if self.base == self.world.base_url {
                    "voice"
                } else {
                    "action"
                };
                let webhook = Webhook {
                    purpose,
                    account: self.call.account.clone(),
                    url: self.absolute(url),
                    method: method.clone(),
                    params,
                };
                self.call.line.note(|moments| {
                    moments.webhook_sent_us.get_or_insert(clock::now_us());
                });
                let answer = webhook::send(&self.world, &webhook)
                    .await
                    .map_err(|error| format!("11205: {error:#}"))?;
                if !(200..300).contains(&answer.status) {
                    return Err(format!("11200: the webhook answered {}", answer.status));
                }
                self.base = webhook.url;
                answer.body
            }
        };
        self.call.line.note(|moments| {
            moments.webhook_answered_us.get_or_insert(clock::now_us());
        });
        twiml::parse(&text).map_err(|error| format!("{error:#}"))
    }

    async fn follow(&mut self, verbs: Vec<Verb>, interrupts: &mut mpsc::Receiver<Interrupt>) -> Next {
        for verb in verbs {
            if !matches!(
                verb,
                Verb::Reject { .. } | Verb::Pause { .. } | Verb::Redirect { .. }
            ) {
                self.answer();
            }
            let (interrupt, last) = match self.perform(verb, interrupts).await {
                Ok(Next::Verb) => continue,
                Ok(other) => return other,
                Err(interrupted) => interrupted,
            };
            return match (interrupt, last) {
                (Interrupt::Document(document), _) => Next::Document(document),
                (Interrupt::Ended(status), _) => Next::End(status),
                (Interrupt::HungUp, Next::EndAfter(webhook)) => Next::EndAfter(webhook),
                (Interrupt::HungUp, _) => Next::End(self.hung_up_as()),
            };
        }
        Next::Verb
    }

    /// Does one verb; an error is what interrupted it and what it wanted next, once it had stopped.
    async fn perform(
        &mut self,
        verb: Verb,
        interrupts: &mut mpsc::Receiver<Interrupt>,
    ) -> Result<Next, (Interrupt, Next)> {
        let cut = CancellationToken::new();
        let mut doing = pin!(self.execute(verb, &cut));
        let interrupt = tokio::select! {
            next = &mut doing => return Ok(next),
            interrupt = interrupts.recv() => interrupt.unwrap_or(Interrupt::HungUp),
        };
        cut.cancel();
        Err((interrupt, doing.await))
    }

    fn answer(&self) {
        if matches!(self.call.status(), "ringing" | "queued") {
            self.call
                .line
                .note(|moments| moments.answered_us = Some(clock::now_us()));
            self.call.become_status(&self.world, "in-progress");
        }
    }

    async fn execute(&mut self, verb: Verb, cut: &CancellationToken) -> Next {
        match verb {
            Verb::Say { text, repeat } => talk::say(self, &text, repeat, cut).await,
            Verb::Play { url, repeat } => talk::play(self, &url, repeat, cut).await,
            Verb::Pause { seconds } => talk::pause(self, Duration::from_secs(seconds), cut).await,
            Verb::Gather(gather) => talk::gather(self, gather, cut).await,
            Verb::Record(wanted) => record::run(self, wanted, cut).await,
            Verb::Dial(dialled) => Box::pin(dial::run(self, dialled, cut)).await,
            Verb::Redirect { url, method } => Next::Document(Document::Url {
                url,
                method,
                extra: Vec::new(),
            }),
            Verb::Hangup => Next::End("completed"),
            Verb::Reject { reason } => Next::End(if reason == "busy" { "busy" } else { "no-answer" }),
            Verb::Connect(wanted) => stream::connect(self, wanted, cut).await,
            Verb::StartStream(wanted) => stream::fork(self, wanted),
            Verb::StopStream { name } => {
                for (_, token) in self.forks.extract_if(.., |fork| fork.0 == name) {
                    token.cancel();
                }
                Next::Verb
            }
            Verb::StartRecording { callback } => {
                record::whole_call(self, callback);
                Next::Verb
            }
            Verb::Message { to, body } => {
                super::sms::answer(&self.world, &self.call, to, &body);
                Next::Verb
            }
        }
    }

    /// A URL of a document, made absolute by the document's own.
    pub(crate) fn absolute(&self, url: &str) -> String {
        if url.contains("://") {
            return url.to_owned();
        }
        let joined = url::Url::parse(&self.base).and_then(|base| base.join(url));
        joined.map_or_else(|_| url.to_owned(), String::from)
    }

    /// The document that an `action` leads to.
    pub(crate) fn action(&self, action: &Callback, extra: Vec<(String, String)>) -> Document {
        Document::Url {
            url: self.absolute(&action.url),
            method: action.method.clone(),
            extra,
        }
    }

    /// A callback about this call with further parameters.
    pub(crate) fn webhook(
        &self,
        purpose: &'static str,
        callback: &Callback,
        extra: Vec<(String, String)>,
    ) -> Webhook {
        let mut params = self.call.params();
        params.extend(extra);
        let (url, method) = (self.absolute(&callback.url), callback.method.clone());
        Webhook {
            purpose,
            account: self.call.account.clone(),
            url,
            method,
            params,
        }
    }

    /// Writes one of Twilio's errors down.
    pub(crate) fn error(&self, error: &str) {
        self.world
            .ledger
            .record("twilio.error", json!({"call_sid": self.call.sid, "error": error}));
        self.call
            .line
            .note(|moments| moments.error = Some(error.to_owned()));
    }

    fn finish(&mut self, status: &'static str) {
        for (_, token) in self.forks.drain(..) {
            token.cancel();
        }
        if self.call.is_over() {
            return;
        }
        self.call.become_status(&self.world, status);
        self.world.ledger.record(
            "call.ended",
            json!({
                "call_sid": self.call.sid, "from": self.call.from, "to": self.call.to,
                "status": status, "duration_s": self.call.duration_s(),
            }),
        );
    }
}
