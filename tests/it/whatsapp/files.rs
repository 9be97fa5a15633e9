//! Files that customers send: on their message at once, in the store a moment later, and clear words when they cannot be had.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use connectors::storage::{Part, Storage};
use fake_wa::{Customer, Faults, Media, Said};
use futures_util::TryStreamExt as _;
use hub::attachment::{Attachment, AttachmentKind, AttachmentState, fetch};
use hub::ids::{AttachmentId, MessageId};
use hub::message::{self, Message};
use hub::role::Role;

use super::{HERE, PATIENCE, Shop, patience};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

fn file(kind: &str, mime: &str, name: Option<&str>, bytes: &[u8], caption: Option<&str>) -> Said {
    Said {
        to: HERE.to_owned(),
        text: caption.map(str::to_owned),
        media: Some(Media {
            kind: kind.to_owned(),
            mime: mime.to_owned(),
            data: BASE64_STANDARD.encode(bytes),
            name: name.map(str::to_owned),
        }),
        ..Said::default()
    }
}

/// Asks until there is an answer.
async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    waited.unwrap_or_else(|_| panic!("never: {what}"))
}

impl Shop {
    /// The message that a customer's item became.
    pub(super) async fn message_of(&self, wire_id: &str) -> Message {
        let id = eventually("a message", async || {
            let found: Option<uuid::Uuid> =
                sqlx::query_scalar("SELECT id FROM messages WHERE provider_id LIKE '%:' || $1")
                    .bind(wire_id)
                    .fetch_optional(&mut self.admin().await)
                    .await
                    .unwrap();
            found
        });
        self.message(MessageId::from(id.await)).await
    }

    pub(super) async fn message(&self, id: MessageId) -> Message {
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let message = message::get(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
        message
    }

    /// The message, once it is as wanted.
    pub(super) async fn until_message(
        &self,
        id: MessageId,
        what: &str,
        fits: impl Fn(&Message) -> bool,
    ) -> Message {
        let ask = async || Some(self.message(id).await).filter(|message| fits(message));
        eventually(what, ask).await
    }

    async fn bytes(&self, id: AttachmentId) -> Vec<u8> {
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let stored = hub::attachment::stored(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
        let storage = Storage::open(&self.world.hub.config.calls.storage).unwrap();
        let object = storage
            .get(&stored.object_key, Part::Whole)
            .await
            .unwrap()
            .unwrap();
        let pieces: Vec<_> = object.body.try_collect().await.unwrap();
        pieces.concat()
    }
}

async fn arrives(
    shop: &Shop,
    customer: &Customer,
    said: Said,
    state: AttachmentState,
) -> (Message, Attachment) {
    let wire_id = customer.send(said).await.unwrap();
    let id = shop.message_of(&wire_id).await.id;
    let message = shop
        .until_message(id, "with its file", |message| {
            message.attachments.iter().any(|file| file.state == state)
        })
        .await;
    let file = message.attachments[0].clone();
    (message, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_voice_notes_and_papers_come_with_their_messages() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let picture = file("image", "image/png", None, PICTURE, Some("The broken pipe"));
    let (message, stored) = arrives(&shop, &customer, picture, AttachmentState::Stored).await;
    assert_eq!(message.body, "The broken pipe");
    assert_eq!(
        (stored.kind, stored.media_type.as_str()),
        (AttachmentKind::Image, "image/png")
    );
    assert_eq!(shop.bytes(stored.id).await, PICTURE);

    let voice: Vec<u8> = b"OggS"
        .iter()
        .copied()
        .chain((0..=250).cycle().take(200_000))
        .collect();
    let said = file("voice", "audio/ogg; codecs=opus", None, &voice, None);
    let (message, stored) = arrives(&shop, &customer, said, AttachmentState::Stored).await;
    assert_eq!((message.body.as_str(), stored.kind), ("", AttachmentKind::Voice));
    assert_eq!(stored.size_bytes, 200_004);
    assert_eq!(shop.bytes(stored.id).await, voice);

    let paper = file(
        "document",
        "application/pdf",
        Some("../Quote 7.pdf"),
        b"%PDF-1.7 a quote",
        None,
    );
    let (_, stored) = arrives(&shop, &customer, paper, AttachmentState::Stored).await;
    assert_eq!(stored.kind, AttachmentKind::File);
    assert_eq!(
        stored.file_name.as_deref(),
        Some("Quote 7.pdf"),
        "a name is no path"
    );
    assert_eq!(stored.media_type, "application/pdf");

    let film = file("video", "video/mp4", None, b"\0\0\0\x18ftypmp42", None);
    let (_, stored) = arrives(&shop, &customer, film, AttachmentState::Stored).await;
    assert_eq!(stored.kind, AttachmentKind::Video);

    let page = file("image", "image/png", None, b"<html><script>", None);
    let (_, stored) = arrives(&shop, &customer, page, AttachmentState::Stored).await;
    assert_eq!(
        stored.media_type, "application/octet-stream",
        "what it says it is, it is not"
    );
    assert_eq!(stored.kind, AttachmentKind::File);
    assert_eq!(
        shop.count("SELECT count(*) FROM session_media").await,
        0,
        "keys of what is here are forgotten"
    );
    let mut previews: Vec<String> = sqlx::query_scalar("SELECT last_message_preview FROM conversations")
        .fetch_all(&mut shop.admin().await)
        .await
        .unwrap();
    assert_eq!(previews.pop().as_deref(), Some("Picture"));
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_does_not_wait_for_its_file_and_the_file_is_tried_again() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    // Uploaded, and from then on nobody can fetch anything: the gate stands in the worker's way.
    let mut gate = shop.admin().await;
    sqlx::raw_sql(
        "CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.not_before := NEW.not_before + interval '1 hour'; RETURN NEW; END $$;
         CREATE TRIGGER gate BEFORE INSERT ON session_media FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()",
    )
    .execute(&mut gate)
    .await
    .unwrap();
    let picture = file("image", "image/png", None, PICTURE, Some("Do you see it?"));
    let wire_id = customer.send(picture).await.unwrap();
    customer.ticked(&wire_id, "delivered", patience()).await.unwrap();
    let message = shop.message_of(&wire_id).await;
    assert_eq!(message.body, "Do you see it?");
    assert_eq!(message.attachments[0].state, AttachmentState::Waiting);
    shop.whatsapp.set_faults(Faults {
        media: Some(503),
        ..Faults::default()
    });
    sqlx::raw_sql("DROP TRIGGER gate ON session_media; UPDATE session_media SET not_before = now()")
        .execute(&mut gate)
        .await
        .unwrap();
    shop.until("SELECT count(*) FROM session_media WHERE tries >= 1", 1)
        .await;
    // Its worker dies; whoever has the session next goes on.
    shift.kill();
    shop.whatsapp.set_faults(Faults::default());
    let shift = super::Shift::start(&shop).await;
    let message = shop
        .until_message(message.id, "complete", |message| {
            message.attachments[0].state == AttachmentState::Stored
        })
        .await;
    assert_eq!(shop.bytes(message.attachments[0].id).await, PICTURE);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_says_so_and_staff_may_try_again() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let mut gate = shop.admin().await;
    sqlx::raw_sql(
        "CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN NEW.not_before := NEW.not_before + interval '1 hour'; RETURN NEW; END $$;
         CREATE TRIGGER gate BEFORE INSERT ON session_media FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()",
    )
    .execute(&mut gate)
    .await
    .unwrap();
    let paper = file("document", "text/plain", Some("list.txt"), b"one, two", None);
    let wire_id = customer.send(paper).await.unwrap();
    let message = shop.message_of(&wire_id).await;
    shop.whatsapp.set_faults(Faults {
        media: Some(404),
        ..Faults::default()
    });
    sqlx::raw_sql("DROP TRIGGER gate ON session_media; UPDATE session_media SET not_before = now()")
        .execute(&mut gate)
        .await
        .unwrap();
    let message = shop
        .until_message(message.id, "given up", |message| {
            message.attachments[0].state == AttachmentState::Failed
        })
        .await;
    assert_eq!(message.attachments[0].failure.as_ref().unwrap().code, "gone");
    shop.whatsapp.set_faults(Faults::default());
    let mia = shop.world.staff(shop.tenant, "mia", Role::Staff).await;
    fetch::retry(&shop.world.hub, &mia.principal, message.attachments[0].id)
        .await
        .unwrap();
    let message = shop
        .until_message(message.id, "complete", |message| {
            message.attachments[0].state == AttachmentState::Stored
        })
        .await;
    assert_eq!(shop.bytes(message.attachments[0].id).await, b"one, two");
    shift.stop().await;
    shop.whatsapp.stop().await;
}
