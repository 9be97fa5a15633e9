//! One worker goes, another comes: planned, and not.

use std::time::Duration;

use hub::session::Observed;

use super::{Shift, Shop, here, patience};

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_takes_over_after_a_death_and_nothing_is_lost() {
    let (shop, first) = Shop::linked().await;
    let customer = shop.customer().await;
    let second = Shift::start(&shop).await;
    first.kill().await;
    let id = customer.say(here(), "Anybody there?").await.unwrap();
    let name = second.name().to_owned();
    shop.until_session("the second worker's", |session| {
        session.worker.as_deref() == Some(&name) && session.observed == Observed::Connected
    })
    .await;
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until("SELECT count(*) FROM messages WHERE body = 'Anybody there?'", 1)
        .await;
    second.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_hands_over_without_a_conflict() {
    let (shop, first) = Shop::linked().await;
    let customer = shop.customer().await;
    let second = Shift::start(&shop).await;
    let name = second.name().to_owned();
    shop.until("SELECT count(*) FROM shard_workers", 2).await;
    first.stop().await;
    shop.until_session("the second worker's", |session| {
        session.worker.as_deref() == Some(&name) && session.observed == Observed::Connected
    })
    .await;
    assert!(
        shop.whatsapp.overlaps(Duration::ZERO).is_empty(),
        "never two sockets of one device"
    );
    let stays = shop.whatsapp.record(Some(here()));
    assert!(stays.iter().all(|stay| stay.end != Some("replaced")), "{stays:?}");
    let id = customer.say(here(), "Still there?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    second.stop().await;
    shop.whatsapp.stop().await;
}
