//! What happens in a chat besides words: answers, signs, changes, deletions, cards, files; by both sides.

use std::sync::Arc;

use fake_wa::{Customer, Said};
use hub::attachment::AttachmentKind;
use hub::ids::{ConversationId, MessageId, UploadId};
use hub::message::{self, Author, Card, Direction, Draft, Message, State};
use hub::role::Role;
use hub::session::SessionChange;
use hub::session::attention::{self, Doing};
use hub::testing::SignedIn;
use hub::upload::{self, Upload};

use super::{ANN, HERE, Shift, Shop, here, patience};

/// A chat with Ann, linked and begun.
pub(super) struct Chat {
    pub(super) shop: Shop,
    shift: Shift,
    pub(super) ann: Arc<Customer>,
    pub(super) mia: SignedIn,
    pub(super) first: Message,
    pub(super) first_id: String,
}

impl Chat {
    pub(super) async fn begin() -> Self {
        let (shop, shift) = Box::pin(Shop::linked()).await;
        let ann = shop.customer().await;
        let first_id = ann.say(here(), "Are you open today?").await.unwrap();
        let first = shop.message_of(&first_id).await;
        let mia = shop.world.staff(shop.tenant, "mia", Role::Staff).await;
        Self {
            shop,
            shift,
            ann,
            mia,
            first,
            first_id,
        }
    }

    pub(super) async fn end(self) {
        self.shift.stop().await;
        self.shop.whatsapp.stop().await;
    }

    pub(super) fn draft(body: &str) -> Draft {
        Draft {
            body: body.to_owned(),
            key: format!("draft of {body}"),
            ..Draft::default()
        }
    }

    pub(super) async fn reply(&self, draft: Draft) -> Message {
        let conversation: ConversationId = self.first.conversation_id;
        let said = message::reply(&self.shop.world.hub, &self.mia.principal, conversation, &draft).await;
        said.unwrap().0
    }

    /// A reply that Ann has got; with the id that she knows it by.
    async fn replied(&self, body: &str) -> (MessageId, String) {
        let id = self.reply(Self::draft(body)).await.id;
        let got = self
            .ann
            .received(patience(), |message| message["text"] == body)
            .await
            .unwrap();
        self.shop
            .until_message(id, "there", |message| message.state >= State::Sent)
            .await;
        (id, got["id"].as_str().unwrap().to_owned())
    }
}

pub(super) fn to_us() -> Said {
    Said {
        to: HERE.to_owned(),
        ..Said::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_customer_does_to_a_message_is_shown_on_it() {
    let chat = Chat::begin().await;
    let (reply, wire_id) = chat.replied("Until five.").await;
    let sign = |emoji: &str| Said {
        react_to: Some(wire_id.clone()),
        text: Some(emoji.to_owned()),
        ..to_us()
    };
    chat.ann.send(sign("👍")).await.unwrap();
    let carries = |message: &Message, emoji: &str| message.reactions.iter().any(|sign| sign.emoji == emoji);
    let message = chat
        .shop
        .until_message(reply, "liked", |message| carries(message, "👍"))
        .await;
    assert!(!message.reactions[0].ours);
    chat.ann.send(sign("🎉")).await.unwrap();
    let message = chat
        .shop
        .until_message(reply, "liked more", |message| carries(message, "🎉"))
        .await;
    assert_eq!(message.reactions.len(), 1, "one sign of each side");
    chat.ann.send(sign("")).await.unwrap();
    chat.shop
        .until_message(reply, "plain again", |message| message.reactions.is_empty())
        .await;

    let edit = |id: &str, text: &str| Said {
        edit: Some(id.to_owned()),
        text: Some(text.to_owned()),
        ..to_us()
    };
    chat.ann
        .send(edit(&chat.first_id, "Are you open tomorrow?"))
        .await
        .unwrap();
    let id = chat.first.id;
    let message = chat
        .shop
        .until_message(id, "changed", |message| message.edited_at.is_some())
        .await;
    assert_eq!(message.body, "Are you open tomorrow?");
    assert_eq!(message.versions[0].body, "Are you open today?");

    // What we said is ours, whatever she sends.
    chat.ann
        .send(edit(&wire_id, "It is free of charge."))
        .await
        .unwrap();
    let delete = Said {
        delete: Some(chat.first_id.clone()),
        ..to_us()
    };
    chat.ann.send(delete).await.unwrap();
    let message = chat
        .shop
        .until_message(id, "taken back", |message| message.deletion.is_some())
        .await;
    assert_eq!(message.deletion.unwrap().by, Author::Contact);
    assert_eq!(message.body, "Are you open tomorrow?", "the words stay on record");
    assert_eq!(chat.shop.message(reply).await.body, "Until five.");
    assert_eq!(
        chat.shop.count("SELECT count(*) FROM messages").await,
        2,
        "none of it is a message of its own"
    );
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_do_to_a_message_reaches_the_customer() {
    let chat = Chat::begin().await;
    let hub = &chat.shop.world.hub;
    let by = &chat.mia.principal;
    message::set_reaction(hub, by, chat.first.id, "👍").await.unwrap();
    let got = chat
        .ann
        .received(patience(), |message| message["kind"] == "reaction")
        .await
        .unwrap();
    assert_eq!(
        (&got["about"], &got["text"]),
        (&chat.first_id.as_str().into(), &"👍".into())
    );

    let quoting = Draft {
        answers_id: Some(chat.first.id),
        ..Chat::draft("Until six.")
    };
    let answer = chat.reply(quoting).await;
    assert_eq!(answer.answers.as_ref().unwrap().body, "Are you open today?");
    let got = chat
        .ann
        .received(patience(), |message| message["text"] == "Until six.")
        .await
        .unwrap();
    assert_eq!(got["quotes"], chat.first_id);
    let wire_id = got["id"].as_str().unwrap().to_owned();
    chat.shop
        .until_message(answer.id, "there", |message| message.state >= State::Sent)
        .await;

    let changed = message::edit(hub, by, answer.id, "Until seven.").await.unwrap();
    assert_eq!(
        (changed.body.as_str(), changed.versions.len()),
        ("Until seven.", 1)
    );
    let got = chat
        .ann
        .received(patience(), |message| message["kind"] == "edit")
        .await
        .unwrap();
    assert_eq!(
        (&got["about"], &got["text"]),
        (&wire_id.as_str().into(), &"Until seven.".into())
    );

    let refused = message::edit(hub, by, chat.first.id, "I owe you.").await;
    assert!(refused.is_err(), "theirs is theirs");
    let other = chat.shop.world.staff(chat.shop.tenant, "ben", Role::Staff).await;
    assert!(
        message::delete(hub, &other.principal, answer.id).await.is_err(),
        "a colleague's is a colleague's"
    );
    let gone = message::delete(hub, by, answer.id).await.unwrap();
    let deletion = gone.deletion.unwrap();
    assert_eq!((deletion.by, deletion.name.is_some()), (Author::Staff, true));
    let got = chat
        .ann
        .received(patience(), |message| message["kind"] == "deletion")
        .await
        .unwrap();
    assert_eq!(got["about"], wire_id);

    // She answers a message of ours, and it is shown above hers.
    let (reply, wire_id) = chat.replied("Shall I book it?").await;
    let said = Said {
        quote: Some(wire_id),
        text: Some("Yes please".to_owned()),
        ..to_us()
    };
    let id = chat.ann.send(said).await.unwrap();
    let message = chat.shop.message_of(&id).await;
    assert_eq!(message.answers.unwrap().id, reply);
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_whatsapp_refuses_is_undone_and_said() {
    let chat = Chat::begin().await;
    let (reply, _) = chat.replied("Until five.").await;
    chat.shop.whatsapp.set_faults(fake_wa::Faults {
        nack: Some(463),
        nacks: 1,
        ..fake_wa::Faults::default()
    });
    message::edit(&chat.shop.world.hub, &chat.mia.principal, reply, "Until six.")
        .await
        .unwrap();
    let message = chat
        .shop
        .until_message(reply, "as before", |message| message.body == "Until five.")
        .await;
    assert!(message.edited_at.is_none() && message.versions.is_empty());
    chat.shop
        .until(
            "SELECT count(*) FROM messages WHERE direction = 'note' AND author = 'system'",
            1,
        )
        .await;
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_cards_are_shown_as_such() {
    let chat = Chat::begin().await;
    let place = Said {
        location: Some((52.5163, 13.3777)),
        text: Some("The gate".to_owned()),
        ..to_us()
    };
    let id = chat.ann.send(place).await.unwrap();
    let card = chat.shop.message_of(&id).await.card;
    let expected = Card::Place {
        latitude: 52.5163,
        longitude: 13.3777,
        name: "The gate".to_owned(),
    };
    assert_eq!(card, Some(expected));
    let person = Said {
        contact: Some("Ben".to_owned()),
        text: Some("+15550107".to_owned()),
        ..to_us()
    };
    let id = chat.ann.send(person).await.unwrap();
    let card = chat.shop.message_of(&id).await.card;
    let expected = Card::Person {
        name: "Ben".to_owned(),
        phones: vec!["+15550107".to_owned()],
    };
    assert_eq!(card, Some(expected));
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_types_on_the_phone_was_sent_elsewhere() {
    let chat = Chat::begin().await;
    let phone = chat.shop.whatsapp.customer(here(), "The shop").await.unwrap();
    let id = phone.say(ANN.parse().unwrap(), "I am on my way.").await.unwrap();
    let message = chat.shop.message_of(&id).await;
    assert!(message.elsewhere);
    assert_eq!((message.direction, message.state), (Direction::Out, State::Sent));
    assert_eq!(message.conversation_id, chat.first.conversation_id);
    phone.go().await;
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_staff_reaches_the_customer_once() {
    let chat = Chat::begin().await;
    let hub = &chat.shop.world.hub;
    let bytes = b"\x89PNG\r\n\x1a\nour price list".as_slice();
    let put_in = async |kind: AttachmentKind, media_type: &str, file_name: &str| {
        let id = UploadId::at(hub.clock.now());
        let storage = connectors::storage::Storage::open(&hub.config.calls.storage).unwrap();
        let key = upload::object_key(chat.shop.tenant, id);
        storage.put(&key, media_type, bytes.into()).await.unwrap();
        let upload = Upload {
            id,
            kind,
            media_type: media_type.to_owned(),
            size_bytes: i64::try_from(bytes.len()).unwrap(),
            file_name: Some(file_name.to_owned()),
            duration_ms: None,
        };
        let mut tx = hub.db.tenant(chat.shop.tenant).await.unwrap();
        upload::add(&mut tx, None, &upload).await.unwrap();
        tx.commit().await.unwrap();
        id
    };
    // Its first try is lost with the network's answer.
    chat.shop.whatsapp.set_faults(fake_wa::Faults {
        drop_acks: 1,
        ..fake_wa::Faults::default()
    });
    let picture = Draft {
        upload_id: Some(put_in(AttachmentKind::Image, "image/png", "prices.png").await),
        ..Chat::draft("Our prices")
    };
    let message = chat.reply(picture.clone()).await;
    assert_eq!(message.attachments[0].file_name.as_deref(), Some("prices.png"));
    assert_eq!(chat.reply(picture).await.id, message.id, "a second click");
    let got = chat
        .ann
        .received(patience(), |message| message["kind"] == "image")
        .await
        .unwrap();
    assert_eq!(got["text"], "Our prices");
    let wire_id = got["id"].as_str().unwrap();
    assert_eq!(chat.ann.fetch(wire_id).await.unwrap(), bytes);
    chat.shop
        .until_message(message.id, "there", |message| message.state == State::Delivered)
        .await;
    let paper = Draft {
        upload_id: Some(put_in(AttachmentKind::File, "application/pdf", "Quote 7.pdf").await),
        ..Chat::draft("")
    };
    let message = chat.reply(paper).await;
    let got = chat
        .ann
        .received(patience(), |message| message["kind"] == "document")
        .await
        .unwrap();
    assert_eq!(got["text"], "Quote 7.pdf");
    assert_eq!(chat.ann.fetch(got["id"].as_str().unwrap()).await.unwrap(), bytes);
    chat.shop
        .until_message(message.id, "there", |message| message.state >= State::Sent)
        .await;
    assert_eq!(chat.shop.count("SELECT count(*) FROM uploads").await, 0);
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_have_seen_is_marked_as_read() {
    let chat = Chat::begin().await;
    let second = chat.ann.say(here(), "Hello?").await.unwrap();
    chat.shop.message_of(&second).await;
    let (hub, by) = (&chat.shop.world.hub, &chat.mia.principal);
    hub::conversation::seen(hub, by, chat.first.conversation_id)
        .await
        .unwrap();
    for id in [&chat.first_id, &second] {
        chat.ann.ticked(id, "read", patience()).await.unwrap();
    }
    let other = chat.shop.world.staff(chat.shop.tenant, "ben", Role::Staff).await;
    hub::conversation::seen(hub, &other.principal, chat.first.conversation_id)
        .await
        .unwrap();
    assert_eq!(
        chat.shop.count("SELECT count(*) FROM session_outbox").await,
        1,
        "told once"
    );
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shows_who_said_it_and_is_not_written_to() {
    let chat = Chat::begin().await;
    let shop = &chat.shop;
    let group = shop
        .whatsapp
        .group("Allotment 7", chat.ann.phone, &[chat.ann.phone, here()], false)
        .unwrap();
    let in_group = |text: &str| Said {
        to: group.clone(),
        text: Some(text.to_owned()),
        ..Said::default()
    };
    let unheard = chat.ann.send(in_group("Nobody asked for this")).await.unwrap();
    chat.ann.ticked(&unheard, "delivered", patience()).await.unwrap();
    let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
    let change = SessionChange {
        groups: Some(true),
        ..SessionChange::default()
    };
    hub::session::change(&mut tx, shop.session, change).await.unwrap();
    tx.commit().await.unwrap();
    // Its worker hears of it in a moment, and keeps the connection.
    while shop
        .count("SELECT count(*) FROM submissions WHERE body ->> 'is_group' = 'true'")
        .await
        == 0
    {
        chat.ann.send(in_group("Who is there?")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let id = chat.ann.send(in_group("Who brings the ladder?")).await.unwrap();
    let message = shop.message_of(&id).await;
    let sender = message.sender.unwrap();
    assert_eq!(
        (sender.address.as_str(), sender.name.as_deref()),
        (ANN, Some("Ann"))
    );
    assert_ne!(message.conversation_id, chat.first.conversation_id);
    let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
    let conversation = hub::conversation::get(&mut tx, message.conversation_id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(conversation.contact.name.as_deref(), Some("Allotment 7"));
    let draft = Chat::draft("I do.");
    let refused = message::reply(
        &shop.world.hub,
        &chat.mia.principal,
        message.conversation_id,
        &draft,
    )
    .await;
    assert!(refused.is_err(), "read-only");
    assert_eq!(
        shop.count("SELECT count(*) FROM messages WHERE body = 'Nobody asked for this'")
            .await,
        0,
        "only who wants groups has them"
    );
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_see_who_is_here_and_who_writes_and_nothing_is_stored() {
    let chat = Chat::begin().await;
    let (hub, by, conversation) = (
        &chat.shop.world.hub,
        &chat.mia.principal,
        chat.first.conversation_id,
    );
    chat.ann.watch(here()).await.unwrap();
    let tell = async |doing| attention::tell(hub, by, conversation, doing).await.unwrap();
    let sees = async |kind: &'static str, key: &'static str, value: serde_json::Value| {
        let fits = |news: &serde_json::Value| news[key] == value;
        chat.ann.heard(kind, patience(), fits).await.unwrap();
    };
    tell(Doing::Typing).await;
    sees("presence", "here", true.into()).await;
    sees("typing", "state", "composing".into()).await;
    tell(Doing::Nothing).await;
    sees("typing", "state", "paused".into()).await;
    sees("presence", "here", false.into()).await;

    let mut screens = hub
        .relay
        .follow(hub::keys::live_channel(chat.shop.tenant))
        .await
        .unwrap();
    let mut shows = async |words: [String; 2]| {
        let seen = until_told(&mut screens, &words);
        tokio::time::timeout(patience().0, seen).await.unwrap();
    };
    chat.ann.typing(HERE, "recording").await.unwrap();
    shows(["contact.typing".to_owned(), "recording".to_owned()]).await;
    chat.ann.typing(HERE, "paused").await.unwrap();
    shows(["contact.typing".to_owned(), format!("{conversation}")]).await;
    chat.end().await;
}

/// Until screens are told something that has all of these words.
async fn until_told(screens: &mut hub::relay::Following, words: &[String]) {
    loop {
        let told = String::from_utf8_lossy(&screens.next().await).into_owned();
        if words.iter().all(|word| told.contains(word.as_str())) {
            return;
        }
    }
}
