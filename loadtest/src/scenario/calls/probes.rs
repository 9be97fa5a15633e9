//! Tagged frames timed at both ends: one clock, so each direction's delay is exact.
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::histogram::Shared;
use crate::probe::Tag;
use crate::run::Run;
use crate::stage::exact;

/// The first half second of probes is not measured: the echo is just beginning.
pub(super) const SETTLING_FRAMES: u64 = 25;
/// Later than this is audible.
const LATE_US: u64 = 40_000;

/// See the module.
pub(super) struct Probes {
    run: Run,
    to_model: Direction,
    to_caller: Direction,
    both: Shared,
    paused: AtomicBool,
}

struct Direction {
    delay: Shared,
    late: AtomicU64,
    /// Per call: the first and the newest sequence number, and how many arrived.
    arrived: Mutex<HashMap<u64, (u64, u64, u64)>>,
}

impl Direction {
    fn new(delay: Shared) -> Self {
        Self {
            delay,
            late: AtomicU64::new(0),
            arrived: Mutex::default(),
        }
    }

    fn take(&self, tag: &Tag, delay_us: u64) {
        let mut arrived = self.arrived.lock().expect("no holder of the lock panics");
        let (_, newest, count) = arrived.entry(tag.call).or_insert((tag.sequence, tag.sequence, 0));
        *newest = (*newest).max(tag.sequence);
        *count += 1;
        drop(arrived);
        if tag.sequence >= SETTLING_FRAMES {
            self.delay.record(delay_us);
            self.late
                .fetch_add(u64::from(delay_us > LATE_US), Ordering::Relaxed);
        }
    }

    fn frames(&self) -> u64 {
        self.arrived
            .lock()
            .expect("no holder of the lock panics")
            .values()
            .map(|call| call.2)
            .sum()
    }

    fn lost(&self) -> u64 {
        let arrived = self.arrived.lock().expect("no holder of the lock panics");
        arrived
            .values()
            .map(|(first, newest, count)| (newest - first + 1).saturating_sub(*count))
            .sum()
    }
}

impl Probes {
    pub(super) fn new(run: &Run) -> Self {
        Self {
            run: run.clone(),
            to_model: Direction::new(run.histogram("delay_to_model")),
            to_caller: Direction::new(run.histogram("delay_to_caller")),
            both: run.histogram("added_delay"),
            paused: AtomicBool::new(false),
        }
    }

    /// Nothing is measured any more: what follows is a companion.
    pub(super) fn pause(&self) {
        self.paused.store(true, Ordering::Relaxed);
    }

    /// A caller's frame reached the model.
    pub(super) fn at_model(&self, tag: &Tag, now_us: u64) {
        if self.paused.load(Ordering::Relaxed) {
            return;
        }
        let delay_us = now_us.saturating_sub(tag.sent_us);
        self.to_model.take(tag, delay_us);
        if tag.sequence >= SETTLING_FRAMES {
            self.both.record(delay_us);
        }
    }

    /// The model's audio reached Twilio.
    pub(super) fn at_caller(&self, audio: &[u8], now_us: u64) {
        if self.paused.load(Ordering::Relaxed) {
            return;
        }
        for tag in Tag::scan(audio).iter().filter(|tag| tag.returned_us > 0) {
            let delay_us = now_us.saturating_sub(tag.returned_us);
            self.to_caller.take(tag, delay_us);
            if tag.sequence >= SETTLING_FRAMES {
                self.both.record(delay_us);
            }
        }
    }

    pub(super) fn conclude(&self) {
        for (name, direction) in [("to_model", &self.to_model), ("to_caller", &self.to_caller)] {
            self.run
                .number(&format!("frames_{name}"), exact(direction.frames()));
            self.run
                .number(&format!("lost_frames_{name}"), exact(direction.lost()));
            self.run.number(
                &format!("late_frames_{name}"),
                exact(direction.late.load(Ordering::Relaxed)),
            );
        }
        let (late, frames) =
            [&self.to_model, &self.to_caller]
                .iter()
                .fold((0, 0), |(late, frames), direction| {
                    (
                        late + direction.late.load(Ordering::Relaxed),
                        frames + direction.frames(),
                    )
                });
        self.run.number(
            "late_share",
            if frames > 0 {
                exact(late) / exact(frames)
            } else {
                0.0
            },
        );
    }
}
