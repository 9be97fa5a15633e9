//! The stream and its clients against a model: whatever Redis loses, repeats or reorders, and wherever clients come and go,
//! each sees exactly what it missed, in order, once, or is told to reload.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn event(seq: i64) -> Event {
    let audience = if seq % 7 == 3 { Role::Admin } else { Role::ReadOnly };
    Event {
        seq,
        audience,
        frame: frame::event(&format!("{{\"seq\":{seq}}}")),
    }
}

/// The database: every number up to `seq`, of which those up to `kept_from` are gone.
#[derive(Clone, Debug)]
struct Database {
    epoch: u32,
    seq: i64,
    kept_from: i64,
}

impl Database {
    fn standing(&self) -> Standing {
        Standing {
            epoch: self.epoch.to_string(),
            seq: self.seq,
            kept_from: self.kept_from,
        }
    }

    fn rows(&self, after: i64, upto: i64, limit: usize) -> Vec<Event> {
        let first = after.max(self.kept_from) + 1;
        (first..=self.seq.min(upto)).take(limit).map(event).collect()
    }
}

/// A browser: what it has applied, and its connection.
#[derive(Debug)]
struct Screen {
    role: Role,
    position: Option<Position>,
    cursor: Option<Cursor>,
}

/// Reads a frame back to what it says.
fn seq_of(frame: &Bytes) -> (bool, i64) {
    let text = std::str::from_utf8(frame.get(2..).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    (value["type"] == "skip", value["seq"].as_i64().unwrap())
}

impl Screen {
    /// Applies frames by the web client's rules; anything but the next number is a failure.
    fn apply(&mut self, out: &mut VecDeque<Bytes>) {
        let position = self.position.as_mut().expect("it was welcomed");
        for frame in out.drain(..) {
            let (skip, seq) = seq_of(&frame);
            if skip {
                let hidden = |seq| event(seq).audience > self.role;
                assert!((position.seq + 1..=seq).all(hidden), "skipped what it may see");
            } else {
                assert_eq!(seq, position.seq + 1, "a hole or a repetition");
                assert!(event(seq).audience <= self.role, "saw what it may not");
            }
            position.seq = seq;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A transaction of so many events commits; Redis does with each publication as told.
    Commit(Vec<Fate>),
    /// What Redis held back arrives.
    Late,
    /// Time passes, and with it what was asked of Postgres is answered, or not.
    Wait { answered: bool },
    /// The look at Postgres every second and a half.
    Look,
    /// Screen `n` connects with its position, after the look that is due when it is ahead.
    Connect(usize),
    /// Screen `n` is cut off.
    Cut(usize),
    /// Screen `n` takes what is there.
    Take(usize),
    /// Old events are deleted.
    Trim(u8),
    /// The database is restored from backup.
    Restore,
    /// The process is another one.
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Twice,
    Late,
    Lost,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Arrives), 1 => Just(Fate::Twice), 2 => Just(Fate::Late), 2 => Just(Fate::Lost)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(fate(), 1..5).prop_map(Step::Commit),
        2 => prop::collection::vec(fate(), 200..700).prop_map(Step::Commit),
        3 => Just(Step::Late),
        4 => any::<bool>().prop_map(|answered| Step::Wait { answered }),
        2 => Just(Step::Look),
        6 => (0..3_usize).prop_map(Step::Connect),
        3 => (0..3_usize).prop_map(Step::Cut),
        8 => (0..3_usize).prop_map(Step::Take),
        1 => (0..80_u8).prop_map(Step::Trim),
        1 => Just(Step::Restore),
        1 => Just(Step::Restart),
    ]
}

struct World {
    database: Database,
    stream: Stream,
    held_back: Vec<Event>,
    screens: Vec<Screen>,
    now: Instant,
    asked: Option<i64>,
}

impl World {
    fn new() -> Self {
        let database = Database {
            epoch: 1,
            seq: 0,
            kept_from: 0,
        };
        let screen = |role| Screen {
            role,
            position: None,
            cursor: None,
        };
        Self {
            stream: Stream::open(database.standing(), Vec::new()),
            database,
            held_back: Vec::new(),
            screens: [Role::ReadOnly, Role::Staff, Role::Owner].map(screen).into(),
            now: Instant::now(),
            asked: None,
        }
    }

    fn feed(&mut self, input: Input) {
        let todo = self.stream.step(input, self.now);
        if let Some(after) = todo.read_after {
            assert!(self.asked.is_none(), "two reads at once");
            self.asked = Some(after);
        }
    }

    fn answer(&mut self) {
        if let Some(after) = self.asked.take() {
            let rows = self.database.rows(after, i64::MAX, 50);
            let standing = self.database.standing();
            self.feed(Input::Rows { rows, standing });
        }
    }

    fn look(&mut self) {
        let asked_at = self.stream.head();
        let standing = self.database.standing();
        self.feed(Input::Stands { standing, asked_at });
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Commit(fates) => self.commit(fates),
            Step::Late => {
                let mut late = std::mem::take(&mut self.held_back);
                late.reverse();
                self.feed(Input::Published(late));
            }
            Step::Wait { answered } => {
                self.now += GAP_WAIT * 2 + READ_AGAIN;
                self.feed(Input::Tick);
                if answered {
                    self.answer();
                } else if self.asked.take().is_some() {
                    self.feed(Input::ReadFailed);
                }
            }
            Step::Look => self.look(),
            Step::Connect(n) => self.connect(n),
            Step::Cut(n) => self.screens[n].cursor = None,
            Step::Take(n) => self.take(n),
            Step::Trim(part) => {
                let kept = self.database.kept_from;
                self.database.kept_from = kept + (self.database.seq - kept) * i64::from(part) / 100;
            }
            Step::Restore => {
                self.database.epoch += 1;
                self.database.seq = self.database.seq.saturating_sub(5).max(self.database.kept_from);
                self.held_back.clear();
                self.asked = None;
                self.feed(Input::ReadFailed);
                self.look();
            }
            Step::Restart => {
                let recent = self.database.rows(self.database.seq - 20, i64::MAX, 20);
                self.stream = Stream::open(self.database.standing(), recent);
                self.asked = None;
                self.screens.iter_mut().for_each(|screen| screen.cursor = None);
            }
        }
    }

    fn commit(&mut self, fates: Vec<Fate>) {
        let first = self.database.seq + 1;
        let mut arrives = Vec::new();
        for (fate, seq) in fates.into_iter().zip(first..) {
            self.database.seq = seq;
            match fate {
                Fate::Arrives => arrives.push(event(seq)),
                Fate::Twice => arrives.extend([event(seq), event(seq)]),
                Fate::Late => self.held_back.push(event(seq)),
                Fate::Lost => {}
            }
        }
        self.feed(Input::Published(arrives));
    }

    fn connect(&mut self, n: usize) {
        let position = self.screens[n].position.clone();
        let mut resume = self.stream.place(position.as_ref());
        if resume == Resume::Ahead {
            self.look();
            resume = self.stream.place(position.as_ref());
        }
        let screen = &mut self.screens[n];
        let (cursor, told) = self.stream.seat(resume, position.as_ref(), screen.role);
        match resume {
            Resume::FromRing | Resume::FromPostgres => {
                let own = position.expect("it had a position");
                assert_eq!(own.epoch, told.epoch);
                assert!(told.seq >= own.seq);
            }
            _ => screen.position = Some(told),
        }
        screen.cursor = Some(cursor);
    }

    fn take(&mut self, n: usize) {
        let mut out = VecDeque::new();
        let screen = &mut self.screens[n];
        let Some(cursor) = &mut screen.cursor else { return };
        let mut advance = cursor.advance(&self.stream, &mut out);
        if let Advance::Behind { after, upto } = advance {
            let rows = self.database.rows(after - after % 50, upto, 50);
            advance = cursor.catch_up(&self.stream, &rows, &mut out);
        }
        if let Advance::Reload(position) = advance {
            assert!(out.is_empty());
            screen.position = Some(position);
        }
        screen.apply(&mut out);
    }

    /// In the end everybody is at the head of the database.
    fn settle(&mut self) {
        self.look();
        while self.stream.head() < self.database.seq {
            self.now += READ_AGAIN + GAP_WAIT;
            self.feed(Input::Tick);
            self.answer();
        }
        for n in 0..self.screens.len() {
            if self.screens[n].cursor.is_none() {
                self.connect(n);
            }
            for _ in 0..self.database.seq + 3 {
                self.take(n);
            }
            let position = self.screens[n].position.clone().unwrap();
            assert_eq!(position, self.stream.position(), "screen {n} is not at the head");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_screen_sees_what_it_missed_in_order_once_or_reloads(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.settle();
    }
}

#[test]
fn a_gap_waits_a_moment_and_is_read_once() {
    let now = Instant::now();
    let standing = |seq| Standing {
        epoch: "e".into(),
        seq,
        kept_from: 0,
    };
    let mut stream = Stream::open(standing(0), Vec::new());
    let todo = stream.step(Input::Published(vec![event(2)]), now);
    assert_eq!(todo, Todo::default());
    assert_eq!(stream.deadline(), Some(now + GAP_WAIT));
    let todo = stream.step(Input::Tick, now + GAP_WAIT);
    assert_eq!(todo.read_after, Some(0));
    assert_eq!(stream.deadline(), None);
    let todo = stream.step(Input::Published(vec![event(3)]), now + GAP_WAIT * 2);
    assert_eq!(todo.read_after, None, "one read at a time");
    let rows = vec![event(1), event(2)];
    let todo = stream.step(
        Input::Rows {
            rows,
            standing: standing(2),
        },
        now + GAP_WAIT * 3,
    );
    assert!(todo.wake);
    assert_eq!((stream.head(), stream.deadline()), (3, None));
}

#[test]
fn a_number_that_is_in_no_row_is_forgotten() {
    let now = Instant::now();
    let standing = Standing {
        epoch: "e".into(),
        seq: 4,
        kept_from: 0,
    };
    let mut stream = Stream::open(standing.clone(), Vec::new());
    stream.step(Input::Published(vec![event(900)]), now);
    let todo = stream.step(Input::Tick, now + GAP_WAIT);
    assert_eq!(todo.read_after, Some(4));
    let rows = Vec::new();
    stream.step(Input::Rows { rows, standing }, now + GAP_WAIT);
    assert_eq!((stream.head(), stream.deadline()), (4, None));
    assert!(stream.step(Input::Published(vec![event(5)]), now).wake);
}

#[test]
fn strange_positions_are_lost_ones() {
    let standing = Standing {
        epoch: "ours".into(),
        seq: 10_000,
        kept_from: 9_000,
    };
    let stream = Stream::open(standing, Vec::new());
    let at = |epoch: &str, seq| {
        let position = Position {
            epoch: epoch.into(),
            seq,
        };
        stream.place(Some(&position))
    };
    assert_eq!(at("ours", 10_000), Resume::FromRing);
    assert_eq!(at("ours", 9_000), Resume::FromPostgres);
    assert_eq!(at("ours", 8_999), Resume::Lost);
    assert_eq!(at("ours", -1), Resume::Lost);
    assert_eq!(at("ours", i64::MIN), Resume::Lost);
    assert_eq!(at("ours", i64::MAX), Resume::Ahead);
    assert_eq!(at("theirs", 10_000), Resume::Lost);
    assert_eq!(stream.place(None), Resume::Fresh);
}

#[test]
fn only_who_has_caught_up_can_be_slow() {
    let standing = |seq| Standing {
        epoch: "e".into(),
        seq,
        kept_from: 0,
    };
    let recent: Vec<Event> = (1..=300).map(event).collect();
    let mut stream = Stream::open(standing(300), recent);
    let position = Position {
        epoch: "e".into(),
        seq: 0,
    };
    let (mut cursor, _) = stream.seat(Resume::FromRing, Some(&position), Role::Owner);
    let mut out = VecDeque::new();
    assert_eq!(cursor.advance(&stream, &mut out), Advance::Took(BATCH_EVENTS_MAX));
    assert_eq!(cursor.lag(&stream), (0, 0));
    assert_eq!(
        cursor.advance(&stream, &mut out),
        Advance::Took(300 - BATCH_EVENTS_MAX)
    );
    stream.step(Input::Published((301..=310).map(event).collect()), Instant::now());
    assert_eq!(cursor.lag(&stream).0, 10);
    assert_eq!(cursor.lag(&stream).1, 10 * event(301).frame.len());
}
