//! Call slots against a model that cannot be wrong: any order of taking, giving back, dying, forgetting and jumping clocks.
//! Time passes by shifting the scores, so that a thousand leases run out in a second.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use hub::Hub;
use hub::capacity::{Admission, Capacity, Lease, acquire};
use hub::ids::{CallId, TenantId};
use hub::testing::World;
use hub::testing::slots::beat;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{call, limits};

const NODES: usize = 3;
const TENANT_MAX: usize = 3;
const FLEET_MAX: usize = 5;
/// Long in real time: only the shifted scores run out.
const TTL: Duration = Duration::from_mins(10);
const THIRD_MS: i64 = 200_000;
const HOUR_MS: i64 = 3_600_000;

#[derive(Clone, Debug)]
enum Step {
    Acquire {
        node: usize,
        tenant: usize,
    },
    /// The same call again, by another node: a repeated webhook, a call that moved.
    Again {
        node: usize,
        nth: usize,
    },
    Release {
        nth: usize,
    },
    /// Twice, late: a repeated callback.
    ReleaseTwice {
        nth: usize,
    },
    Crash {
        node: usize,
    },
    /// A third of a lease passes and every living node renews.
    Tick,
    Flush,
    Jump {
        back: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..NODES, 0..2_usize).prop_map(|(node, tenant)| Step::Acquire { node, tenant }),
        2 => (0..NODES, 0..8_usize).prop_map(|(node, nth)| Step::Again { node, nth }),
        4 => (0..8_usize).prop_map(|nth| Step::Release { nth }),
        1 => (0..8_usize).prop_map(|nth| Step::ReleaseTwice { nth }),
        2 => (0..NODES).prop_map(|node| Step::Crash { node }),
        6 => Just(Step::Tick),
        1 => Just(Step::Flush),
        1 => any::<bool>().prop_map(|back| Step::Jump { back }),
    ];
    proptest::collection::vec(step, 1..60)
}

struct Live {
    tenant: TenantId,
    node: usize,
    lease: Lease,
}

/// What is really so.
struct Model<'a> {
    world: &'a World,
    tenants: [TenantId; 2],
    nodes: Vec<Hub>,
    live: BTreeMap<CallId, Live>,
    /// Calls that died with their node, and how many ticks ago at most.
    ghosts: HashMap<CallId, usize>,
    /// Ticks until every owner has surely renewed on a memory that is believed.
    disturbed: usize,
}

impl<'a> Model<'a> {
    async fn new(world: &'a World, tenants: [TenantId; 2]) -> Self {
        world.flush_redis().await;
        let mut model = Self {
            world,
            tenants,
            nodes: Vec::new(),
            live: BTreeMap::new(),
            ghosts: HashMap::new(),
            disturbed: 2,
        };
        model.nodes = (0..NODES).map(|n| model.node(n)).collect();
        model
    }

    fn node(&self, n: usize) -> Hub {
        Hub {
            capacity: Capacity::with_ttl(TTL),
            node: format!("node-{n}").into(),
            ..self.world.hub.clone()
        }
    }

    fn nth(&self, nth: usize) -> Option<CallId> {
        self.live.keys().nth(nth % self.live.len().max(1)).copied()
    }

    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Acquire { node, tenant } => self.acquire(node, self.tenants[tenant], call()).await?,
            Step::Again { node, nth } => {
                if let Some(call) = self.nth(nth) {
                    let tenant = self.live[&call].tenant;
                    self.again(node, tenant, call).await?;
                }
            }
            Step::Release { nth } => {
                if let Some(live) = self.nth(nth).and_then(|call| self.live.remove(&call)) {
                    live.lease.release().await;
                }
            }
            Step::ReleaseTwice { nth } => {
                if let Some(call) = self.nth(nth) {
                    let live = self.live.remove(&call).unwrap();
                    let hub = &self.nodes[live.node];
                    // The guard that replaces it is the one that counts; the first one's end does nothing.
                    let again = hub::capacity::resume(hub, live.tenant, call).await;
                    live.lease.release().await;
                    again.release().await;
                }
            }
            Step::Crash { node } => {
                let dead: Vec<_> = self
                    .live
                    .iter()
                    .filter(|(_, live)| live.node == node)
                    .map(|(call, _)| *call)
                    .collect();
                for call in dead {
                    std::mem::forget(self.live.remove(&call).unwrap().lease);
                    self.ghosts.insert(call, 0);
                }
                self.nodes[node] = self.node(node);
            }
            Step::Tick => self.tick().await?,
            Step::Flush => {
                self.world.flush_redis().await;
                self.ghosts.clear();
                self.disturbed = 2;
            }
            Step::Jump { back } => {
                self.world
                    .shift_slot_clock(if back { -HOUR_MS } else { HOUR_MS })
                    .await;
                self.ghosts.values_mut().for_each(|age| *age = 0);
                self.disturbed = 2;
            }
        }
        Ok(())
    }

    async fn acquire(&mut self, node: usize, tenant: TenantId, call: CallId) -> Result<(), TestCaseError> {
        let own = self.live.values().filter(|live| live.node == node).count();
        let of_tenant = self.live.values().filter(|live| live.tenant == tenant).count();
        let (all, ghosts) = (self.live.len(), self.ghosts.len());
        match acquire(&self.nodes[node], tenant, call, limits(TENANT_MAX, FLEET_MAX)).await {
            Admission::Admitted(lease) => {
                prop_assert!(own < FLEET_MAX, "a node never exceeds a limit by itself");
                if self.disturbed == 0 {
                    prop_assert!(
                        of_tenant < TENANT_MAX,
                        "admitted over the tenant's limit: {of_tenant}"
                    );
                    prop_assert!(all < FLEET_MAX, "admitted over the fleet's limit: {all}");
                }
                self.live.insert(call, Live { tenant, node, lease });
            }
            Admission::Full(bound) => {
                // Nothing is refused that has room, even if every ghost were this tenant's.
                let room = of_tenant + ghosts < TENANT_MAX && all + ghosts < FLEET_MAX;
                prop_assert!(
                    self.disturbed > 0 || !room,
                    "refused by {bound:?} with {of_tenant}, {all}, {ghosts}"
                );
            }
        }
        Ok(())
    }

    async fn again(&mut self, node: usize, tenant: TenantId, call: CallId) -> Result<(), TestCaseError> {
        match acquire(&self.nodes[node], tenant, call, limits(TENANT_MAX, FLEET_MAX)).await {
            Admission::Admitted(lease) => {
                let before = self.live.insert(call, Live { tenant, node, lease }).unwrap();
                before.lease.hand_over();
            }
            Admission::Full(bound) => {
                let full = self.live.values().filter(|live| live.node == node).count() >= TENANT_MAX;
                prop_assert!(
                    full || self.disturbed > 0,
                    "a call that has its slot is refused by {bound:?}"
                );
            }
        }
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), TestCaseError> {
        self.world.shift_slot_clock(THIRD_MS).await;
        for node in &self.nodes {
            beat(node).await;
        }
        // Somebody asks: only asking looks at far ends of leases.
        let probe = self.node(NODES);
        for tenant in self.tenants {
            if let Admission::Admitted(lease) = acquire(&probe, tenant, call(), limits(99, 99)).await {
                lease.release().await;
            }
        }
        self.disturbed = self.disturbed.saturating_sub(1);
        self.ghosts.values_mut().for_each(|age| *age += 1);
        let slots = self.world.call_slots().await;
        let live: HashSet<_> = self.live.keys().map(CallId::to_string).collect();
        prop_assert!(
            live.is_subset(&slots),
            "within one heartbeat every live call has its slot"
        );
        // The two sets are looked at milliseconds apart: one may still hold what has just run out in the other.
        self.ghosts.retain(|_, age| *age < 5);
        for slot in slots.difference(&live) {
            let age = self
                .ghosts
                .iter()
                .find(|(call, _)| call.to_string() == *slot)
                .map(|(_, age)| *age);
            prop_assert!(age.is_some(), "a slot without a call outlived its lease: {slot}");
        }
        Ok(())
    }
}

#[test]
fn slots_and_calls_stay_together_whatever_happens() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (world, tenants) = runtime.block_on(async {
        let world = World::start().await;
        let tenants = [world.tenant("acme").await, world.tenant("bolt").await];
        (world, tenants)
    });
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let mut model = Model::new(&world, tenants).await;
            for step in steps {
                model.step(step).await?;
            }
            // Nobody gives anything back for the next case.
            for (_, live) in std::mem::take(&mut model.live) {
                std::mem::forget(live.lease);
            }
            Ok(())
        })
    });
    let guard = runtime.enter();
    drop(world);
    drop(guard);
    outcome.unwrap();
}
