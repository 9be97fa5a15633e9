//! Staff answer, and see what became of it.

use fake_wa::Faults;
use hub::ids::{ConversationId, MessageId};
use hub::message::{self, Draft, State};
use hub::role::Role;
use hub::session::{Desired, Observed};
use hub::testing::SignedIn;

use super::{PATIENCE, Shift, Shop, here, patience};

/// A conversation that Ann began, and somebody to answer.
pub(super) async fn asked(shop: &Shop, customer: &fake_wa::Customer) -> (SignedIn, ConversationId) {
    customer.say(here(), "Are you open today?").await.unwrap();
    shop.until("SELECT count(*) FROM conversations", 1).await;
    let id: uuid::Uuid = sqlx::query_scalar("SELECT id FROM conversations")
        .fetch_one(&mut shop.admin().await)
        .await
        .unwrap();
    let staff = shop.world.staff(shop.tenant, "mia", Role::Staff).await;
    (staff, ConversationId::from(id))
}

pub(super) async fn say(
    shop: &Shop,
    staff: &SignedIn,
    conversation: ConversationId,
    body: &str,
) -> MessageId {
    let draft = Draft {
        body: body.to_owned(),
        key: format!("draft of {body}").chars().take(100).collect(),
        ..Draft::default()
    };
    let said = message::reply(&shop.world.hub, &staff.principal, conversation, &draft).await;
    said.unwrap().0.id
}

pub(super) async fn until_state(shop: &Shop, id: MessageId, state: State) {
    let last = std::sync::Mutex::new(None);
    let wait = async {
        loop {
            let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
            let message = message::get(&mut tx, id).await.unwrap();
            tx.commit().await.unwrap();
            if message.state == state {
                return;
            }
            *last.lock().unwrap() = Some(message.state);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "never {state:?} but {:?}", last.lock().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_arrives_once_with_every_tick() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    customer.go().await;
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Sent).await;
    customer.come(patience()).await.unwrap();
    let got = customer
        .received(patience(), |message| message["text"] == "Until five.")
        .await
        .unwrap();
    until_state(&shop, reply, State::Delivered).await;
    let id = got["id"].as_str().unwrap();
    customer.read(&[id]).await.unwrap();
    until_state(&shop, reply, State::Read).await;
    shop.said_once(here(), &customer, &["Until five."]).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// The network has it, its answer is lost, and so is the worker, while the customer is away and nobody reports on it: the
/// next worker cannot know, and sends it again under the same id. It is one message.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_whose_answer_was_lost_with_its_worker_is_one_message() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    customer.go().await;
    shop.whatsapp.set_faults(Faults {
        drop_acks: 1,
        ..Faults::default()
    });
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    let lost = shop
        .whatsapp
        .effect("ack.lost", PATIENCE, |_| true)
        .await
        .unwrap();
    shift.kill();
    let begun = "SELECT count(*) FROM session_outbox WHERE state = 'sending' AND tries = 1";
    assert_eq!(shop.count(begun).await, 1, "nobody knows what became of it");
    let shift = Shift::start(&shop).await;
    until_state(&shop, reply, State::Sent).await;
    let id: String =
        sqlx::query_scalar("SELECT wire_id FROM session_outbox WHERE tries = 2 AND state = 'done'")
            .fetch_one(&mut shop.admin().await)
            .await
            .unwrap();
    assert_eq!(
        lost.data["id"],
        id.as_str(),
        "the id that was chosen with the row"
    );
    assert_eq!(
        shop.relayed(here(), &customer),
        [id.as_str(), id.as_str()],
        "sent again"
    );
    customer.come(patience()).await.unwrap();
    until_state(&shop, reply, State::Delivered).await;
    let reached = shop.said_under_one_id(here(), &customer, &["Until five."]).await;
    assert!(reached.values().all(|one| one.ids.contains(&id)), "{reached:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_do() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    shop.whatsapp.set_faults(Faults {
        nack: Some(463),
        nacks: 1,
        ..Faults::default()
    });
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Failed).await;
    let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
    let failure = message::get(&mut tx, reply).await.unwrap().failure.unwrap();
    assert_eq!(failure.code, "whatsapp_463");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// It would go out with the next account that is linked, whosever that is.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_before_an_unlink_is_not_sent_after_it() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    sqlx::raw_sql("UPDATE sessions SET paused_until = now() + interval '1 hour', pause_scope = 'all'")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    shop.want(Desired::Unlinked).await;
    until_state(&shop, reply, State::Failed).await;
    let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
    let failure = message::get(&mut tx, reply).await.unwrap().failure.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(failure.code, "unlinked");
    shop.until_observed(Observed::New).await;
    let open = "SELECT count(*) FROM session_outbox WHERE state IN ('ready', 'sending')";
    assert_eq!(shop.count(open).await, 0);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
