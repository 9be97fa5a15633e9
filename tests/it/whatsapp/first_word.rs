//! The first word is ours: staff write to somebody who never wrote, within what a number may.

use hub::message::{self, FirstWord, Message, Nothing, State};
use hub::role::Role;
use hub::testing::SignedIn;

use super::outbound::until_state;
use super::{ANN, Shop, patience};

impl Shop {
    async fn begin_chat(&self, by: &SignedIn, to: &str, body: &str) -> Message {
        let word = FirstWord {
            inbox_id: self.session().await.inbox_id,
            address: to.to_owned(),
            body: body.to_owned(),
            draft_key: body.to_owned(),
            more: Nothing,
        };
        let (message, is_new) = message::begin(&self.world.hub, &by.principal, &word)
            .await
            .unwrap();
        assert!(is_new);
        message
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_write_first_and_the_answer_is_in_the_same_conversation() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let mia = shop.world.staff(shop.tenant, "mia", Role::Staff).await;
    let first = shop
        .begin_chat(&mia, "+1 555 01 01", "Your bicycle is ready")
        .await;
    customer
        .heard("message", patience(), |news| {
            news["text"] == "Your bicycle is ready"
        })
        .await
        .unwrap();
    until_state(&shop, first.id, State::Delivered).await;
    assert_eq!(shop.session().await.new_chats_today, 1, "it counts as a new chat");
    customer.say(super::here(), "On my way").await.unwrap();
    shop.until_inbound(1).await;
    let conversations = "SELECT count(*) FROM conversations WHERE message_count = 2";
    shop.until(conversations, 1).await;
    shop.begin_chat(&mia, ANN, "See you").await;
    shop.until(
        "SELECT count(*) FROM messages WHERE direction = 'out' AND state = 'delivered'",
        2,
    )
    .await;
    assert_eq!(
        shop.session().await.new_chats_today,
        1,
        "who has written is nobody new"
    );
    assert_eq!(shop.count("SELECT count(*) FROM conversations").await, 1);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_has_is_told_and_not_counted() {
    let (shop, shift) = Shop::linked().await;
    let mia = shop.world.staff(shop.tenant, "mia", Role::Staff).await;
    let first = shop.begin_chat(&mia, "+15550178", "Is anybody there?").await;
    until_state(&shop, first.id, State::Failed).await;
    let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
    let failure = message::get(&mut tx, first.id).await.unwrap().failure.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(failure.code, "not_on_whatsapp");
    assert_eq!(shop.session().await.new_chats_today, 0);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
