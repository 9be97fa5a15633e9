//! One worker is cut off from a store: it lets go in time, or goes on without.

use hub::message::State;
use secrecy::ExposeSecret as _;

use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};
use crate::proxy::{Proxy, Way};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hears_nothing_of_postgres_hangs_up_before_another_may_come() {
    let shop = Shop::open().await;
    let way = Proxy::to(shop.world.hub.config.database.url.expose_secret());
    let first = Shift::with(&shop, &[("DATABASE_URL", way.url.clone())]).await;
    shop.link().await;
    shop.until_with(&first).await;
    let customer = shop.customer().await;
    let second = Shift::start(&shop).await;
    way.set(Way::Frozen);
    let id = customer.say(here(), "Anybody there?").await.unwrap();
    shop.until_with(&second).await;
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    way.set(Way::Open);
    let beats = "SELECT count(*) FROM shard_workers WHERE seen_at > now() - interval '2 seconds'";
    shop.until(beats, 2).await;
    let id = customer.say(here(), "And now?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until("SELECT count(*) FROM messages WHERE direction = 'in'", 2)
        .await;
    shop.never_two();
    first.stop().await;
    second.stop().await;
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
    let received = async |text: &str| {
        let got = customer
            .received(patience(), |message| message["text"] == text)
            .await;
        assert_eq!(got.unwrap()["copies"], 1);
    };
    received("Until five.").await;
    received("And tomorrow.").await;
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "WhatsApp saw nothing of it"
    );
    shift.stop().await;
    shop.whatsapp.stop().await;
}
