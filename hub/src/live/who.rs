//! Who of a tenant is online and what they look at, from what all processes say of their clients. No I/O. A lost word is
//! put right by the list in Redis, a killed process by the time its words hold.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::frame;
use super::message::{Person, Seen};
use crate::clock::Timestamp;
use crate::ids::{ConversationId, StaffId};

/// Somebody without a client is called offline only after this: a page that is loaded again is not a departure.
const OFFLINE_AFTER: Duration = Duration::from_secs(3);
/// How long a process's word on a client holds unless said again.
pub(super) const HOLDS: Duration = Duration::from_secs(30);
/// A word younger than this may be ahead of the list in Redis.
const JUST_NOW: Duration = Duration::from_secs(5);

/// A frame for this process's clients, and the key under which a later one replaces it.
pub(super) type Change = (String, Bytes);

/// The tenant's clients on all processes.
#[derive(Debug, Default)]
pub(super) struct Who {
    clients: HashMap<String, Seen>,
    present: HashMap<StaffId, (Person, usize)>,
    leaving: HashMap<StaffId, (Person, Timestamp)>,
    looking: HashMap<(StaffId, ConversationId), usize>,
}

impl Who {
    /// A process said this of a client.
    pub(super) fn saw(&mut self, seen: Seen, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let client = seen.client.clone();
        let gone = seen.until_ms <= now.as_millisecond();
        if !gone {
            self.count_in(&seen, &mut changes);
        }
        let before = if gone {
            self.clients.remove(&client)
        } else {
            self.clients.insert(client, seen)
        };
        if let Some(before) = before {
            self.count_out(&before, now, &mut changes);
        }
        changes
    }

    /// Redis holds exactly these; who was heard of only just may not be in it yet.
    pub(super) fn list(&mut self, all: Vec<Seen>, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut missing: HashMap<String, Seen> = self.clients.clone();
        for seen in all {
            missing.remove(&seen.client);
            changes.extend(self.saw(seen, now));
        }
        let newest = now.after(HOLDS.saturating_sub(JUST_NOW)).as_millisecond();
        for mut seen in missing.into_values().filter(|seen| seen.until_ms < newest) {
            seen.until_ms = 0;
            changes.extend(self.saw(seen, now));
        }
        changes
    }

    /// Time passed: words that no longer hold, people who did not come back.
    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let over: Vec<Seen> = self
            .clients
            .values()
            .filter(|seen| seen.until_ms <= now.as_millisecond())
            .cloned()
            .collect();
        for seen in over {
            changes.extend(self.saw(seen, now));
        }
        self.leaving.retain(|_, (person, until)| {
            let stays = *until > now;
            if !stays {
                changes.push(presence(person, "offline"));
            }
            stays
        });
        changes
    }

    /// Who is online.
    pub(super) fn online(&self) -> Vec<Person> {
        let here = self.present.values().map(|(person, _)| person);
        let mut people: Vec<Person> = here
            .chain(self.leaving.values().map(|(person, _)| person))
            .cloned()
            .collect();
        people.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        people
    }

    /// Frames that tell a newcomer who looks at what.
    pub(super) fn viewing(&self) -> Vec<Bytes> {
        let looking = self.clients.values().filter_map(|seen| {
            let conversation = seen.viewing?;
            Some(viewing(&seen.staff, conversation, true).1)
        });
        looking.collect()
    }

    fn count_in(&mut self, seen: &Seen, changes: &mut Vec<Change>) {
        let id = seen.staff.id;
        let count = &mut self
            .present
            .entry(id)
            .or_insert_with(|| (seen.staff.clone(), 0))
            .1;
        *count += 1;
        if *count == 1 && self.leaving.remove(&id).is_none() {
            changes.push(presence(&seen.staff, "online"));
        }
        if let Some(conversation) = seen.viewing {
            let count = self.looking.entry((id, conversation)).or_default();
            *count += 1;
            if *count == 1 {
                changes.push(viewing(&seen.staff, conversation, true));
            }
        }
    }

    fn count_out(&mut self, seen: &Seen, now: Timestamp, changes: &mut Vec<Change>) {
        let id = seen.staff.id;
        if let Some(conversation) = seen.viewing
            && let Some(count) = self.looking.get_mut(&(id, conversation))
        {
            *count -= 1;
            if *count == 0 {
                self.looking.remove(&(id, conversation));
                changes.push(viewing(&seen.staff, conversation, false));
            }
        }
        if let Some((_, count)) = self.present.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.present.remove(&id);
                self.leaving
                    .insert(id, (seen.staff.clone(), now.after(OFFLINE_AFTER)));
            }
        }
    }
}

fn presence(staff: &Person, state: &str) -> Change {
    let frame = frame::signal("presence", &json!({ "staff": staff, "state": state }));
    (format!("presence:{}", staff.id), frame)
}

fn viewing(staff: &Person, conversation: ConversationId, viewing: bool) -> Change {
    let body = json!({ "conversation_id": conversation, "staff": staff, "viewing": viewing });
    let frame = frame::signal("viewing", &body);
    (format!("viewing:{}:{conversation}", staff.id), frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn said(changes: &[Change]) -> Vec<String> {
        let text = |frame: &Bytes| String::from_utf8_lossy(frame).into_owned();
        let word = |frame: String| {
            ["offline", "online", "\"viewing\":true", "\"viewing\":false"]
                .into_iter()
                .find(|word| frame.contains(word))
                .unwrap_or("?")
                .to_owned()
        };
        changes.iter().map(|(_, frame)| word(text(frame))).collect()
    }

    #[test]
    fn two_tabs_are_one_person_and_a_reload_is_no_departure() {
        let now = Clock::system().now();
        let hold = now.after(HOLDS).as_millisecond();
        let ann = Person {
            id: StaffId::at(now),
            name: "Ann".into(),
        };
        let conversation = Some(ConversationId::at(now));
        let tab = |client: &str, viewing, until_ms| Seen {
            client: client.into(),
            staff: ann.clone(),
            viewing,
            until_ms,
        };
        let mut who = Who::default();
        assert_eq!(said(&who.saw(tab("a", None, hold), now)), ["online"]);
        assert!(who.saw(tab("b", None, hold), now).is_empty());
        assert_eq!(
            said(&who.saw(tab("a", conversation, hold), now)),
            ["\"viewing\":true"]
        );
        assert!(who.saw(tab("b", conversation, hold), now).is_empty());
        assert!(
            who.saw(tab("a", None, hold), now).is_empty(),
            "b still looks at it"
        );
        assert_eq!(said(&who.saw(tab("b", None, 0), now)), ["\"viewing\":false"]);
        assert!(who.saw(tab("a", None, 0), now).is_empty());
        assert!(
            who.saw(tab("c", None, hold), now).is_empty(),
            "back within the grace"
        );
        assert!(who.tick(now.after(OFFLINE_AFTER)).is_empty());
        assert!(who.list(Vec::new(), now).is_empty(), "newer than the list");
        let later = now.after(JUST_NOW).after(Duration::from_millis(1));
        assert!(who.list(Vec::new(), later).is_empty(), "gone, but only just");
        assert_eq!(who.online(), [ann]);
        assert_eq!(said(&who.tick(later.after(OFFLINE_AFTER))), ["offline"]);
        assert!(who.online().is_empty());
    }

    #[test]
    fn the_words_of_a_killed_process_run_out() {
        let now = Clock::system().now();
        let ann = Person {
            id: StaffId::at(now),
            name: "Ann".into(),
        };
        let mut who = Who::default();
        who.saw(
            Seen {
                client: "a".into(),
                staff: ann,
                viewing: None,
                until_ms: now.as_millisecond() + 10,
            },
            now,
        );
        let later = now.after(Duration::from_secs(1));
        assert!(who.tick(later).is_empty());
        assert_eq!(said(&who.tick(later.after(OFFLINE_AFTER))), ["offline"]);
    }
}
