//! What the library tells while it is connected, sorted by who has to know. It calls from its reading loop, so nothing here
//! waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hub::Hub;
use hub::ids::ConversationId;
use hub::live::{self, Signal};
use hub::message::State;
use hub::session::Hold;
use tokio::sync::{mpsc, oneshot};
use whatsapp_rust::Jid;
use whatsapp_rust::pair_code::PairCodeRejection;
use whatsapp_rust::wacore::types::events::{
    ChatPresenceUpdate, ConnectFailureReason, Event, EventHandler, EventInterest, EventKind,
    PairingCodeError, Receipt,
};
use whatsapp_rust::wacore::types::presence::{ChatPresence, ChatPresenceMedia, ReceiptType};
use whatsapp_rust::wacore_binary::JidExt as _;

use super::address::{names_of, number_of};
use super::store::Store;
use super::{End, News, RATE_LIMITED};

/// News that a minder has not looked at; it looks at once. What does not fit is lost, and its own clocks notice.
const NEWS_MAX: usize = 64;
/// Reports that wait for the database. What does not fit is lost and counted: a tick is late by the next one, a message is
/// never in here.
const REPORTS_MAX: usize = 4_096;

/// How often a tick is tried to be written down, and how long after one another.
const TICK_TRIES: u32 = 20;
const TICK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Sorts events.
pub(super) struct Sorter {
    news: mpsc::Sender<News>,
    reports: mpsc::Sender<Report>,
    answers: Arc<Answers>,
    verdict: Arc<Verdict>,
}

/// Why the connection ended, as the network said; the first word counts.
#[derive(Default)]
pub(super) struct Verdict(Mutex<Option<End>>);

impl Verdict {
    pub(super) fn say(&self, end: End) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert(end);
    }

    pub(super) fn get(&self) -> Option<End> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The network's answers to what was sent, for those who wait: as many as are being sent.
#[derive(Default)]
pub(super) struct Answers(Mutex<HashMap<String, oneshot::Sender<Option<String>>>>);

impl Answers {
    /// To be asked for before it is sent: the answer may be faster than the call.
    pub(super) fn expect(&self, wire_id: &str) -> oneshot::Receiver<Option<String>> {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, waits| !waits.is_closed());
        waiting.insert(wire_id.to_owned(), tell);
        told
    }

    fn answer(&self, wire_id: &str, refusal: Option<String>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tell) = waiting.remove(wire_id) {
            // Nobody waits any more: it is sent again under the same id.
            tell.send(refusal).ok();
        }
    }
}

/// What the other side's devices say.
pub(super) enum Report {
    /// Of messages of ours.
    Tick {
        chat: Jid,
        wire_ids: Vec<String>,
        state: State,
    },
    /// That somebody writes, or speaks, or stopped.
    Typing { chat: Jid, doing: &'static str },
    /// That somebody has their chats open, or not any more.
    Presence { who: Jid, online: bool },
    /// Nothing: whoever is told has all before it behind them.
    Mark(oneshot::Sender<()>),
}

/// The ends of a sorter.
pub(super) struct Sorted {
    pub(super) news: mpsc::Receiver<News>,
    pub(super) reports: mpsc::Receiver<Report>,
    /// The other end, for marks.
    pub(super) marks: mpsc::Sender<Report>,
    pub(super) answers: Arc<Answers>,
    pub(super) verdict: Arc<Verdict>,
}

impl Sorter {
    pub(super) fn new() -> (Arc<Self>, Sorted) {
        let (news, heard) = mpsc::channel(NEWS_MAX);
        let (reports, reported) = mpsc::channel(REPORTS_MAX);
        let (answers, verdict) = (Arc::<Answers>::default(), Arc::<Verdict>::default());
        let marks = reports.clone();
        let sorter = Self {
            news,
            reports,
            answers: Arc::clone(&answers),
            verdict: Arc::clone(&verdict),
        };
        let sorted = Sorted {
            news: heard,
            reports: reported,
            marks,
            answers,
            verdict,
        };
        (Arc::new(sorter), sorted)
    }

    fn tell(&self, news: News) {
        if self.news.try_send(news).is_err() {
            metrics::counter!("switchboard_session_news_lost_total").increment(1);
        }
    }

    fn report(&self, receipt: &Receipt) {
        let state = match receipt.r#type {
            // A client in the background has it as well; both are the same tick.
            ReceiptType::Delivered | ReceiptType::Inactive => State::Delivered,
            ReceiptType::Read | ReceiptType::Played => State::Read,
            _ => return,
        };
        if receipt.source.is_from_me || receipt.source.chat.is_group() {
            return;
        }
        self.pass_on(Report::Tick {
            chat: receipt.source.chat.clone(),
            wire_ids: receipt.message_ids.clone(),
            state,
        });
    }

    fn typing(&self, update: &ChatPresenceUpdate) {
        let source = &update.source;
        if source.is_from_me || source.chat.is_group() {
            return;
        }
        let doing = match (update.state, update.media) {
            (ChatPresence::Paused, _) => "nothing",
            (ChatPresence::Composing, ChatPresenceMedia::Audio) => "recording",
            (ChatPresence::Composing, ChatPresenceMedia::Text) => "typing",
        };
        self.pass_on(Report::Typing {
            chat: source.chat.clone(),
            doing,
        });
    }

    fn pass_on(&self, report: Report) {
        if self.reports.try_send(report).is_err() {
            metrics::counter!("switchboard_session_reports_lost_total").increment(1);
        }
    }
}

impl EventHandler for Sorter {
    fn handle_event(&self, event: Arc<Event>) {
        match &*event {
            Event::Connected(_) => self.tell(News::Connected),
            Event::PairingQrCode(qr) => self.tell(News::Qr {
                code: qr.code.clone(),
                lasts: qr.timeout,
            }),
            Event::PairingCode(code) => self.tell(News::Code {
                code: code.code.clone(),
                lasts: code.timeout,
            }),
            Event::PairingCodeError(error) => self.tell(News::Refused(code_refusal(error))),
            Event::PairError(_) => self.tell(News::Refused("refused")),
            Event::PairingQrCodesExhausted(_) => self.tell(News::CodesSpent),
            Event::PairSuccess(paired) => {
                if let Some(phone) = number_of(&paired.id) {
                    self.tell(News::Linked { phone });
                }
            }
            Event::Receipt(receipt) => self.report(receipt),
            Event::ChatPresence(update) => self.typing(update),
            Event::Presence(update) => self.pass_on(Report::Presence {
                who: update.from.clone(),
                online: !update.unavailable,
            }),
            Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => {
                self.answers.answer(&ack.id, ack.error.clone());
            }
            other => {
                if let Some(end) = end(other) {
                    self.verdict.say(end);
                }
            }
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&[
            EventKind::Connected,
            EventKind::PairingQrCode,
            EventKind::PairingCode,
            EventKind::PairingCodeError,
            EventKind::PairError,
            EventKind::PairingQrCodesExhausted,
            EventKind::PairSuccess,
            EventKind::PairPasskeyRequest,
            EventKind::Receipt,
            EventKind::ChatPresence,
            EventKind::Presence,
            EventKind::ServerAck,
            EventKind::StreamReplaced,
            EventKind::LoggedOut,
            EventKind::TemporaryBan,
            EventKind::ClientOutdated,
            EventKind::ConnectFailure,
        ])
    }
}

/// What ends a connection for longer than a moment.
fn end(event: &Event) -> Option<End> {
    Some(match event {
        Event::StreamReplaced(_) => End::Replaced,
        Event::LoggedOut(out) => End::LoggedOut(match out.reason {
            ConnectFailureReason::AccountLocked => "account_locked",
            _ => "logged_out",
        }),
        Event::TemporaryBan(ban) => End::Banned {
            lasts: Duration::from_secs(u64::try_from(ban.expire.num_seconds()).unwrap_or_default()),
            why: match ban.code.code() {
                101 => "too_many_strangers",
                102 => "blocked_by_people",
                103 => "too_many_groups",
                104 => "same_message_too_often",
                106 => "broadcasts",
                _ => "banned",
            },
        },
        Event::ClientOutdated(_) => End::Outdated,
        Event::PairPasskeyRequest(_) => End::PasskeyNeeded,
        Event::ConnectFailure(failure) => match failure.reason {
            ConnectFailureReason::InternalServerError | ConnectFailureReason::ServiceUnavailable => {
                End::Lost("unavailable")
            }
            ConnectFailureReason::Unknown(429) => End::Lost(RATE_LIMITED),
            // A ban without an end: some hours are a guess that harms nobody.
            ConnectFailureReason::TempBanned => End::Banned {
                lasts: Duration::from_hours(6),
                why: "banned",
            },
            _ => End::Lost("refused"),
        },
        _ => return None,
    })
}

fn code_refusal(error: &PairingCodeError) -> &'static str {
    match error.rejection {
        Some(PairCodeRejection::RateOverlimit) => "rate_limited",
        Some(_) => "refused",
        None => "network",
    }
}

/// Writes ticks down, in their order, and tells screens the rest, until the link is gone.
pub(super) async fn write_reports(
    hub: Hub,
    hold: Hold,
    store: Arc<Store>,
    mut reports: mpsc::Receiver<Report>,
) {
    while let Some(report) = reports.recv().await {
        let done = match &report {
            // By being dropped.
            Report::Mark(_told) => Ok(()),
            Report::Tick {
                chat,
                wire_ids,
                state,
            } => tick(&hub, &hold, &store, (chat, wire_ids, *state)).await,
            Report::Typing { chat, doing } => {
                let doing = *doing;
                let told = |conversation_id| Signal::ContactTyping {
                    conversation_id,
                    doing,
                };
                tell(&hub, &hold, &store, chat, told).await
            }
            Report::Presence { who, online } => {
                let online = *online;
                let told = |conversation_id| Signal::ContactPresence {
                    conversation_id,
                    online,
                };
                tell(&hub, &hold, &store, who, told).await
            }
        };
        match done {
            Ok(()) => {}
            Err(hub::Error::Stale) => return,
            Err(fault) => {
                metrics::counter!("switchboard_session_reports_lost_total").increment(1);
                tracing::warn!(
                    error = %crate::held::chain(&fault),
                    session.id = %hold.session,
                    "Could not write a report down"
                );
            }
        }
    }
}

/// The network has been told that we have it and will not say it again, so a database that is busy is asked again.
async fn tick(
    hub: &Hub,
    hold: &Hold,
    store: &Store,
    (chat, wire_ids, state): (&Jid, &[String], State),
) -> hub::Result<()> {
    for name in names_of(store, chat).await {
        let mut tries = 0;
        while let Err(fault) = hold.report(hub, &name, wire_ids, state).await {
            tries += 1;
            if tries == TICK_TRIES || matches!(fault, hub::Error::Stale) {
                return Err(fault);
            }
            tokio::time::sleep(TICK_AGAIN_AFTER).await;
        }
    }
    Ok(())
}

/// Screens hear of chats that are conversations; of others nobody knows.
async fn tell(
    hub: &Hub,
    hold: &Hold,
    store: &Store,
    chat: &Jid,
    signal: impl Fn(ConversationId) -> Signal,
) -> hub::Result<()> {
    for name in names_of(store, chat).await {
        if let Some(conversation) = hold.conversation_of(hub, &name).await? {
            live::signal(hub, hold.tenant, &signal(conversation));
        }
    }
    Ok(())
}
