//! One worker goes, another comes: planned, and not.

use std::time::Duration;

use fake_wa::Stay;

use super::{Shift, Shop, here, patience};
use crate::fleet::rounds;
use crate::ruler::within;

/// From a death until somebody else owns what the dead one had.
const OWNS_WITHIN: Duration = Duration::from_secs(10);

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
        let owns = shop.until_session("its heir's", |session| {
            session.worker.as_deref() == Some(heir.name())
        });
        let owns = within(&shop.world, OWNS_WITHIN, "another worker owns it", owns);
        questions.push(format!("Anybody there {round}?"));
        let (_, late) = tokio::join!(owns, customer.say(here(), &questions[round * 2 + 1]));
        let late = late.unwrap();
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
