//! What waits to go out does not, when the business is switched off or its number unlinked: and nobody believes that it did.

use hub::message::{self, State};
use hub::platform::{self, Reason};
use hub::session::{Desired, Observed};

use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};

fn why() -> Reason {
    Reason {
        reason: "They write to strangers.".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_a_tenant_that_is_switched_off() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    shift.stop().await;
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    let hub = &shop.world.hub;
    platform::suspend(hub, None, shop.tenant, &why()).await.unwrap();
    let shift = Shift::start(&shop).await;
    shop.until_with(&shift).await;
    // What the customer says meanwhile is kept. It comes and is worked in long after the sender's first look.
    let id = customer.say(here(), "Are you there?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shop.until("SELECT count(*) FROM messages WHERE direction = 'in'", 2)
        .await;
    until_state(&shop, reply, State::Queued).await;
    assert_eq!(
        shop.count("SELECT count(*) FROM session_outbox WHERE state = 'ready' AND tries = 0")
            .await,
        1
    );
    platform::resume(hub, None, shop.tenant, &why()).await.unwrap();
    until_state(&shop, reply, State::Delivered).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_an_unlink_cut_off_is_taken_back_here_too() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Delivered).await;
    sqlx::raw_sql("UPDATE sessions SET paused_until = now() + interval '1 hour', pause_scope = 'all'")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let hub = &shop.world.hub;
    let changed = message::edit(hub, &mia.principal, reply, "Until six.")
        .await
        .unwrap();
    assert_eq!(changed.body, "Until six.");
    shop.want(Desired::Unlinked).await;
    shop.until_observed(Observed::New).await;
    let mut tx = hub.db.tenant(shop.tenant).await.unwrap();
    let message = message::get(&mut tx, reply).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(message.body, "Until five.", "as the customer has it");
    let told =
        "SELECT count(*) FROM messages WHERE direction = 'note' AND body LIKE '%did not reach WhatsApp%'";
    shop.until(told, 1).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}
