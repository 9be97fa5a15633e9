//! One worker goes, another comes: planned, and not.

use std::time::Duration;

use fake_wa::Stay;
use hub::session::Observed;

use super::{Shift, Shop, here, patience};
use crate::fleet::rounds;

/// Each round: whoever has the session dies with something on its way to it; the other has it next, and a new one comes.
#[tokio::test(flavor = "multi_thread")]
async fn another_worker_takes_over_after_a_death_and_nothing_is_lost() {
    let (shop, mut owner) = Shop::linked().await;
    let customer = shop.customer().await;
    let mut gaps_ms = Vec::new();
    let mut questions = Vec::new();
    for round in 0..rounds(2) {
        let heir = Shift::start(&shop).await;
        questions.push(format!("In flight {round}?"));
        let (in_flight, ()) = tokio::join!(customer.say(here(), &questions[round * 2]), async {
            owner.kill();
        });
        questions.push(format!("Anybody there {round}?"));
        let late = customer.say(here(), &questions[round * 2 + 1]).await.unwrap();
        shop.until_with(&heir).await;
        for id in [in_flight.unwrap(), late] {
            customer.ticked(&id, "delivered", patience()).await.unwrap();
        }
        gaps_ms.push(last_gap_ms(&shop.whatsapp.record(Some(here()))));
        owner = heir;
    }
    shop.until_inbound(questions.len()).await;
    assert_eq!(shop.inbound().await, questions, "each once, in their order");
    shop.never_two();
    println!("from a worker's death until another was connected, in ms: {gaps_ms:?}");
    owner.stop().await;
    shop.whatsapp.stop().await;
}

fn last_gap_ms(stays: &[Stay]) -> u64 {
    let [.., last, newest] = stays else {
        panic!("{stays:?}")
    };
    newest.from_us.saturating_sub(last.until_us.unwrap()) / 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_hands_over_without_a_conflict() {
    let (shop, first) = Shop::linked().await;
    let customer = shop.customer().await;
    let second = Shift::start(&shop).await;
    first.stop().await;
    shop.until_with(&second).await;
    shop.never_two();
    let id = customer.say(here(), "Still there?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    second.stop().await;
    shop.whatsapp.stop().await;
}

/// A process that was stopped in the middle of its work and goes on a minute later believes at first that nothing happened.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_is_replaced_and_writes_nothing_when_it_thaws() {
    let (shop, first) = Shop::linked().await;
    let customer = shop.customer().await;
    let second = Shift::start(&shop).await;
    first.process.freeze();
    let id = customer.say(here(), "Anybody there?").await.unwrap();
    let session = shop.until_with(&second).await;
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    first.process.thaw();
    // It is at work again when its heartbeat is.
    let beats = "SELECT count(*) FROM shard_workers WHERE seen_at > now() - interval '2 seconds'";
    shop.until(beats, 2).await;
    let id = customer.say(here(), "And now?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until("SELECT count(*) FROM messages WHERE direction = 'in'", 2)
        .await;
    let after = shop.session().await;
    assert_eq!(after.worker, session.worker);
    assert_eq!(after.observed, Observed::Connected, "{after:?}");
    assert_eq!(
        after.connected_at, session.connected_at,
        "the second one was not disturbed"
    );
    let last = shop.whatsapp.record(Some(here())).pop().unwrap();
    assert_eq!(last.until_us, None, "and nobody came after it: {last:?}");
    assert!(shop.whatsapp.overlaps(Duration::from_secs(1)).is_empty());
    first.stop().await;
    second.stop().await;
    shop.whatsapp.stop().await;
}
