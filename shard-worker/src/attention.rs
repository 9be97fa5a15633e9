//! What staff do at a session's chats, as the other side sees it: the account is here while somebody looks, and writes while
//! somebody writes. Otherwise it is gone, so that the owner's phone tells of messages as ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hub::Hub;
use hub::relay::Following;
use hub::session::Hold;
use hub::session::attention::{self, Attention, Doing};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::held::discreet;
use crate::link::Link;

/// Who does not say again that they look has gone.
const LOOK_HOLDS: Duration = Duration::from_secs(75);
/// Who does not say again that they write has stopped.
const TYPING_HOLDS: Duration = Duration::from_secs(8);
/// One word to the network at most.
const SHOW_LIMIT: Duration = Duration::from_secs(5);
/// When Redis does not answer, this long until the next try.
const FAULT_PAUSE: Duration = Duration::from_secs(5);

/// Follows what staff do until `stop`.
pub(crate) async fn run(hub: Hub, hold: Hold, link: Arc<Link>, stop: CancellationToken) {
    let mut shown = Shown {
        link,
        looked_at: HashMap::new(),
        typed_in: HashMap::new(),
        is_here: false,
    };
    while !stop.is_cancelled() {
        let Ok(mut told) = hold.attention(&hub).await else {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FAULT_PAUSE) => continue,
            }
        };
        return shown.follow(&mut told, &stop).await;
    }
}

struct Shown {
    link: Arc<Link>,
    /// By chat and by who looks; until when.
    looked_at: HashMap<(String, String), Instant>,
    /// The same of who writes.
    typed_in: HashMap<(String, String), Instant>,
    is_here: bool,
}

impl Shown {
    async fn follow(&mut self, told: &mut Following, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                body = told.next() => {
                    if let Some(attention) = attention::read(&body) {
                        self.hear(attention).await;
                    }
                }
                () = tokio::time::sleep_until(self.next_end()) => self.end_what_is_over().await,
            }
        }
    }

    async fn hear(&mut self, attention: Attention) {
        let Attention { chat, who, doing } = attention;
        let now = Instant::now();
        match doing {
            Doing::Looking => self.look(chat, who, now).await,
            Doing::Typing => {
                self.look(chat.clone(), who.clone(), now).await;
                self.typed_in.insert((chat.clone(), who), now + TYPING_HOLDS);
                self.say(self.link.type_in(&chat, true)).await;
            }
            Doing::Nothing => {
                let one = (chat, who);
                self.looked_at.remove(&one);
                if self.typed_in.remove(&one).is_some() {
                    self.stop_typing(one.0).await;
                }
                self.leave().await;
            }
        }
    }

    async fn look(&mut self, chat: String, who: String, now: Instant) {
        if !self.is_here {
            self.is_here = true;
            self.say(self.link.show(true)).await;
        }
        let is_watched = self.looked_at.keys().any(|(known, _)| *known == chat);
        if !is_watched {
            self.say(self.link.watch(&chat)).await;
        }
        self.looked_at.insert((chat, who), now + LOOK_HOLDS);
    }

    /// Unless somebody else still writes there.
    async fn stop_typing(&self, chat: String) {
        if !self.typed_in.keys().any(|(other, _)| *other == chat) {
            self.say(self.link.type_in(&chat, false)).await;
        }
    }

    async fn leave(&mut self) {
        if self.is_here && self.looked_at.is_empty() {
            self.is_here = false;
            self.say(self.link.show(false)).await;
        }
    }

    fn next_end(&self) -> Instant {
        let ends = self.looked_at.values().chain(self.typed_in.values());
        ends.min().copied().unwrap_or_else(|| Instant::now() + LOOK_HOLDS)
    }

    async fn end_what_is_over(&mut self) {
        let now = Instant::now();
        let over: Vec<String> = self
            .typed_in
            .extract_if(|_, until| *until <= now)
            .map(|((chat, _), _)| chat)
            .collect();
        for chat in over {
            self.stop_typing(chat).await;
        }
        self.looked_at.retain(|_, until| *until > now);
        self.leave().await;
    }

    /// Nothing depends on it.
    async fn say(&self, said: impl Future<Output = anyhow::Result<()>>) {
        if let Ok(Err(fault)) = tokio::time::timeout(SHOW_LIMIT, said).await {
            tracing::debug!(error = discreet(&fault), "Could not show what staff do");
        }
    }
}
