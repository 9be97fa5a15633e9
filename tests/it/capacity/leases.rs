//! Taking, renewing and giving back, on one Redis that is flushed, killed and started again.

use std::time::Duration;

use hub::call::sweep::{MISSED, end_lost};
use hub::capacity::{Bound, drift, resume, without_slot};
use hub::clock::Clock;
use hub::ids::{CallId, TenantId};
use hub::testing::World;

use super::{TTL, admitted, call, limits, refused, short};
use crate::jobs::eventually;
use crate::ruler::within;

#[tokio::test]
async fn the_tenants_limit_and_the_fleets_are_counted_together() {
    let world = World::start().await;
    let hub = short(&world.hub);
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let _one = admitted(&hub, acme, call(), limits(2, 3)).await;
    let two = admitted(&hub, acme, call(), limits(2, 3)).await;
    assert_eq!(refused(&hub, acme, limits(2, 3)).await, Some(Bound::Tenant));
    let _three = admitted(&hub, bolt, call(), limits(2, 3)).await;
    assert_eq!(refused(&hub, bolt, limits(2, 3)).await, Some(Bound::Fleet));
    two.release().await;
    assert_eq!(refused(&hub, acme, limits(2, 3)).await, None);
}

#[tokio::test]
async fn another_node_sees_the_same_slots_and_the_same_call_is_the_same_slot() {
    let world = World::start().await;
    let (here, there) = (short(&world.hub), short(&world.another_hub().await));
    let acme = world.tenant("acme").await;
    // The memory is young at first: the nodes decide by themselves until it has been there for a heartbeat.
    drop(admitted(&here, acme, call(), limits(2, 9)).await);
    tokio::time::sleep(TTL / 2).await;
    let shared = call();
    let first = admitted(&here, acme, shared, limits(2, 9)).await;
    let again = admitted(&there, acme, shared, limits(2, 9)).await;
    let _other = admitted(&there, acme, call(), limits(2, 9)).await;
    assert_eq!(refused(&here, acme, limits(2, 9)).await, Some(Bound::Tenant));
    // Handed over: the other node's guard keeps it.
    first.hand_over();
    tokio::time::sleep(TTL * 2).await;
    assert_eq!(refused(&here, acme, limits(2, 9)).await, Some(Bound::Tenant));
    again.release().await;
    assert_eq!(refused(&here, acme, limits(2, 9)).await, None);
}

#[tokio::test]
async fn a_dead_nodes_slots_are_free_after_one_lease_and_a_living_ones_are_not() {
    let world = World::start().await;
    let (here, doomed) = (short(&world.hub), short(&world.another_hub().await));
    let acme = world.tenant("acme").await;
    let _mine = admitted(&here, acme, call(), limits(2, 9)).await;
    tokio::time::sleep(TTL / 2).await;
    let theirs = admitted(&doomed, acme, call(), limits(2, 9)).await;
    assert_eq!(refused(&here, acme, limits(2, 9)).await, Some(Bound::Tenant));
    // As kill -9: its tasks are cut and nothing is given back.
    doomed.tasks.shut_down(Duration::ZERO).await;
    std::mem::forget(theirs);
    let freed = eventually("the slot is free", async || {
        refused(&here, acme, limits(2, 9)).await.is_none()
    });
    within(&world, TTL * 2, "after one lease", freed).await;
    tokio::time::sleep(TTL * 2).await;
    assert_eq!(refused(&here, acme, limits(1, 9)).await, Some(Bound::Tenant));
}

#[tokio::test]
async fn a_dropped_guard_gives_its_slot_back_and_a_replaced_one_does_not() {
    let world = World::start().await;
    let hub = short(&world.hub);
    let acme = world.tenant("acme").await;
    let same = call();
    let ghost = admitted(&hub, acme, same, limits(1, 9)).await;
    let current = resume(&hub, acme, same).await;
    drop(ghost);
    assert_eq!(refused(&hub, acme, limits(1, 9)).await, Some(Bound::Tenant));
    drop(current);
    eventually("the slot is free", async || {
        refused(&hub, acme, limits(1, 9)).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn slots_come_back_after_redis_forgot_them_and_no_node_admits_more_than_its_share_meanwhile() {
    let world = World::start().await;
    let (here, there) = (short(&world.hub), short(&world.another_hub().await));
    let acme = world.tenant("acme").await;
    let mut held = vec![admitted(&here, acme, call(), limits(4, 4)).await];
    tokio::time::sleep(TTL / 2).await;
    for hub in [&here, &there, &there] {
        held.push(admitted(hub, acme, call(), limits(4, 4)).await);
    }
    assert_eq!(refused(&there, acme, limits(4, 4)).await, Some(Bound::Tenant));
    // A heartbeat, by which each hears that there are two of them.
    tokio::time::sleep(TTL / 2).await;
    world.flush_redis().await;
    // Each carries two of four, its share of two nodes: nothing more, although Redis counts none.
    for hub in [&here, &there] {
        assert_eq!(refused(hub, acme, limits(4, 4)).await, Some(Bound::Tenant));
    }
    tokio::time::sleep(TTL).await;
    held.pop().unwrap().release().await;
    assert_eq!(refused(&here, acme, limits(4, 4)).await, None);
    held.push(admitted(&there, acme, call(), limits(4, 4)).await);
    assert_eq!(refused(&here, acme, limits(4, 4)).await, Some(Bound::Tenant));
}

#[tokio::test]
async fn without_redis_a_node_admits_by_itself_at_once_and_tells_redis_later() {
    let mut world = World::start().await;
    let hub = short(&world.hub);
    let acme = world.tenant("acme").await;
    let _one = admitted(&hub, acme, call(), limits(2, 9)).await;
    world.redis().kill();
    let admitted_at_once = admitted(&hub, acme, call(), limits(2, 9));
    let mut two = within(&world, Duration::from_millis(700), "at once", admitted_at_once).await;
    assert_eq!(refused(&hub, acme, limits(2, 9)).await, Some(Bound::Tenant));
    tokio::time::timeout(TTL * 4, two.lost())
        .await
        .expect("it learns that nobody counts its slot");
    world.redis().start_again().await;
    let other = short(&world.another_hub().await);
    eventually("another node sees both", async || {
        refused(&other, acme, limits(2, 9)).await == Some(Bound::Tenant)
            && refused(&other, acme, limits(3, 9)).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_call_without_a_slot_is_named_and_a_slot_without_a_call_is_counted() {
    let world = World::start().await;
    let hub = short(&world.hub);
    let acme = world.tenant("acme").await;
    let (orphan, carried) = (call(), call());
    for (id, state) in [(orphan, "live"), (carried, "ringing"), (call(), "ended")] {
        write(&world, acme, id, (state, Some("calls-gone"))).await;
    }
    // Connected to a person: the provider carries it.
    write(&world, acme, call(), ("live", None)).await;
    let _lease = admitted(&hub, acme, carried, limits(9, 9)).await;
    let _stray = admitted(&hub, acme, call(), limits(9, 9)).await;
    let counted = drift(&hub).await.unwrap();
    assert_eq!((counted.slots_without_call, counted.calls_without_slot), (1, 1));
    let age = Duration::from_mins(1);
    assert!(
        without_slot(&hub, age).await.unwrap().is_empty(),
        "too young to be believed"
    );
    eventually("the orphan is named", async || {
        without_slot(&hub, age).await.unwrap() == [(acme, orphan)]
    })
    .await;
}

#[tokio::test]
async fn a_call_without_a_slot_at_two_looks_is_lost_and_no_other_is() {
    let world = World::with(|_| {}, Clock::held(Clock::system().now())).await;
    let hub = short(&world.hub);
    let acme = world.tenant("acme").await;
    let (orphan, never_heard, carried, let_go) = (call(), call(), call(), call());
    write(&world, acme, orphan, ("live", Some("calls-gone"))).await;
    write(&world, acme, never_heard, ("ringing", None)).await;
    write(&world, acme, carried, ("live", Some("calls-here"))).await;
    write(&world, acme, let_go, ("live", None)).await;
    let _lease = admitted(&hub, acme, carried, limits(9, 9)).await;
    eventually("the sets are believed", async || {
        without_slot(&hub, MISSED).await.unwrap().len() == 2
    })
    .await;
    for (passes, lost) in [(0, 0), (0, 0), (29, 0), (2, 2), (40, 0)] {
        hub.clock.advance(Duration::from_secs(passes));
        assert_eq!(end_lost(&hub).await.unwrap(), lost, "after {passes} s more");
    }
    let over = "SELECT id FROM calls WHERE outcome = 'lost' AND ended_at IS NOT NULL
                AND state = CASE WHEN answered_at IS NULL THEN 'not_taken' ELSE 'ended' END ORDER BY id";
    let mut admin = world.admin().await;
    let over: Vec<uuid::Uuid> = sqlx::query_scalar(over).fetch_all(&mut admin).await.unwrap();
    let mut expected = vec![orphan.uuid(), never_heard.uuid()];
    expected.sort();
    assert_eq!(over, expected);
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE kind = 'call.ended'")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(told, 2, "screens hear of each once");
}

/// A call of an hour ago: its state, and the node that said it carries it.
async fn write(world: &World, tenant: TenantId, id: CallId, (state, node): (&str, Option<&str>)) {
    let mut admin = world.admin().await;
    sqlx::query(
        "INSERT INTO calls (tenant_id, id, provider_id, source, direction, from_address, to_address, state, node,
                            started_at, answered_at)
         VALUES ($1, $2, $2::text, 'twilio', 'in', '+15550100', '+15550101', $3, $4, now() - interval '1 hour',
                 CASE WHEN $3 = 'live' THEN now() - interval '1 hour' END)",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .bind(state)
    .bind(node)
    .execute(&mut admin)
    .await
    .unwrap();
}
