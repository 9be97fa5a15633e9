//! Lease, take-over and hand-over as a model, every order of steps played through: never do two workers believe that they
//! hold a shard, and never does a session's state take what an older epoch writes.
//!
//! Time is whole ticks. The database and the workers' clocks run at the same pace; between a question, its effect in the
//! database and the arrival of its answer any time may pass, a worker may be frozen anywhere, and answers may be lost.

use std::collections::{HashSet, VecDeque};

/// Ticks of a lease, and how much earlier its holder stops.
const TTL: u8 = 3;
const MARGIN: u8 = 1;
/// How far time goes; every fault needs far less.
const END: u8 = 7;
const WORKERS: usize = 2;
/// Changes of hands that are played through.
const EPOCHS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Claim,
    Renew,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wire {
    Quiet,
    /// On its way to the database since `at`.
    Question {
        what: Asked,
        at: u8,
        epoch: u8,
    },
    /// On its way back; `epoch` is what was granted, 0 for nothing.
    Answer {
        what: Asked,
        at: u8,
        epoch: u8,
    },
}

/// What was begun for the session under an epoch and has not reached the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deed {
    None,
    Adopt(u8),
    Write(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Worker {
    wire: Wire,
    /// Holds under this epoch until this tick; 0 for not.
    epoch: u8,
    ends: u8,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct World {
    now: u8,
    owner: Option<usize>,
    epoch: u8,
    until: u8,
    successor: Option<usize>,
    /// The session's epoch: that of who adopted it last; and the highest that ever did.
    adopted: u8,
    newest: u8,
    workers: [Worker; WORKERS],
}

impl World {
    fn new() -> Self {
        let worker = Worker {
            wire: Wire::Quiet,
            epoch: 0,
            ends: 0,
            deed: Deed::None,
        };
        Self {
            now: 1,
            owner: None,
            epoch: 0,
            until: 0,
            successor: None,
            adopted: 0,
            newest: 0,
            workers: [worker; WORKERS],
        }
    }

    fn holds(&self, who: usize) -> bool {
        self.workers[who].epoch > 0 && self.now < self.workers[who].ends
    }

    fn nexts(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.now < END {
            let mut next = Self {
                now: self.now + 1,
                ..*self
            };
            for worker in &mut next.workers {
                worker.ages(next.now);
            }
            all.push(next);
        }
        for who in 0..WORKERS {
            self.asks(who, &mut all);
            self.wire_moves(who, &mut all);
            self.writes(who, &mut all);
        }
        all
    }

    fn with(&self, who: usize, change: impl FnOnce(&mut Worker)) -> Self {
        let mut next = *self;
        change(&mut next.workers[who]);
        next
    }

    fn asks(&self, who: usize, all: &mut Vec<Self>) {
        if self.workers[who].wire != Wire::Quiet {
            return;
        }
        let epoch = self.workers[who].epoch;
        let question = |what| Wire::Question {
            what,
            at: self.now,
            epoch,
        };
        if self.holds(who) {
            all.push(self.with(who, |worker| worker.wire = question(Asked::Renew)));
            all.push(self.with(who, |worker| {
                // Who lets go has stopped before it says so.
                worker.wire = question(Asked::Release);
                worker.epoch = 0;
            }));
        } else if self.epoch < EPOCHS {
            all.push(self.with(who, |worker| worker.wire = question(Asked::Claim)));
        }
    }

    fn wire_moves(&self, who: usize, all: &mut Vec<Self>) {
        match self.workers[who].wire {
            Wire::Quiet => {}
            Wire::Question { what, at, epoch } => {
                let mut next = *self;
                let granted = next.database(who, what, epoch);
                // What is refused to a claim, or answered to a release, changes nothing any more.
                let is_news = what == Asked::Renew || granted > 0;
                next.workers[who].wire = if is_news {
                    Wire::Answer {
                        what,
                        at,
                        epoch: granted,
                    }
                } else {
                    Wire::Quiet
                };
                all.push(next);
                // Lost on its way.
                all.push(self.with(who, |worker| worker.wire = Wire::Quiet));
            }
            Wire::Answer { what, at, epoch } => {
                all.push(self.with(who, |worker| {
                    worker.wire = Wire::Quiet;
                    worker.hears(self.now, what, at, epoch);
                }));
                all.push(self.with(who, |worker| worker.wire = Wire::Quiet));
            }
        }
    }

    /// The conditional updates, as `claim.rs` has them.
    fn database(&mut self, who: usize, what: Asked, epoch: u8) -> u8 {
        let is_owner = self.owner == Some(who) && self.epoch == epoch;
        match what {
            Asked::Claim => {
                let free = self.owner.is_none() || self.until <= self.now;
                if !free || self.successor.is_some_and(|successor| successor != who) {
                    return 0;
                }
                self.owner = Some(who);
                self.epoch += 1;
                self.until = self.now + TTL;
                self.successor = None;
                self.epoch
            }
            Asked::Renew if is_owner && self.until > self.now => {
                self.until = self.now + TTL;
                epoch
            }
            Asked::Release if is_owner => {
                self.owner = None;
                self.successor = Some((who + 1) % WORKERS);
                0
            }
            Asked::Renew | Asked::Release => 0,
        }
    }

    /// A holder first adopts the session, then writes; both reach the database whenever: after a freeze, after a take-over.
    fn writes(&self, who: usize, all: &mut Vec<Self>) {
        let worker = self.workers[who];
        match worker.deed {
            Deed::None if self.holds(who) => {
                all.push(self.with(who, |worker| worker.deed = Deed::Adopt(worker.epoch)));
            }
            Deed::None => {}
            Deed::Adopt(epoch) => {
                // As `adopt` does; who comes too late gives up.
                let is_taken = self.adopted <= epoch;
                let deed = if is_taken { Deed::Write(epoch) } else { Deed::None };
                let mut next = self.with(who, |worker| worker.deed = deed);
                if is_taken {
                    next.adopted = epoch;
                    next.newest = next.newest.max(epoch);
                }
                all.push(next);
            }
            Deed::Write(epoch) => {
                // As `Hold::tx` does.
                let is_taken = self.adopted == epoch;
                assert!(
                    !is_taken || epoch == self.newest,
                    "an older epoch wrote after a later one had read: {self:?}"
                );
                all.push(self.with(who, |worker| worker.deed = Deed::None));
            }
        }
    }
}

impl Worker {
    fn hears(&mut self, now: u8, what: Asked, at: u8, epoch: u8) {
        let ends = at + TTL - MARGIN;
        match what {
            Asked::Claim if epoch > 0 => {
                self.epoch = epoch;
                self.ends = ends;
            }
            Asked::Renew if epoch == 0 => self.epoch = 0,
            // One that is over stays over.
            Asked::Renew if self.epoch == epoch && self.ends > at => self.ends = self.ends.max(ends),
            _ => {}
        }
        self.ages(now);
    }

    /// What is over by its own clock is forgotten; what is under way is not.
    fn ages(&mut self, now: u8) {
        if self.epoch == 0 || now >= self.ends {
            self.epoch = 0;
            self.ends = 0;
        }
    }
}

#[test]
fn no_order_of_steps_gives_a_shard_two_holders_or_a_ratchet_two_hands() {
    let mut seen = HashSet::from([World::new()]);
    let mut open = VecDeque::from([World::new()]);
    let mut handed_over = false;
    while let Some(world) = open.pop_front() {
        assert!(
            (0..WORKERS).filter(|who| world.holds(*who)).count() <= 1,
            "two hold it: {world:?}"
        );
        handed_over |= world.epoch == EPOCHS;
        for next in world.nexts() {
            if seen.insert(next) {
                open.push_back(next);
            }
        }
    }
    assert!(handed_over, "the model never came to a third holder");
    assert!(seen.len() > 10_000, "only {} states", seen.len());
}
