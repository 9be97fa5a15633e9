//! What a device has not acknowledged yet: kept until it does, given again after every login.
use std::collections::VecDeque;

use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::connection::Connection;
use crate::stanza;

/// Stanzas kept per device at most; beyond, the oldest is lost, as WhatsApp itself forgets what nobody fetches.
const KEPT_MAX: usize = 20_000;

/// Stanzas that a device gets before it has asked for a batch.
const PRIMER: usize = 5;

#[derive(Clone, Debug)]
struct Held {
    stanza: Node,
    /// The socket that had it last.
    given_to: Option<u64>,
}

/// How far a login has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Logged in, not ready for anything.
    #[default]
    Passive,
    /// Fetching what waited, in batches; so many have been given.
    Draining(usize),
    /// Gets everything at once.
    Live,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    held: VecDeque<Held>,
    stage: Stage,
    /// A test holds everything back.
    pub(crate) closed: bool,
}

impl Queue {
    /// A new login: nothing until the client says that it is ready.
    pub(crate) fn begin(&mut self) {
        self.stage = Stage::Passive;
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Keeps a stanza and gives it at once where that is possible.
    pub(crate) fn give(&mut self, stanza: Node, connection: Option<&Connection>) {
        let mut held = Held {
            stanza,
            given_to: None,
        };
        if let Some(connection) = connection.filter(|_| self.stage == Stage::Live && !self.closed) {
            connection.send(held.stanza.clone());
            held.given_to = Some(connection.id);
        }
        if self.held.len() == KEPT_MAX {
            self.held.pop_front();
        }
        self.held.push_back(held);
    }

    /// The client is ready: tells it how much waits and begins.
    pub(crate) fn ready(&mut self, connection: &Connection) {
        if self.closed {
            return;
        }
        self.stage = Stage::Draining(0);
        if !self.held.is_empty() {
            connection.send(self.preview());
        }
        self.batch(connection, PRIMER);
    }

    /// The client asks for more of what waited.
    pub(crate) fn batch(&mut self, connection: &Connection, count: usize) {
        let Stage::Draining(mut given) = self.stage else {
            return;
        };
        let mut waiting = self
            .held
            .iter_mut()
            .filter(|held| held.given_to != Some(connection.id));
        for held in waiting.by_ref().take(count) {
            let mut stanza = held.stanza.clone();
            stanza.attrs.insert("offline", given.to_string());
            connection.send(stanza);
            held.given_to = Some(connection.id);
            given += 1;
        }
        if waiting.next().is_some() {
            self.stage = Stage::Draining(given);
            return;
        }
        let end = NodeBuilder::new("offline")
            .attr("count", given.to_string())
            .build();
        connection.send(information(end));
        self.stage = Stage::Live;
    }

    /// A test lets go: what waited goes out as if it came now.
    pub(crate) fn open(&mut self, connection: Option<&Connection>) {
        self.closed = false;
        let Some(connection) = connection else { return };
        match self.stage {
            Stage::Live => {
                let waiting = self
                    .held
                    .iter_mut()
                    .filter(|held| held.given_to != Some(connection.id));
                for held in waiting {
                    connection.send(held.stanza.clone());
                    held.given_to = Some(connection.id);
                }
            }
            Stage::Passive | Stage::Draining(_) => self.ready(connection),
        }
    }

    /// The device has it: `tag` with this id is not given again. Whether it was waited for.
    pub(crate) fn acknowledge(&mut self, tag: &str, id: &str) -> bool {
        let before = self.held.len();
        self.held
            .retain(|held| held.stanza.tag != tag || stanza::attr(&held.stanza, "id") != id);
        before != self.held.len()
    }

    fn preview(&self) -> Node {
        let of = |tag: &str| self.held.iter().filter(|held| held.stanza.tag == tag).count();
        let preview = NodeBuilder::new("offline_preview")
            .attr("count", self.held.len().to_string())
            .attr("message", of("message").to_string())
            .attr("receipt", of("receipt").to_string())
            .attr("notification", of("notification").to_string())
            .attr("appdata", "0")
            .attr("call", "0")
            .build();
        information(preview)
    }
}

fn information(content: Node) -> Node {
    NodeBuilder::new("ib")
        .attr("from", stanza::SERVER)
        .children([content])
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Out;

    fn message(id: &str) -> Node {
        NodeBuilder::new("message").attr("id", id).build()
    }

    fn sent(waiting: &mut tokio::sync::mpsc::Receiver<Out>) -> Vec<String> {
        let mut sent = Vec::new();
        while let Ok(Out::Stanza(node)) = waiting.try_recv() {
            let inner = stanza::children(&node).first().map(|child| child.tag.to_string());
            sent.push(inner.unwrap_or_else(|| stanza::attr(&node, "id")));
        }
        sent
    }

    #[test]
    fn what_is_not_acknowledged_is_given_again_and_what_is_is_not() {
        let mut queue = Queue::default();
        let (first, mut got, _) = Connection::open(1);
        queue.begin();
        queue.give(message("A"), Some(&first));
        queue.ready(&first);
        queue.give(message("B"), Some(&first));
        assert_eq!(sent(&mut got), ["offline_preview", "A", "offline", "B"]);
        assert!(queue.acknowledge("message", "A"));
        assert!(!queue.acknowledge("receipt", "B"), "another kind of stanza");
        let (second, mut got, _) = Connection::open(2);
        queue.begin();
        queue.ready(&second);
        assert_eq!(sent(&mut got), ["offline_preview", "B", "offline"]);
    }

    #[test]
    fn a_long_queue_comes_in_batches_that_are_asked_for() {
        let mut queue = Queue::default();
        for number in 0..12 {
            queue.give(message(&number.to_string()), None);
        }
        let (connection, mut got, _) = Connection::open(1);
        queue.ready(&connection);
        assert_eq!(sent(&mut got).len(), 1 + PRIMER);
        queue.batch(&connection, 4);
        assert_eq!(sent(&mut got), ["5", "6", "7", "8"]);
        queue.batch(&connection, 200);
        assert_eq!(sent(&mut got), ["9", "10", "11", "offline"]);
    }

    #[test]
    fn a_closed_queue_gives_nothing_until_it_is_opened() {
        let mut queue = Queue::default();
        let (connection, mut got, _) = Connection::open(1);
        queue.ready(&connection);
        queue.closed = true;
        queue.give(message("A"), Some(&connection));
        assert_eq!(sent(&mut got), ["offline"]);
        queue.open(Some(&connection));
        assert_eq!(sent(&mut got), ["A"]);
    }
}
