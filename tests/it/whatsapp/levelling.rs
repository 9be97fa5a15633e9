//! A worker that comes gets its share of those who have too much: planned, one shard after the other, idle ones first.

use std::collections::BTreeSet;

use hub::ids::SessionId;

use super::branch::Branch;
use super::{Shift, Shop, patience};

/// Numbers, one a shard; over the first ones people talk just now.
const ALL: usize = 10;
const BUSY: usize = 7;
/// The share is five, and two more than a share are not worth a move.
const MOVED: usize = ALL - 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_worker_gets_idle_numbers_until_the_shares_are_even() {
    let shop = Shop::open().await;
    let first = Shift::start(&shop).await;
    let branches = Branch::open_all(&shop, ALL).await;
    shop.until_all_with(ALL, &[first.name()]).await;
    let busy: Vec<_> = branches[..BUSY]
        .iter()
        .map(|branch| branch.session.uuid())
        .collect();
    let mut admin = shop.admin().await;
    sqlx::query("UPDATE sessions SET received_at = now() + interval '1 hour' WHERE id = ANY ($1)")
        .bind(&busy)
        .execute(&mut admin)
        .await
        .unwrap();
    let second = Shift::start(&shop).await;
    for shift in [&first, &second] {
        shift.until_at_work(&shop).await;
    }
    shop.until_all_with(ALL, &[first.name()]).await;
    // As if the first one had had them for long.
    let settle = "UPDATE shards SET settled_at = now() WHERE owner IS NOT NULL";
    sqlx::raw_sql(settle).execute(&mut admin).await.unwrap();
    shop.until_all_with(MOVED, &[second.name()]).await;
    for shift in [&first, &second] {
        shift.until_at_work(&shop).await;
    }
    shop.until_all_with(MOVED, &[second.name()]).await;
    shop.until_all_with(ALL - MOVED, &[first.name()]).await;
    let moved: Vec<SessionId> = sqlx::query_scalar("SELECT id FROM sessions WHERE worker = $1")
        .bind(second.name())
        .fetch_all(&mut admin)
        .await
        .unwrap();
    let idle = branches[BUSY..].iter().map(|branch| branch.session);
    let moved: BTreeSet<String> = moved.iter().map(ToString::to_string).collect();
    assert_eq!(moved, idle.map(|id| id.to_string()).collect(), "the idle ones");
    let stays = shop.whatsapp.record(None);
    for branch in &branches {
        let times = stays.iter().filter(|stay| stay.phone == branch.phone).count();
        let is_idle = moved.contains(&branch.session.to_string());
        assert_eq!(times, if is_idle { 2 } else { 1 }, "one move, or none: {stays:?}");
    }
    let (customer, ..) = branches[BUSY].asked(&shop).await;
    let id = customer.say(branches[BUSY].phone, "Still there?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.never_two();
    for shift in [first, second] {
        shift.stop().await;
    }
    shop.never_two();
    shop.whatsapp.stop().await;
}
