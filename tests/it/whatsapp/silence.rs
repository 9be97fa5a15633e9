//! A connection that stands, and over which nothing comes any more.

use hub::message::State;
use hub::session::Observed;
use hub::session::health;

use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};
use crate::proxy::{Proxy, Way};

/// Nothing is closed on either side: only the worker's own patience ends it, and long before the library's would.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_silent_is_noticed_told_and_replaced() {
    let shop = Shop::open().await;
    let way = Proxy::to(&shop.whatsapp.socket_url());
    let settings = [
        ("WHATSAPP_WEB_URL", way.url.clone()),
        ("SWITCHBOARD_WHATSAPP__SILENT_AFTER_S", "6".to_owned()),
    ];
    let shift = Shift::with(&shop, &settings).await;
    shop.link().await;
    let before = shop.until_observed(Observed::Connected).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    way.set(Way::Frozen);
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    let seen = |session: &hub::session::Session| session.reason.as_deref() == Some("silent");
    let session = shop.until_session("found silent", seen).await;
    assert_eq!(session.observed, Observed::Waiting);
    assert_eq!(session.health.state, health::State::Reconnecting);
    assert!(session.next_attempt_at.is_some(), "it is tried again by itself");
    let id = customer.say(here(), "Anybody there?").await.unwrap();
    way.set(Way::Open);
    let after = shop.until_observed(Observed::Connected).await;
    assert!(after.connected_at > before.connected_at);
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    until_state(&shop, reply, State::Delivered).await;
    shop.said_under_one_id(here(), &customer, &["Until five."]).await;
    shop.until_inbound(2).await;
    assert_eq!(shop.inbound().await[1], "Anybody there?");
    shift.stop().await;
    shop.whatsapp.stop().await;
}
