//! A process that is stopped in the middle of its work and goes on much later believes at first that nothing has happened.
//! Meanwhile somebody else does its work, and it must not write, nor say, what it still had in hand.

use std::time::Duration;

use hub::session::Observed;
use secrecy::ExposeSecret as _;

use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};
use crate::fleet::rounds;
use crate::proxy::Proxy;

/// Typed for more than two seconds, however quick the typist.
const LONG: &str = "Until five today, and all day tomorrow. On Sunday we are closed, as every week; but you may always write \
    to us here, and somebody will answer you on Monday at the latest. Shall we keep a table for you?";

/// Writes down by which connection each row of a session's was written: the statement's own port.
const WATCH: &str = "
    CREATE TABLE written (number bigserial, port integer, place text);
    CREATE FUNCTION note_writer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
    BEGIN
      INSERT INTO written (port, place) VALUES (inet_client_port(), TG_TABLE_NAME);
      RETURN NULL;
    END $$;
    DO $$ DECLARE place text; BEGIN
      FOREACH place IN ARRAY ARRAY['sessions', 'session_state', 'session_outbox', 'session_media', 'submissions',
        'messages', 'shards'] LOOP
        EXECUTE format('CREATE TRIGGER note_writer AFTER INSERT OR UPDATE OR DELETE ON %I
          FOR EACH ROW EXECUTE FUNCTION note_writer()', place);
      END LOOP;
    END $$;";

/// A worker whose every connection to Postgres is known.
struct Known {
    shift: Shift,
    way: Proxy,
}

impl Known {
    async fn start(shop: &Shop) -> Self {
        let way = Proxy::to(shop.world.hub.config.database.url.expose_secret());
        let shift = Shift::with(shop, &[("DATABASE_URL", way.url.clone())]).await;
        Self { shift, way }
    }

    /// Where it has written rows of sessions since the write with this number.
    async fn wrote(&self, shop: &Shop, since: i64) -> Vec<String> {
        let places =
            "SELECT DISTINCT place FROM written WHERE number > $1 AND port = ANY ($2) ORDER BY place";
        let places = sqlx::query_scalar(places).bind(since).bind(self.way.ports());
        places.fetch_all(&mut shop.admin().await).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_is_replaced_and_writes_nothing_when_it_thaws() {
    let shop = Shop::open().await;
    sqlx::raw_sql(WATCH)
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let mut owner = Known::start(&shop).await;
    shop.link().await;
    shop.until_with(&owner.shift).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let mut heir = Known::start(&shop).await;
    let mut texts = Vec::new();
    for round in 0..rounds(1) {
        let seen = shop.whatsapp.effects(0).last().map_or(0, |effect| effect.number);
        texts.push(format!("{round}. {LONG}"));
        let reply = say(&shop, &mia, conversation, &texts[round]).await;
        shop.until_typing(seen).await;
        owner.shift.process.freeze();
        let in_hand = "SELECT count(*) FROM session_outbox WHERE state = 'ready' AND tries = 0";
        assert_eq!(shop.count(in_hand).await, 1, "typed, and not sent");
        assert!(!owner.wrote(&shop, 0).await.is_empty(), "what it writes is seen");
        let id = customer.say(here(), "Anybody there?").await.unwrap();
        let session = shop.until_with(&heir.shift).await;
        // Nothing of the frozen one is under way: whoever adopted the session waited for that.
        let since = shop.count("SELECT coalesce(max(number), 0) FROM written").await;
        customer.ticked(&id, "delivered", patience()).await.unwrap();
        until_state(&shop, reply, hub::message::State::Delivered).await;
        owner.shift.process.thaw();
        owner.shift.until_at_work(&shop).await;
        let id = customer.say(here(), "And now?").await.unwrap();
        customer.ticked(&id, "delivered", patience()).await.unwrap();
        shop.until_inbound(3 + 2 * round).await;
        assert_eq!(
            owner.wrote(&shop, since).await,
            Vec::<String>::new(),
            "it writes nothing"
        );
        assert!(!heir.wrote(&shop, since).await.is_empty(), "the heir does");
        undisturbed(&shop, &session).await;
        shop.said_once(here(), &customer, &texts).await;
        std::mem::swap(&mut owner, &mut heir);
    }
    for known in [owner, heir] {
        known.shift.stop().await;
    }
    shop.whatsapp.stop().await;
}

/// The session is as its heir has had it from the beginning, and nobody knocked after it.
async fn undisturbed(shop: &Shop, session: &hub::session::Session) {
    let after = shop.session().await;
    assert_eq!(after.worker, session.worker);
    assert_eq!(after.observed, Observed::Connected, "{after:?}");
    assert_eq!(after.connected_at, session.connected_at);
    let last = shop.whatsapp.record(Some(here())).pop().unwrap();
    assert_eq!(last.until_us, None, "nobody came after it: {last:?}");
    // A frozen process cannot hang up: the network does it for it when the heir comes.
    assert!(shop.whatsapp.overlaps(Duration::from_secs(1)).is_empty());
    let tries = "SELECT coalesce(max(tries), 0)::bigint FROM session_outbox";
    assert_eq!(shop.count(tries).await, 1, "nothing was tried twice");
}
