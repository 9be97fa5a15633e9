//! Two epochs of one shard: whatever a worker may write of a session is refused once a later one has adopted it, although the
//! older one has heard nothing of that, and by its own clock still holds the shard.

use std::time::Duration;

use futures_util::future::BoxFuture;
use hub::clock::Timestamp;
use hub::contact::{self, IdentityKind};
use hub::conversation;
use hub::ids::{AttachmentId, TenantId};
use hub::inbox::Channel;
use hub::message::{Draft, DraftKind, Failure, State, reply};
use hub::role::Role;
use hub::session::inbound::{ChatItem, Content};
use hub::session::outbox::{Due, Outcome};
use hub::session::pacing::{Pause, Scope};
use hub::session::state::Entry;
use hub::session::{self, Hold, Import, Observation, Observed, hold, media};
use hub::testing::World;
use hub::{Hub, shard};

use super::ANN;

const KIND: &str = "test";

/// A session with something of everything: state, an item that was begun, a file that waits.
struct Case {
    stale: Hold,
    heir: Hold,
    item: Due,
    file: media::Due,
}

type Deed = for<'a> fn(&'a Hub, &'a Hold, &'a Case) -> BoxFuture<'a, hub::Result<()>>;

/// Everything that a hold can write.
const WRITES: &[(&str, Deed)] = &[
    ("observe", |hub, hold, _| {
        Box::pin(async move { hold.observe(hub, &Observation::plain(Observed::Connected)).await })
    }),
    ("linked", |hub, hold, _| {
        Box::pin(async move { hold.linked(hub, "+15550178", None).await })
    }),
    ("named", |hub, hold, _| {
        Box::pin(async move { hold.named(hub, "Another name").await })
    }),
    ("heard", |hub, hold, _| Box::pin(hold.heard(hub))),
    ("keep", |hub, hold, _| {
        Box::pin(async move { hold.keep(hub, KIND, &[Entry::new(b"old", b"turned back")]).await })
    }),
    ("remove", |hub, hold, _| {
        Box::pin(async move { hold.remove(hub, KIND, &[b"old".to_vec()]).await.map(drop) })
    }),
    ("take", |hub, hold, _| {
        Box::pin(async move { hold.take(hub, KIND, b"old").await.map(drop) })
    }),
    ("forget", |hub, hold, _| {
        Box::pin(async move { hold.forget(hub, KIND, hub.clock.now()).await.map(drop) })
    }),
    ("forget_keys", |hub, hold, _| Box::pin(hold.forget_keys(hub))),
    ("forget_all", |hub, hold, _| Box::pin(hold.forget_all(hub))),
    ("start", |hub, hold, case| {
        Box::pin(async move { hold.start(hub, &case.item).await.map(drop) })
    }),
    ("postpone", |hub, hold, case| {
        Box::pin(async move {
            hold.postpone(hub, &case.item, Duration::from_secs(9), "late")
                .await
        })
    }),
    ("settle", |hub, hold, case| {
        Box::pin(async move { hold.settle(hub, &case.item, &Outcome::Accepted).await })
    }),
    ("report", |hub, hold, case| {
        Box::pin(async move {
            let items = [case.item.wire_id.clone()];
            hold.report(hub, case.item.order.chat(), &items, State::Delivered)
                .await
        })
    }),
    ("receive", |hub, hold, _| {
        Box::pin(async move { hold.receive(hub, &[question(hub.clock.now())]).await.map(drop) })
    }),
    ("file_later", |hub, hold, case| {
        Box::pin(async move { hold.file_later(hub, &case.file, Duration::from_secs(9)).await })
    }),
    ("file_stored", |hub, hold, case| {
        Box::pin(async move {
            let fetched = media::Fetched {
                media_type: "image/png".to_owned(),
                size_bytes: 4,
            };
            hold.file_stored(hub, &case.file, &fetched).await
        })
    }),
    ("file_failed", |hub, hold, case| {
        Box::pin(async move {
            let failure = Failure {
                code: "gone".to_owned(),
                help: "It is gone.".to_owned(),
            };
            hold.file_failed(hub, &case.file, &failure).await
        })
    }),
    ("pause", |hub, hold, _| {
        Box::pin(async move {
            let pause = Pause {
                scope: Scope::All,
                until: hub.clock.now().after(Duration::from_mins(1)),
                reason: "too_fast",
            };
            hold.pause(hub, pause).await
        })
    }),
    ("count_new_chat", |hub, hold, _| {
        Box::pin(async move { hold.count_new_chat(hub, Some(5)).await.map(drop) })
    }),
    ("note_limit", |hub, hold, _| {
        Box::pin(async move { hold.note_limit(hub, Some(7)).await })
    }),
];

fn question(said_at: Timestamp) -> ChatItem {
    ChatItem {
        chat: ANN.to_owned(),
        also: None,
        sender: ANN.to_owned(),
        from_us: false,
        is_group: false,
        wire_id: "3EB0".to_owned(),
        said_at,
        name: None,
        group_name: None,
        answers: None,
        content: Content::Text {
            body: "Are you open?".to_owned(),
        },
    }
}

/// Takes the tenant's shard whoever has it, and the session with it.
async fn adopt(world: &World, me: &str, tenant: TenantId, session: hub::ids::SessionId) -> Hold {
    let shard = shard::assign(&world.hub, tenant).await.unwrap();
    sqlx::query("UPDATE shards SET lease_until = now() WHERE id = $1 AND owner IS NOT NULL")
        .bind(shard.0)
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    let tenure = shard::claim(&world.hub, me, shard).await.unwrap().unwrap();
    let adopted = hold::adopt(&world.hub, me, &tenure, tenant, session).await;
    adopted.unwrap().unwrap()
}

async fn item(world: &World, name: &str, hold: &Hold) -> Due {
    let hub = &world.hub;
    let mut tx = hub.db.tenant(hold.tenant).await.unwrap();
    let ann = contact::meet(&mut tx, IdentityKind::Phone, ANN, None)
        .await
        .unwrap();
    let chat = conversation::between(&mut tx, ann.contact, hold.inbox, Channel::Whatsapp, None).await;
    tx.commit().await.unwrap();
    let mia = world.staff(hold.tenant, name, Role::Staff).await;
    let draft = Draft {
        body: "Until five.".to_owned(),
        key: "draft".to_owned(),
        kind: DraftKind::Reply,
        ..Draft::default()
    };
    reply(hub, &mia.principal, chat.unwrap(), &draft).await.unwrap();
    let item = hold.due(hub).await.unwrap().remove(0);
    assert!(hold.start(hub, &item).await.unwrap(), "begun");
    item
}

async fn file(world: &World, hold: &Hold, item: &Due) -> media::Due {
    let file = media::Due {
        attachment: AttachmentId::at(world.hub.clock.now()),
        reference: b"where".to_vec(),
        media_type: "image/png".to_owned(),
        size_bytes: 4,
        object_key: "chats/a.png".to_owned(),
        tries: 0,
    };
    let mut admin = world.admin().await;
    sqlx::query(
        "INSERT INTO attachments (tenant_id, id, message_id, kind, media_type, size_bytes, object_key, state, created_at)
         VALUES ($1, $2, $3, 'image', 'image/png', 4, 'chats/a.png', 'waiting', now())",
    )
    .bind(hold.tenant.uuid())
    .bind(file.attachment.uuid())
    .bind(item.message.unwrap().uuid())
    .execute(&mut admin)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO session_media (tenant_id, attachment_id, session_id, reference_sealed, not_before)
         VALUES ($1, $2, $3, 'where', now())",
    )
    .bind(hold.tenant.uuid())
    .bind(file.attachment.uuid())
    .bind(hold.session.uuid())
    .execute(&mut admin)
    .await
    .unwrap();
    file
}

impl Case {
    async fn new(world: &World, name: &str) -> Self {
        let tenant = world.tenant(&name.replace('_', "-")).await;
        let old = Entry {
            dated_at: Some(world.hub.clock.now()),
            ..Entry::new(b"old", b"as it was")
        };
        let import = Import {
            name,
            phone: "+15550199",
            push_name: Some("Acme"),
            kind: KIND,
            values: &[old],
        };
        let session = session::import(&world.hub, tenant, import).await.unwrap().id;
        let stale = adopt(world, "one", tenant, session).await;
        let item = item(world, name, &stale).await;
        let file = file(world, &stale, &item).await;
        let heir = adopt(world, "two", tenant, session).await;
        assert!(heir.tenure.epoch > stale.tenure.epoch);
        Self {
            stale,
            heir,
            item,
            file,
        }
    }
}

/// All that there is, by its fingerprint.
async fn rows(world: &World) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    let mut admin = world.admin().await;
    for table in [
        "sessions",
        "session_state",
        "session_outbox",
        "session_media",
        "messages",
        "attachments",
        "submissions",
        "inboxes",
        "jobs",
        "events",
    ] {
        let query = format!("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t");
        let print = sqlx::query_scalar(sqlx::AssertSqlSafe(query));
        all.push((table.to_owned(), print.fetch_one(&mut admin).await.unwrap()));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_replaced_writes_nothing_by_any_way() {
    let world = World::start().await;
    for (name, deed) in WRITES {
        let case = Case::new(&world, name).await;
        let before = rows(&world).await;
        let done = deed(&world.hub, &case.stale, &case).await;
        assert!(matches!(done, Err(hub::Error::Stale)), "{name}: {done:?}");
        assert_eq!(rows(&world).await, before, "{name} changed something");
        assert!(!case.stale.tenure.holds(), "{name}: it knows now");
        // The same by whoever has the session does change something: it was not refused for nothing.
        deed(&world.hub, &case.heir, &case).await.unwrap();
        assert_ne!(rows(&world).await, before, "{name} of the heir changed nothing");
    }
}

/// Nobody begins anew under an epoch that is over, nor opens a transaction in which to write.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_replaced_neither_adopts_nor_opens_a_transaction() {
    let world = World::start().await;
    let case = Case::new(&world, "acme").await;
    let (hub, stale) = (&world.hub, &case.stale);
    assert!(stale.tenure.holds(), "by its own clock");
    let again = hold::adopt(hub, "one", &stale.tenure, stale.tenant, stale.session).await;
    assert!(again.unwrap().is_none());
    assert!(matches!(stale.tx(hub).await, Err(hub::Error::Stale)));
    assert!(case.heir.tx(hub).await.is_ok());
}
