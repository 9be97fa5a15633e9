//! Places and contact cards of staff, as the customer's own client shows them.

use fake_wa::{Faults, Said};
use hub::call::context;
use hub::error::Error;
use hub::message::{self, Card, Draft, Location, Message, Person, State};
use hub::session::outbox;

use super::chat::{Chat, to_us};
use super::{ANN, here, patience};

fn the_gate() -> Location {
    Location {
        latitude: 52.516_312_4,
        longitude: -13.3777,
        name: Some("The gate".to_owned()),
    }
}

fn place(key: &str, location: Location) -> Draft {
    Draft {
        key: key.to_owned(),
        location: Some(location),
        ..Draft::default()
    }
}

fn card(name: &str, phones: &[&str]) -> Draft {
    Draft {
        key: format!("card of {name}"),
        contact: Some(Person {
            name: name.to_owned(),
            phones: phones.iter().map(|&phone| phone.to_owned()).collect(),
        }),
        ..Draft::default()
    }
}

impl Chat {
    async fn shows(&self, kind: &str) -> serde_json::Value {
        let got = self
            .ann
            .received(patience(), |message| message["kind"] == kind)
            .await;
        got.unwrap()
    }

    async fn until_there(&self, message: &Message) -> Message {
        self.shop
            .until_message(message.id, "there", |message| message.state == State::Delivered)
            .await
    }

    /// The field, or the code, that is refused.
    async fn refused(&self, draft: Draft) -> String {
        let (hub, by) = (&self.shop.world.hub, &self.mia.principal);
        match message::reply(hub, by, self.first.conversation_id, &draft).await {
            Err(Error::Invalid { code, fields, .. }) => fields
                .first()
                .map_or(code.to_owned(), |field| field.field.clone()),
            Err(Error::Conflict { code, .. }) => code.to_owned(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_staff_is_shown_to_the_customer_as_one() {
    let chat = Chat::begin().await;
    // What goes out is told to the owner's phone as well, and is no word of the owner's.
    let phone = chat.shop.whatsapp.customer(here(), "The shop").await.unwrap();
    let quoting = Draft {
        answers_id: Some(chat.first.id),
        ..place("one", the_gate())
    };
    let message = chat.reply(quoting.clone()).await;
    let expected = Card::Place {
        latitude: 52.516_312,
        longitude: -13.3777,
        name: "The gate".to_owned(),
    };
    assert_eq!(
        (message.body.as_str(), message.card.as_ref()),
        ("📍 The gate", Some(&expected))
    );
    let got = chat.shows("location").await;
    assert_eq!(
        (got["latitude"].as_f64(), got["longitude"].as_f64()),
        (Some(52.516_312), Some(-13.3777))
    );
    assert_eq!(
        (got["text"].as_str(), got["quotes"].as_str()),
        (Some("The gate"), Some(chat.first_id.as_str()))
    );
    let wire_id = got["id"].as_str().unwrap().to_owned();
    chat.until_there(&message).await;
    chat.ann.read(&[&wire_id]).await.unwrap();
    chat.shop
        .until_message(message.id, "read", |message| message.state == State::Read)
        .await;
    assert_eq!(chat.reply(quoting).await.id, message.id, "a second click");
    let elsewhere = Location {
        latitude: 0.0,
        ..the_gate()
    };
    assert_eq!(chat.refused(place("one", elsewhere)).await, "draft_key_used");
    let (hub, by) = (&chat.shop.world.hub, &chat.mia.principal);
    assert!(
        message::edit(hub, by, message.id, "The other gate")
            .await
            .is_err(),
        "a place has no words to change"
    );
    let copied = |news: &serde_json::Value| news["id"] == wire_id.as_str() && news["kind"] == "location";
    phone.received(patience(), copied).await.unwrap();

    // A week later she answers it.
    sqlx::query("UPDATE session_outbox SET created_at = created_at - interval '8 days'")
        .execute(&mut chat.shop.admin().await)
        .await
        .unwrap();
    assert_eq!(outbox::forget(hub).await.unwrap(), 1);
    let said = Said {
        quote: Some(wire_id),
        text: Some("I see it".to_owned()),
        ..to_us()
    };
    let answer = chat.ann.send(said).await.unwrap();
    let answer = chat.shop.message_of(&answer).await;
    assert_eq!(answer.answers.unwrap().id, message.id);
    let ours = chat
        .shop
        .count("SELECT count(*) FROM messages WHERE direction = 'out'");
    assert_eq!(ours.await, 1, "said once, and nowhere else");
    phone.go().await;
    chat.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_card_of_staff_can_be_called_from_the_customers_phone() {
    let chat = Chat::begin().await;
    let (hub, by) = (&chat.shop.world.hub, &chat.mia.principal);
    assert_eq!(
        chat.refused(card("Ben", &["+15550107", "112"])).await,
        "contact.phones"
    );
    chat.shop.whatsapp.set_faults(Faults {
        nack: Some(463),
        nacks: 1,
        ..Faults::default()
    });
    let typed = ["(415) 555-2671", "+1 555-0107", "+14155552671"];
    let message = chat.reply(card("Ben; the builder", &typed)).await;
    let expected = Card::Person {
        name: "Ben; the builder".to_owned(),
        phones: vec!["+14155552671".to_owned(), "+15550107".to_owned()],
    };
    assert_eq!(
        (message.body.as_str(), message.card.as_ref()),
        ("👤 Ben; the builder", Some(&expected))
    );
    chat.shop
        .until_message(message.id, "refused", |message| message.state == State::Failed)
        .await;
    sqlx::query("UPDATE sessions SET paused_until = NULL, pause_scope = NULL, pause_reason = NULL")
        .execute(&mut chat.shop.admin().await)
        .await
        .unwrap();
    message::retry(hub, by, message.id).await.unwrap();
    let got = chat.shows("contact").await;
    assert_eq!(got["text"], "Ben; the builder");
    assert_eq!(
        got["vcard"],
        "BEGIN:VCARD\nVERSION:3.0\nN:;Ben\\; the builder;;;\nFN:Ben\\; the builder\n\
         TEL;type=CELL;waid=14155552671:+14155552671\nTEL;type=CELL;waid=15550107:+15550107\nEND:VCARD"
    );
    chat.until_there(&message).await;

    // Whoever answers the telephone next is told of it in words.
    let mut tx = hub.db.tenant(chat.shop.tenant).await.unwrap();
    let conversation = hub::conversation::get(&mut tx, chat.first.conversation_id)
        .await
        .unwrap();
    let lines = context::last_words(&mut tx, conversation.contact.id, 10)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        lines,
        [
            "whatsapp, they: Are you open today?",
            "whatsapp, we: (the contact card of Ben; the builder: +14155552671, +15550107)",
        ]
    );
    assert_eq!(
        conversation.contact.name.as_deref(),
        Some("Ann"),
        "{ANN} stays who she is"
    );
    chat.end().await;
}
