//! The sharing out, played through: from any distribution it comes to rest, evenly, with nothing left over.

use proptest::prelude::*;

use super::*;
use crate::shard::{Epoch, Worker};

fn seen(shard: i16, owner: Option<&str>, sessions: u32) -> Seen {
    Seen {
        shard: Shard(shard),
        epoch: Epoch::of(1),
        owner: owner.map(str::to_owned),
        successor: None,
        settled: true,
        orphaned: Duration::ZERO,
        sessions,
    }
}

fn workers(names: &[&str]) -> Vec<Worker> {
    let worker = |name: &&str| Worker {
        name: (*name).to_owned(),
        leaving: false,
    };
    names.iter().map(worker).collect()
}

/// One round: every worker reckons from the same rows; the first to take a shard has it.
fn round(fleet: &mut Fleet, names: &[&str]) -> usize {
    let before = fleet.clone();
    let mut moved = 0;
    for me in names {
        for deed in plan(me, &before, |_| false) {
            moved += 1;
            let (shard, owner) = match deed {
                Deed::Take(shard) => (shard, Some((*me).to_owned())),
                Deed::Drop(shard) => (shard, None),
                Deed::HandOver { shard, to } => (shard, Some(to)),
            };
            let row = fleet.shards.iter_mut().find(|row| row.shard == shard).unwrap();
            if row.owner.is_none() || row.owner.as_deref() == Some(me) {
                row.owner = owner;
                row.orphaned = Duration::ZERO;
            }
        }
    }
    for row in fleet.shards.iter_mut().filter(|row| row.owner.is_none()) {
        row.orphaned += Duration::from_millis(500);
    }
    moved
}

proptest! {
    #[test]
    fn comes_to_rest_with_every_shard_worked_and_nobody_far_above_its_share(
        sizes in prop::collection::vec(1_u32..30, 1..40),
        owners in prop::collection::vec(0_usize..7, 40),
        count in 1_usize..7,
    ) {
        let names = &["a", "b", "c", "d", "e", "f"][..count];
        let shards = sizes.iter().zip(&owners).enumerate().map(|(at, (size, owner))| {
            // Some are held by a worker that is dead: free.
            seen(i16::try_from(at).unwrap(), names.get(*owner).copied(), *size)
        });
        let mut fleet = Fleet { workers: workers(names), shards: shards.collect() };
        // A shard that fits into nobody's share is taken when it has lain idle for a while: until then it is no rest.
        let waits = |row: &Seen| row.owner.is_none() && row.orphaned <= LONG;
        let rest = (0..200).position(|_| round(&mut fleet, names) == 0 && !fleet.shards.iter().any(waits));
        prop_assert!(rest.is_some(), "no rest after 200 rounds: {fleet:?}");
        prop_assert!(fleet.shards.iter().all(|row| row.owner.is_some()));
        let total: u32 = sizes.iter().sum();
        let share = total.div_ceil(u32::try_from(count).unwrap());
        let largest = sizes.iter().max().copied().unwrap_or_default();
        for name in names {
            let load = load(name, &fleet);
            prop_assert!(load <= share + TOLERANCE.max(largest), "{name} has {load} of a share of {share}: {fleet:?}");
        }
    }
}

#[test]
fn shards_larger_than_a_share_are_spread_out_as_well() {
    let names = &["a", "b", "c", "d"];
    let mut fleet = Fleet {
        workers: workers(names),
        shards: (0..3).map(|at| seen(at, Some("c"), 4)).collect(),
    };
    while round(&mut fleet, names) > 0 {}
    let loads: Vec<u32> = names.iter().map(|name| load(name, &fleet)).collect();
    assert_eq!(loads, [4, 4, 4, 0]);
}

#[test]
fn what_is_kept_for_another_is_left_alone() {
    let mut row = seen(1, None, 3);
    row.successor = Some("b".to_owned());
    let fleet = Fleet {
        workers: workers(&["a", "b"]),
        shards: vec![row],
    };
    assert_eq!(plan("a", &fleet, |_| false), []);
    assert_eq!(plan("b", &fleet, |_| false), [Deed::Take(Shard(1))]);
}

#[test]
fn who_leaves_takes_nothing_and_gets_nothing() {
    let mut leaving = workers(&["a", "b"]);
    leaving[0].leaving = true;
    let fleet = Fleet {
        workers: leaving,
        shards: vec![seen(1, None, 3), seen(2, Some("b"), 9)],
    };
    assert_eq!(plan("a", &fleet, |_| false), []);
    assert_eq!(plan("c", &fleet, |_| false), [], "nor who was not seen");
    assert_eq!(plan("b", &fleet, |_| false), [Deed::Take(Shard(1))]);
}

#[test]
fn idle_shards_move_before_busy_ones_and_settling_ones_not_at_all() {
    let mut fleet = Fleet {
        workers: workers(&["a", "b"]),
        shards: (0..6).map(|at| seen(at, Some("a"), 2)).collect(),
    };
    let moves = |fleet: &Fleet| plan("a", fleet, |shard| shard != Shard(4));
    let to = "b".to_owned();
    assert_eq!(moves(&fleet), [Deed::HandOver { shard: Shard(4), to }]);
    for row in &mut fleet.shards {
        row.settled = false;
    }
    assert_eq!(moves(&fleet), []);
}

#[test]
fn a_shard_without_sessions_is_dropped() {
    let fleet = Fleet {
        workers: workers(&["a"]),
        shards: vec![seen(7, Some("a"), 0)],
    };
    assert_eq!(plan("a", &fleet, |_| false), [Deed::Drop(Shard(7))]);
}
