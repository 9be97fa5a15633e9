//! What a worker should take and give, from what Postgres sees. Pure: every worker reckons for itself, from the same rows,
//! and the conditional update decides where two reckon the same.
//!
//! A worker's load is the number of sessions on its shards, its fair share all sessions by the workers that stay. It takes
//! shards up to its share, one that lay idle for [`LONG`] whatever its share, and hands one over when it is more than
//! [`TOLERANCE`] above its share and the emptiest worker would still have less than it had.

use std::time::Duration;

use super::{Fleet, Seen, Shard};

/// Sessions above the share that are not worth a move.
pub const TOLERANCE: u32 = 2;
/// A shard that nobody held for so long is taken by whoever sees it.
pub const LONG: Duration = Duration::from_secs(2);
/// Shards that are taken in one go; the rest a moment later, so that others get a chance and starts are paced.
pub const TAKES_MAX: usize = 8;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Take a shard.
    Take(Shard),
    /// Stop its sessions, then let it go.
    Drop(Shard),
    /// Stop its sessions, then let it go to this worker.
    HandOver {
        /// Which.
        shard: Shard,
        /// To whom.
        to: String,
    },
}

/// What `me` should do now. `is_busy` tells whether a shard of mine has had traffic lately: idle ones move first.
pub fn plan(me: &str, fleet: &Fleet, is_busy: impl Fn(Shard) -> bool) -> Vec<Deed> {
    let staying: Vec<&str> = fleet
        .workers
        .iter()
        .filter(|worker| !worker.leaving)
        .map(|worker| worker.name.as_str())
        .collect();
    if !staying.contains(&me) {
        return Vec::new();
    }
    let total: u32 = fleet.shards.iter().map(|seen| seen.sessions).sum();
    let share = total.div_ceil(u32::try_from(staying.len()).unwrap_or(u32::MAX));
    let mut deeds: Vec<Deed> = mine(me, fleet)
        .filter(|seen| seen.sessions == 0)
        .map(|seen| Deed::Drop(seen.shard))
        .collect();
    let takes = takes(me, fleet, share);
    if takes.is_empty() && fleet.shards.iter().all(|seen| seen.owner.is_some()) {
        // Not while shards lie idle: a fail-over comes first.
        deeds.extend(hand_over(me, fleet, share, &staying, is_busy));
    }
    deeds.extend(takes);
    deeds
}

fn mine<'a>(me: &'a str, fleet: &'a Fleet) -> impl Iterator<Item = &'a Seen> {
    fleet
        .shards
        .iter()
        .filter(move |seen| seen.owner.as_deref() == Some(me))
}

fn load(name: &str, fleet: &Fleet) -> u32 {
    mine(name, fleet).map(|seen| seen.sessions).sum()
}

fn takes(me: &str, fleet: &Fleet, share: u32) -> Vec<Deed> {
    let mut load = load(me, fleet);
    let mut free: Vec<&Seen> = fleet
        .shards
        .iter()
        .filter(|seen| seen.owner.is_none() && seen.sessions > 0)
        .filter(|seen| seen.successor.as_deref().is_none_or(|name| name == me))
        .collect();
    // What is kept for me, then what I am the most likely to get: workers begin at different ends.
    free.sort_by_key(|seen| (seen.successor.is_none(), preference(me, seen.shard)));
    let mut deeds = Vec::new();
    for seen in free {
        let is_mine =
            seen.successor.is_some() || seen.orphaned >= LONG || load + seen.sessions <= share || load == 0;
        if is_mine && deeds.len() < TAKES_MAX {
            load += seen.sessions;
            deeds.push(Deed::Take(seen.shard));
        }
    }
    deeds
}

/// The shard to move, if any: an idle one before a busy one, of the size that comes nearest to what I have too much and the
/// emptiest worker too little. It is only moved if that worker then has less than I had, so that moves come to an end.
fn hand_over(
    me: &str,
    fleet: &Fleet,
    share: u32,
    staying: &[&str],
    is_busy: impl Fn(Shard) -> bool,
) -> Option<Deed> {
    let load_of_mine = load(me, fleet);
    if load_of_mine <= share + TOLERANCE {
        return None;
    }
    let (load_there, to) = staying
        .iter()
        .filter(|name| **name != me)
        .map(|name| (load(name, fleet), *name))
        .min()?;
    let wanted = (load_of_mine - share).min(share.saturating_sub(load_there));
    mine(me, fleet)
        .filter(|seen| seen.settled && seen.sessions > 0)
        .filter(|seen| load_there + seen.sessions < load_of_mine)
        .min_by_key(|seen| (is_busy(seen.shard), seen.sessions.abs_diff(wanted), seen.shard))
        .map(|seen| Deed::HandOver {
            shard: seen.shard,
            to: to.to_owned(),
        })
}

/// A number that is the same for a worker and a shard each time, and different for each pair (FNV-1a).
fn preference(me: &str, shard: Shard) -> u64 {
    let bytes = me.bytes().chain(shard.0.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
