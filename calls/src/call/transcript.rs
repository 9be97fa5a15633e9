//! The turns of a call, from events that come out of order: the caller's words arrive after the reply to them began, a
//! reply's words before it is heard.

use std::collections::VecDeque;
use std::time::Duration;

use hub::turn::{NewTurn, Speaker};

use super::ledger::Cut;
use crate::agent::{Item, Said};

/// An interrupted reply waits this long for the rest of its words.
const WORDS_GRACE: Duration = Duration::from_millis(700);
/// A caller's turn waits this long for its words.
const CALLER_GRACE: Duration = Duration::from_secs(20);
/// Turns remembered for an agent that comes later; the oldest go.
const SAID_MAX: usize = 80;

#[derive(Debug)]
struct CallerTurn {
    item: Option<Item>,
    ordinal: i32,
    text: String,
    started: Duration,
    ended: Option<Duration>,
}

#[derive(Debug)]
struct AgentTurn {
    item: Item,
    ordinal: i32,
    text: String,
    whole: bool,
    /// All audio the model made of it, also what was dropped.
    made_ms: u64,
    started: Duration,
    latency: Option<Duration>,
    cut: Option<(Duration, u64)>,
}

/// Words on a screen before they are final.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partial {
    pub(crate) speaker: Speaker,
    pub(crate) ordinal: i32,
    pub(crate) text: String,
}

/// Open turns, and what was said. Bounded: a turn ends or is dropped after its grace.
#[derive(Debug)]
pub(crate) struct Transcript {
    next: i32,
    callers: VecDeque<CallerTurn>,
    agents: VecDeque<AgentTurn>,
    finished: Vec<NewTurn>,
    said: VecDeque<Said>,
    /// When the caller fell silent; the next reply's latency counts from here.
    silent_since: Option<Duration>,
}

impl Transcript {
    /// Turns are numbered from `first`: a call that was carried elsewhere before has some.
    pub(crate) fn new(first: i32, said: Vec<Said>) -> Self {
        Self {
            next: first,
            callers: VecDeque::new(),
            agents: VecDeque::new(),
            finished: Vec::new(),
            said: said.into(),
            silent_since: None,
        }
    }

    fn ordinal(&mut self) -> i32 {
        let ordinal = self.next;
        self.next += 1;
        ordinal
    }

    /// The caller began to speak.
    pub(crate) fn caller_started(&mut self, now: Duration) {
        let ordinal = self.ordinal();
        self.callers.push_back(CallerTurn {
            item: None,
            ordinal,
            text: String::new(),
            started: now,
            ended: None,
        });
        self.silent_since = None;
    }

    /// The caller fell silent.
    pub(crate) fn caller_stopped(&mut self, now: Duration) {
        self.silent_since = Some(now);
        if let Some(turn) = self.callers.iter_mut().rev().find(|turn| turn.ended.is_none()) {
            turn.ended = Some(now);
        }
    }

    /// The oldest turn without a name has this one.
    pub(crate) fn caller_named(&mut self, item: Item) {
        if let Some(turn) = self.callers.iter_mut().find(|turn| turn.item.is_none()) {
            turn.item = Some(item);
        }
    }

    /// Words of the caller.
    pub(crate) fn caller_words(
        &mut self,
        item: &Item,
        text: &str,
        whole: bool,
        now: Duration,
    ) -> Option<Partial> {
        let at = self
            .callers
            .iter()
            .position(|turn| turn.item.as_ref() == Some(item))?;
        let turn = self.callers.get_mut(at)?;
        if !whole {
            turn.text.push_str(text);
            return Some(Partial {
                speaker: Speaker::Caller,
                ordinal: turn.ordinal,
                text: turn.text.clone(),
            });
        }
        text.trim().clone_into(&mut turn.text);
        let turn = self.callers.remove(at)?;
        self.finish_caller(turn, now);
        None
    }

    fn finish_caller(&mut self, turn: CallerTurn, now: Duration) {
        // Noise that was taken for speech: nothing was said.
        if turn.text.is_empty() {
            return;
        }
        let ended = turn.ended.unwrap_or(now);
        self.remember(true, &turn.text);
        self.finished.push(NewTurn {
            ordinal: turn.ordinal,
            speaker: Speaker::Caller,
            text: turn.text,
            unheard: String::new(),
            interrupted: false,
            started_ms: millis(turn.started),
            ended_ms: millis(ended),
            latency_ms: None,
        });
    }

    /// A key the caller pressed, as a turn of its own.
    pub(crate) fn key(&mut self, key: char, now: Duration) {
        let ordinal = self.ordinal();
        let turn = CallerTurn {
            item: None,
            ordinal,
            text: format!("[{key}]"),
            started: now,
            ended: Some(now),
        };
        self.finish_caller(turn, now);
        self.silent_since = Some(now);
    }

    /// Audio of a reply is sent, or dropped because the reply was cut (`sent` false).
    pub(crate) fn agent_audio(&mut self, item: &Item, ms: u64, sent: bool, now: Duration) {
        if let Some(turn) = self.agents.iter_mut().find(|turn| turn.item == *item) {
            // Its words may have come first; it began when it was heard.
            if turn.made_ms == 0 && sent {
                turn.started = now;
                turn.latency = self.silent_since.take().map(|since| now.saturating_sub(since));
            }
            turn.made_ms += ms;
        } else if sent {
            let latency = self.silent_since.take().map(|since| now.saturating_sub(since));
            self.open_agent(item, now, ms, latency);
        }
    }

    fn open_agent(&mut self, item: &Item, now: Duration, made_ms: u64, latency: Option<Duration>) {
        let ordinal = self.ordinal();
        self.agents.push_back(AgentTurn {
            item: Item::clone(item),
            ordinal,
            text: String::new(),
            whole: false,
            made_ms,
            started: now,
            latency,
            cut: None,
        });
    }

    /// Words of a reply. They may come before its first audio.
    pub(crate) fn agent_words(
        &mut self,
        item: &Item,
        text: &str,
        whole: bool,
        now: Duration,
    ) -> Option<Partial> {
        if !self.agents.iter().any(|turn| turn.item == *item) {
            // The words of a reply that was finished or never heard.
            if whole {
                return None;
            }
            self.open_agent(item, now, 0, None);
        }
        let turn = self.agents.iter_mut().find(|turn| turn.item == *item)?;
        if whole {
            if !text.trim().is_empty() {
                text.trim().clone_into(&mut turn.text);
            }
            turn.whole = true;
        } else {
            turn.text.push_str(text);
        }
        turn.cut.is_none().then(|| Partial {
            speaker: Speaker::Agent,
            ordinal: turn.ordinal,
            text: turn.text.clone(),
        })
    }

    /// The caller heard this reply to its end.
    pub(crate) fn agent_played(&mut self, item: &Item, now: Duration) {
        if let Some(at) = self
            .agents
            .iter()
            .position(|turn| turn.item == *item && turn.cut.is_none())
            && let Some(turn) = self.agents.remove(at)
        {
            self.finish_agent(&turn, now);
        }
    }

    /// The caller interrupted. The words may still be coming.
    pub(crate) fn agent_cut(&mut self, cut: &Cut, now: Duration) {
        if let Some(turn) = self.agents.iter_mut().find(|turn| turn.item == cut.item) {
            turn.cut = Some((now, cut.heard_ms));
        }
    }

    fn finish_agent(&mut self, turn: &AgentTurn, now: Duration) {
        let (heard, unheard) = match turn.cut {
            Some((_, heard_ms)) => split_heard(&turn.text, heard_ms, turn.made_ms),
            None => (turn.text.trim().to_owned(), String::new()),
        };
        if heard.is_empty() && unheard.is_empty() {
            return;
        }
        let ended = turn.cut.map_or(now, |(at, _)| at);
        self.remember(false, &heard);
        self.finished.push(NewTurn {
            ordinal: turn.ordinal,
            speaker: Speaker::Agent,
            text: heard,
            unheard,
            interrupted: turn.cut.is_some(),
            started_ms: millis(turn.started),
            ended_ms: millis(ended),
            latency_ms: turn.latency.map(millis),
        });
    }

    /// A tool that was used, as a line between the turns.
    pub(crate) fn tool(&mut self, line: String, now: Duration) {
        let ordinal = self.ordinal();
        self.finished.push(NewTurn {
            ordinal,
            speaker: Speaker::Tool,
            text: line,
            unheard: String::new(),
            interrupted: false,
            started_ms: millis(now),
            ended_ms: millis(now),
            latency_ms: None,
        });
    }

    fn remember(&mut self, caller: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.said.len() == SAID_MAX {
            self.said.pop_front();
        }
        self.said.push_back(Said {
            caller,
            text: text.to_owned(),
        });
    }

    /// What was said so far.
    pub(crate) fn said(&self) -> std::sync::Arc<[Said]> {
        self.said.iter().cloned().collect()
    }

    /// Turns that are final since it was last asked; `last` when the call is over and nothing more comes.
    pub(crate) fn finished(&mut self, last: bool, now: Duration) -> Vec<NewTurn> {
        let over = |since: Duration, grace: Duration| last || now.saturating_sub(since) >= grace;
        while let Some(at) = self.agents.iter().position(|turn| match turn.cut {
            Some((since, _)) => turn.whole || over(since, WORDS_GRACE),
            None => last,
        }) {
            if let Some(turn) = self.agents.remove(at) {
                self.finish_agent(&turn, now);
            }
        }
        while let Some(at) = self
            .callers
            .iter()
            .position(|turn| last || turn.ended.is_some_and(|ended| over(ended, CALLER_GRACE)))
        {
            if let Some(turn) = self.callers.remove(at) {
                self.finish_caller(turn, now);
            }
        }
        std::mem::take(&mut self.finished)
    }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// Which words were heard: the share of the audio that was, up to the end of the word it fell into.
fn split_heard(text: &str, heard_ms: u64, made_ms: u64) -> (String, String) {
    let text = text.trim();
    let total = text.chars().count() as u64;
    let upto = match made_ms {
        0 => 0,
        made => usize::try_from(total * heard_ms.min(made) / made).unwrap_or(usize::MAX),
    };
    if upto == 0 {
        return (String::new(), text.to_owned());
    }
    let end = text
        .char_indices()
        .enumerate()
        .find(|(at, (_, char))| *at >= upto && char.is_whitespace())
        .map_or(text.len(), |(_, (byte, _))| byte);
    let (heard, unheard) = text.split_at_checked(end).unwrap_or((text, ""));
    (heard.trim().to_owned(), unheard.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn words_are_cut_at_a_words_end() {
        let text = "We are open from nine to five";
        assert_eq!(
            split_heard(text, 1_000, 2_000),
            ("We are open from".into(), "nine to five".into())
        );
        assert_eq!(split_heard(text, 0, 2_000), (String::new(), text.into()));
        assert_eq!(split_heard(text, 9_000, 2_000), (text.into(), String::new()));
        assert_eq!(
            split_heard("Grüß Gott", 10, 0),
            (String::new(), "Grüß Gott".into())
        );
    }

    #[test]
    fn turns_keep_the_order_in_which_they_began() {
        let mut transcript = Transcript::new(1, Vec::new());
        let (caller, reply): (Item, Item) = ("c".into(), "r".into());
        transcript.caller_started(ms(100));
        transcript.caller_stopped(ms(900));
        transcript.caller_named(Item::clone(&caller));
        transcript.agent_audio(&reply, 1_000, true, ms(1_400));
        transcript.agent_words(&reply, "Of course.", true, ms(1_450));
        // The caller's words come after the reply to them began.
        transcript.caller_words(&caller, "Can I", false, ms(1_500));
        transcript.caller_words(&caller, "Can I book? ", true, ms(1_600));
        transcript.agent_played(&reply, ms(2_400));
        let turns = transcript.finished(false, ms(2_400));
        let brief: Vec<_> = turns
            .iter()
            .map(|turn| (turn.ordinal, &*turn.text, turn.latency_ms))
            .collect();
        assert_eq!(brief, [(1, "Can I book?", None), (2, "Of course.", Some(500))]);
    }

    #[test]
    fn an_interrupted_reply_waits_for_its_words_but_not_for_ever() {
        let mut transcript = Transcript::new(1, Vec::new());
        let reply: Item = "r".into();
        transcript.agent_audio(&reply, 1_000, true, ms(0));
        transcript.agent_words(&reply, "one two", false, ms(10));
        transcript.agent_cut(
            &Cut {
                item: Item::clone(&reply),
                heard_ms: 500,
                sent_ms: 1_000,
            },
            ms(500),
        );
        transcript.agent_audio(&reply, 1_000, false, ms(510));
        assert_eq!(transcript.finished(false, ms(600)), []);
        transcript.agent_words(&reply, "one two three four", true, ms(650));
        let turns = transcript.finished(false, ms(660));
        assert_eq!(
            (&*turns[0].text, &*turns[0].unheard, turns[0].interrupted),
            ("one two", "three four", true)
        );
        assert_eq!(turns[0].ended_ms, 500);
    }

    #[test]
    fn noise_is_no_turn_and_open_turns_end_with_the_call() {
        let mut transcript = Transcript::new(1, Vec::new());
        transcript.caller_started(ms(0));
        transcript.caller_named("n".into());
        transcript.caller_words(&"n".into(), " ", true, ms(1));
        transcript.caller_started(ms(10));
        transcript.caller_named("c".into());
        transcript.caller_words(&"c".into(), "bye", false, ms(20));
        let turns = transcript.finished(true, ms(30));
        assert_eq!(turns.iter().map(|turn| &*turn.text).collect::<Vec<_>>(), ["bye"]);
    }
}
