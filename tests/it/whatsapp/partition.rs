//! One worker is cut off from a store: it lets go in time, or goes on without.

use hub::message::State;
use secrecy::ExposeSecret as _;

use super::branch::Branch;
use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};
use crate::fleet::rounds;
use crate::proxy::{Proxy, Way};

/// Numbers on the workers of a test: a worker that is cut off has to hang up on all of them.
const MANY: usize = 20;
/// Those over which people talk while it is.
const TALKING: usize = 4;
/// Typed for more than two seconds, however quick the typist.
const LONG: &str = "Until five today, and all day tomorrow. On Sunday we are closed, as every week; but you may always write \
    to us here, and somebody will answer you on Monday at the latest. Shall we keep a table for you?";

/// A worker with a way of its own to Postgres.
async fn start(shop: &Shop) -> (Shift, Proxy) {
    let way = Proxy::to(shop.world.hub.config.database.url.expose_secret());
    let shift = Shift::with(shop, &[("DATABASE_URL", way.url.clone())]).await;
    (shift, way)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hears_nothing_of_postgres_hangs_up_before_another_may_come() {
    let shop = Shop::open().await;
    let mut owner = start(&shop).await;
    let branches = Branch::open_all(&shop, MANY).await;
    shop.until_all_with(MANY, &[owner.0.name()]).await;
    let mut desks = Vec::new();
    for branch in &branches[..TALKING] {
        desks.push(branch.asked(&shop).await);
    }
    let mut heir = start(&shop).await;
    let mut texts = Vec::new();
    for round in 0..rounds(1) {
        // Some are being typed, some may be on their way, and nobody says so any more.
        let seen = shop.whatsapp.effects(0).last().map_or(0, |effect| effect.number);
        texts.push(format!("{round}. {LONG}"));
        for (_, staff, conversation) in &desks {
            say(&shop, staff, *conversation, &texts[round]).await;
        }
        shop.until_typing(seen).await;
        owner.1.set(Way::Frozen);
        let mut asked = Vec::new();
        for ((customer, ..), branch) in desks.iter().zip(&branches) {
            let id = customer
                .say(branch.phone, &format!("Anybody there {round}?"))
                .await;
            asked.push((customer, id.unwrap()));
        }
        shop.until_all_with(MANY, &[heir.0.name()]).await;
        for (customer, id) in &asked {
            customer.ticked(id, "delivered", patience()).await.unwrap();
        }
        shop.until_all_delivered().await;
        owner.1.set(Way::Open);
        let beats = "SELECT count(*) FROM shard_workers WHERE seen_at > now() - interval '2 seconds'";
        shop.until(beats, 2).await;
        shop.never_two();
        std::mem::swap(&mut owner, &mut heir);
    }
    for ((customer, ..), branch) in desks.iter().zip(&branches) {
        shop.said_under_one_id(branch.phone, customer, &texts).await;
        let questions = (0..rounds(1)).map(|round| format!("Anybody there {round}?"));
        let mut said = vec!["Are you open today?".to_owned()];
        said.extend(questions);
        assert_eq!(branch.inbound(&shop).await, said, "each once, in their order");
    }
    owner.0.stop().await;
    heir.0.stop().await;
    shop.never_two();
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_on_without_redis_and_when_redis_forgets() {
    let shop = Shop::open().await;
    let way = Proxy::to(shop.world.hub.config.redis.url.expose_secret());
    let shift = Shift::with(&shop, &[("REDIS_URL", way.url.clone())]).await;
    shop.link().await;
    shop.until_with(&shift).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let stays = shop.whatsapp.record(Some(here())).len();
    way.set(Way::Frozen);
    let id = customer.say(here(), "Are you there?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Delivered).await;
    way.set(Way::Open);
    shop.world.flush_redis().await;
    let reply = say(&shop, &mia, conversation, "And tomorrow.").await;
    until_state(&shop, reply, State::Delivered).await;
    let texts = ["Until five.", "And tomorrow."];
    shop.said_once(here(), &customer, &texts).await;
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "WhatsApp saw nothing of it"
    );
    shift.stop().await;
    shop.whatsapp.stop().await;
}
