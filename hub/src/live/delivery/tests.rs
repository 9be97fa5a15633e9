//! Delivery over a wire that takes as much as the test says: whatever it refuses, a client gets every frame whole, once and
//! in order.

use std::io::IoSlice;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::clock::Clock;
use crate::config;
use crate::ids::{ApiKeyId, TenantId};
use crate::live::Meters;
use crate::live::feed::Entry;
use crate::live::line::{Must, Wire};
use crate::live::stream::{Input, Resume, Standing};
use crate::principal::{Actor, Principal};
use crate::role::Role;
use crate::tasks::Tasks;

/// Takes `room` bytes, then refuses; or is broken.
#[derive(Default)]
struct Tap(Mutex<(usize, Vec<u8>)>, AtomicBool);

impl Tap {
    fn open(&self, room: usize) {
        self.0.lock().unwrap().0 += room;
    }

    fn breaks(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    fn got(&self) -> Vec<u8> {
        self.0.lock().unwrap().1.clone()
    }
}

impl Wire for Tap {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut tap = self.0.lock().unwrap();
        let taken = bytes.len().min(tap.0);
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        tap.0 -= taken;
        tap.1.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.try_write(&all)
    }
}

struct Room {
    feed: Arc<Feed>,
    clients: Vec<(Arc<Line>, Arc<Tap>)>,
    /// Everything published, as a client of any role gets it.
    said: Vec<u8>,
    seq: i64,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Room {
    fn of(clients: u64, tasks: Tasks) -> Self {
        let meters = Meters {
            clients: metrics::Gauge::noop(),
            delivered: metrics::Counter::noop(),
            reloads: metrics::Counter::noop(),
            pages: metrics::Counter::noop(),
            repairs: metrics::Counter::noop(),
        };
        let at = Clock::system().now();
        let tenant = TenantId::at(at);
        let config = config::Live {
            heartbeat_s: 25,
            client_queue_events_max: 512,
            client_queue_bytes_max: 1024 * 1024,
            clients_per_staff_max: 10,
            clients_per_tenant_max: 10_000,
            events_kept_h: 1,
        };
        let feed = Arc::new(Feed::new(tenant, tasks, meters, &config, now()));
        let standing = Standing {
            epoch: "e".to_owned(),
            seq: 0,
            kept_from: 0,
        };
        feed.begin(standing, Vec::new(), now());
        let mut room = Self {
            feed,
            clients: Vec::new(),
            said: Vec::new(),
            seq: 0,
        };
        for id in 0..clients {
            let tap = Arc::new(Tap::default());
            let line = Line::new(Arc::clone(&tap) as Arc<dyn Wire>);
            let actor = Actor::ApiKey { id: ApiKeyId::at(at) };
            let principal = Principal::new(tenant, "acme".into(), actor, Role::Staff);
            let name: Arc<str> = id.to_string().into();
            let entry = Entry::new(&principal, Arc::clone(&name), Arc::clone(&line));
            room.feed.shelf().comes(id, entry);
            let seated = room
                .feed
                .with_stream(|stream| stream.seat(Resume::Fresh, None, Role::Staff));
            let mut held = line.held();
            held.name = name;
            held.place = Some(Place {
                cursor: seated.unwrap().0,
                signals_seen: 0,
            });
            drop(held);
            assert_eq!(room.feed.fill(&line, now()).unwrap(), Fill::Done);
            room.clients.push((line, tap));
        }
        room
    }

    /// Publishes events of this many bytes and has everybody told, whatever the pace of wakes.
    fn say(&mut self, sizes: &[usize]) {
        let mut events = Vec::new();
        for size in sizes {
            self.seq += 1;
            let mut frame = format!("<{}:", self.seq).into_bytes();
            frame.resize(frame.len() + size, b'.');
            frame.push(b'>');
            self.said.extend_from_slice(&frame);
            events.push(Event {
                seq: self.seq,
                audience: Role::ReadOnly,
                frame: frame.into(),
            });
        }
        self.feed.step(Input::Published(events), now());
        self.feed.wake();
    }
}

/// One client always has room, one rarely, one never: nobody disturbs another.
fn a_round(room: &mut Room, dice: &mut StdRng) {
    let sizes: Vec<usize> = (0..dice.random_range(1..6))
        .map(|_| dice.random_range(0..300))
        .collect();
    room.clients[0].1.open(100_000);
    room.clients[1].1.open(dice.random_range(0..500));
    room.say(&sizes);
    if dice.random_bool(0.3) {
        room.feed.fill(&room.clients[1].0, now()).unwrap();
    }
    assert!(room.said.starts_with(&room.clients[1].1.got()));
}

#[tokio::test]
async fn a_socket_that_blocks_within_a_write_gets_whole_frames_in_order() {
    let mut dice = StdRng::seed_from_u64(7);
    for _ in 0..200 {
        let mut room = Room::of(3, Tasks::new());
        for _ in 0..dice.random_range(1..20) {
            a_round(&mut room, &mut dice);
        }
        assert_eq!(room.clients[0].1.got(), room.said);
        for (line, tap) in &room.clients[1..] {
            tap.open(usize::MAX / 2);
            assert_eq!(room.feed.fill(line, now()).unwrap(), Fill::Done);
            assert_eq!(tap.got(), room.said);
        }
        // From here on they are written to directly again.
        room.say(&[10]);
        assert_eq!(room.clients[2].1.got(), room.said);
    }
}

#[tokio::test]
async fn a_blocked_socket_calls_its_task_and_holds_one_batch_at_most() {
    let mut room = Room::of(1, Tasks::new());
    let (line, tap) = room.clients[0].clone();
    tap.open(3);
    room.say(&[10, 10]);
    line.called().await;
    assert_eq!(tap.got().len(), 3);
    assert!(line.stalled_since().is_some() && !line.is_clear());
    for _ in 0..50 {
        room.say(&[10]);
    }
    assert_eq!(
        line.held().out.frames().len(),
        2,
        "the rest waits in the ring, shared by all"
    );
    // What is out in part is finished before the goodbye; nothing follows it.
    line.give_up();
    line.hang_up();
    line.push(Bytes::from_static(b"bye"));
    tap.open(100_000);
    line.flush(now()).unwrap();
    room.say(&[10]);
    assert_eq!(tap.got(), [&room.said[..14], b"bye"].concat());
}

#[tokio::test]
async fn what_the_task_says_comes_before_later_events() {
    let mut room = Room::of(1, Tasks::new());
    let (line, tap) = room.clients[0].clone();
    tap.open(100_000);
    room.say(&[1]);
    line.push(Bytes::from_static(b"ping"));
    let before = room.said.clone();
    room.say(&[2]);
    assert_eq!(tap.got(), before, "the fan-out stays behind the pushed frame");
    assert_eq!(room.feed.fill(&line, now()).unwrap(), Fill::Done);
    let after = &room.said[before.len()..];
    assert_eq!(tap.got(), [&before, &b"ping"[..], after].concat());
}

#[tokio::test]
async fn a_signal_goes_to_all_but_its_author() {
    let room = Room::of(3, Tasks::new());
    for (_, tap) in &room.clients {
        tap.open(100_000);
    }
    let signal = |key: &str, from: &str, frame: &'static [u8]| {
        let change = (key.to_owned(), Bytes::from_static(frame));
        (change, Some(from.to_owned()))
    };
    room.feed
        .signal(vec![signal("a", "1", b"[a]"), signal("b", "2", b"[b]")], now());
    room.feed.wake();
    let got: Vec<_> = room.clients.iter().map(|(_, tap)| tap.got()).collect();
    assert_eq!(got, [&b"[a][b]"[..], b"[b]", b"[a]"]);
}

#[tokio::test]
async fn many_clients_are_a_task_and_what_comes_meanwhile_is_not_forgotten() {
    let tasks = Tasks::new();
    let mut room = Room::of(500, tasks.clone());
    for (_, tap) in &room.clients {
        tap.open(1_000_000);
    }
    room.say(&[20]);
    let none = room.clients.iter().all(|(_, tap)| tap.got().is_empty());
    assert!(none, "whoever brings an event for many is not held up by them");
    for _ in 0..50 {
        room.say(&[20]);
        tokio::task::yield_now().await;
    }
    assert!(tasks.shut_down(Duration::from_secs(30)).await);
    assert!(room.clients.iter().all(|(_, tap)| tap.got() == room.said));
}

/// A client's own task, as busy as it can be: pings between events, on a socket that takes little at a time.
async fn fidgets(feed: Arc<Feed>, (line, tap): (Arc<Line>, Arc<Tap>), seed: u64, done: Arc<AtomicBool>) {
    let mut dice = StdRng::seed_from_u64(seed);
    while !done.load(Ordering::Relaxed) {
        tap.open(dice.random_range(0..900));
        if dice.random_bool(0.3) {
            line.push(Bytes::from_static(PING));
        }
        feed.fill(&line, now()).unwrap();
        tokio::task::yield_now().await;
    }
}

const PING: &[u8] = b"{p}";

/// What came besides pings; a ping within a frame fails the test.
fn without_pings(got: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(got).unwrap();
    for (at, _) in text.match_indices('{') {
        assert!(at == 0 || [b'>', b'}'].contains(&got[at - 1]), "a frame was torn");
    }
    text.replace("{p}", "").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passes_and_tasks_at_once_keep_frames_whole_once_and_in_order() {
    const FIDGETY: usize = 8;
    for count in [16, 200] {
        let (tasks, done) = (Tasks::new(), Arc::new(AtomicBool::new(false)));
        let mut room = Room::of(count, tasks.clone());
        let mut fidgeting = tokio::task::JoinSet::new();
        for (seed, client) in room.clients[..FIDGETY].iter().enumerate() {
            let (feed, client) = (Arc::clone(&room.feed), client.clone());
            fidgeting.spawn(fidgets(feed, client, seed as u64, Arc::clone(&done)));
        }
        for (_, tap) in &room.clients[FIDGETY..] {
            tap.open(usize::MAX / 2);
        }
        // Fewer than the ring holds: nobody has to read rows.
        for n in 0..800 {
            room.say(&[n % 300]);
            tokio::task::yield_now().await;
        }
        done.store(true, Ordering::Relaxed);
        fidgeting.join_all().await;
        assert!(tasks.shut_down(Duration::from_secs(30)).await);
        for (line, tap) in &room.clients[..FIDGETY] {
            tap.open(usize::MAX / 2);
            assert_eq!(room.feed.fill(line, now()).unwrap(), Fill::Done);
            assert_eq!(without_pings(&tap.got()), room.said);
        }
        assert!(
            room.clients[FIDGETY..]
                .iter()
                .all(|(_, tap)| tap.got() == room.said)
        );
    }
}

#[tokio::test]
async fn a_socket_that_dies_within_a_pass_disturbs_nobody_and_its_task_hears_of_it() {
    let mut room = Room::of(3, Tasks::new());
    for (_, tap) in &room.clients {
        tap.open(100_000);
    }
    room.say(&[10]);
    let before = room.said.clone();
    let (line, dead) = room.clients[1].clone();
    dead.breaks();
    room.say(&[10, 20]);
    line.called().await;
    let fault = room.feed.fill(&line, now()).unwrap_err();
    assert_eq!(fault.kind(), io::ErrorKind::BrokenPipe);
    // Its task ends; until its seat is taken away, passes leave it alone.
    room.say(&[10]);
    assert_eq!(room.clients[0].1.got(), room.said);
    assert_eq!(room.clients[2].1.got(), room.said);
    assert_eq!(dead.got(), before);
}

#[tokio::test]
async fn who_has_to_go_gets_nothing_more_but_the_goodbye() {
    let mut room = Room::of(1, Tasks::new());
    let (line, tap) = room.clients[0].clone();
    tap.open(100_000);
    room.say(&[10]);
    let before = room.said.clone();
    line.order(Must::Leave);
    room.say(&[10]);
    assert_eq!(room.feed.fill(&line, now()).unwrap(), Fill::Done);
    assert_eq!(tap.got(), before);
    line.called().await;
    line.push(Bytes::from_static(b"bye"));
    line.flush(now()).unwrap();
    room.say(&[10]);
    assert_eq!(tap.got(), [&before, &b"bye"[..]].concat());
}

#[test]
fn a_pass_that_is_cut_leaves_the_turn_to_the_next() {
    let turn = Turn::default();
    assert!(turn.begin());
    assert!(!turn.begin(), "one at a time");
    let mut running = turn.running();
    assert!(!running.end(), "the second one's wish");
    assert!(running.end());
    assert!(turn.begin());
    drop(turn.running());
    assert!(turn.begin());
}
