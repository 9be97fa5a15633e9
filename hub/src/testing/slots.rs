//! Call slots behind the curtain: time that passes only there, heartbeats on demand, a look at the sets.

use std::collections::HashSet;
use std::time::Duration;

use super::World;
use crate::kv::Script;
use crate::{Hub, capacity, keys};

/// Every score and the generation, earlier by so much: the clock moved on by it, or back when it is negative.
static SHIFT: Script = Script::new(
    "for _, key in ipairs(redis.call('KEYS', 'sb:{calls}:*')) do
         if redis.call('TYPE', key).ok == 'zset' then
             for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
                 redis.call('ZINCRBY', key, -ARGV[1], member)
             end
         else
             redis.call('INCRBY', key, -ARGV[1])
         end
     end
     return 0",
);

impl World {
    /// Lets time pass for call slots, or jump back.
    pub async fn shift_slot_clock(&self, by_ms: i64) {
        let _: i64 = self
            .hub
            .kv
            .run(
                &SHIFT,
                &keys::all_call_slots(),
                &[by_ms.to_string()],
                Duration::from_secs(5),
            )
            .await
            .expect("shift the scores");
    }

    /// The calls that hold a slot of the fleet.
    pub async fn call_slots(&self) -> HashSet<String> {
        capacity::slots(&self.hub).await.expect("read the slots").1
    }
}

/// One heartbeat of `hub`'s slots, now.
pub async fn beat(hub: &Hub) {
    capacity::beat(hub).await;
}
