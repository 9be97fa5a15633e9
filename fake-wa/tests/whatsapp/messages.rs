//! Messages between real clients, and everything around them.
use fake_wa::{Config, Patience, Said, Server};
use serde_json::json;

use crate::client::{PATIENCE, Process, phone};

#[tokio::test(flavor = "multi_thread")]
async fn words_go_both_ways_with_their_ticks() {
    let server = Server::start(Config::default()).await.unwrap();
    let (business, patience) = (phone("+15550199"), Patience::default());
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "A customer").await.unwrap();
    let id = customer.say(business, "Are you open?").await.unwrap();
    process.got("Are you open?").await;
    customer.ticked(&id, "accepted", patience).await.unwrap();
    customer.ticked(&id, "delivered", patience).await.unwrap();
    let sent = process
        .client
        .send_text(customer.jid(), "Until five.")
        .await
        .unwrap();
    let reply = customer
        .received(patience, |message| message["text"] == "Until five.")
        .await
        .unwrap();
    assert_eq!(
        (&reply["from"], &reply["copies"], &reply["id"], &reply["name"]),
        (
            &json!("+15550199"),
            &json!(1),
            &json!(sent.message_id),
            &json!("The business")
        )
    );
    customer.read(&[&sent.message_id]).await.unwrap();
    server
        .effect("receipt", PATIENCE, |told| {
            told["type"] == "read" && told["ids"][0] == sent.message_id.as_str()
        })
        .await
        .unwrap();
    process
        .client
        .mark_as_read(&customer.jid(), None, &[&id])
        .await
        .unwrap();
    customer.ticked(&id, "read", patience).await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_quotes_edits_and_deletions_arrive() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    let to = |said: Said| Said {
        to: "+15550101".to_owned(),
        ..said
    };
    let text = |text: &str| Some(text.to_owned());
    let id = one.say(other.phone, "I would like two.").await.unwrap();
    other
        .received(patience, |message| message["id"] == id.as_str())
        .await
        .unwrap();
    let reaction = Said {
        to: "+15550100".to_owned(),
        react_to: Some(id.clone()),
        text: text("👍"),
        ..Said::default()
    };
    other.send(reaction).await.unwrap();
    let got = one
        .received(patience, |message| message["kind"] == "reaction")
        .await
        .unwrap();
    assert_eq!((&got["about"], &got["text"]), (&json!(id), &json!("👍")));
    let quote = Said {
        to: "+15550100".to_owned(),
        quote: Some(id.clone()),
        text: text("Two of which?"),
        ..Said::default()
    };
    other.send(quote).await.unwrap();
    let got = one
        .received(patience, |message| message["text"] == "Two of which?")
        .await
        .unwrap();
    assert_eq!(got["quotes"], json!(id));
    let edit = to(Said {
        edit: Some(id.clone()),
        text: text("I would like three."),
        ..Said::default()
    });
    one.send(edit).await.unwrap();
    let got = other
        .received(patience, |message| message["kind"] == "edit")
        .await
        .unwrap();
    assert_eq!(
        (&got["about"], &got["text"]),
        (&json!(id), &json!("I would like three."))
    );
    let delete = to(Said {
        delete: Some(id.clone()),
        ..Said::default()
    });
    one.send(delete).await.unwrap();
    let got = other
        .received(patience, |message| message["kind"] == "deletion")
        .await
        .unwrap();
    assert_eq!(got["about"], json!(id));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_contacts_arrive() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let to = |said: Said| Said {
        to: "+15550101".to_owned(),
        ..said
    };
    let place = to(Said {
        location: Some((52.5, 13.4)),
        text: text("The shop"),
        ..Said::default()
    });
    one.send(place).await.unwrap();
    let got = other
        .received(patience, |message| message["kind"] == "location")
        .await
        .unwrap();
    assert_eq!(
        (&got["latitude"], &got["text"]),
        (&json!(52.5), &json!("The shop"))
    );
    let contact = to(Said {
        contact: text("A friend"),
        text: text("+15550102"),
        ..Said::default()
    });
    one.send(contact).await.unwrap();
    let got = other
        .received(patience, |message| message["kind"] == "contact")
        .await
        .unwrap();
    assert_eq!(got["text"], json!("A friend"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_and_presence_are_told_to_whom_they_concern() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    one.typing("+15550101", "composing").await.unwrap();
    let got = other.heard("typing", patience, |_| true).await.unwrap();
    assert_eq!(got["from"], json!("+15550100"));
    one.show(true).await.unwrap();
    other.watch(one.phone).await.unwrap();
    other
        .heard("presence", patience, |told| told["here"] == true)
        .await
        .unwrap();
    one.go().await;
    other
        .heard("presence", patience, |told| told["here"] == false)
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_writes_elsewhere_reaches_the_product_too() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "A customer").await.unwrap();
    let owner = server.customer(phone("+15550199"), "The business").await.unwrap();
    assert_eq!(owner.device, 2);
    owner.say(customer.phone, "I am on my way.").await.unwrap();
    customer
        .received(patience, |message| message["text"] == "I am on my way.")
        .await
        .unwrap();
    process.got("I am on my way.").await;
    let id = customer.say(owner.phone, "Good.").await.unwrap();
    process.got("Good.").await;
    owner
        .received(patience, |message| message["id"] == id.as_str())
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_moved_to_lids_write_to_each_other() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    for number in ["+15550100", "+15550199"] {
        server.address_by_lid(phone(number), "By LID").unwrap();
    }
    let process = Process::provisioned(&server, "+15550199").await;
    let customer = server.customer(phone("+15550100"), "By LID").await.unwrap();
    let id = customer.say(phone("+15550199"), "Who am I?").await.unwrap();
    process.got("Who am I?").await;
    server
        .effect("message", PATIENCE, |told| {
            told["id"] == id.as_str() && told["to"] == "900000015550199@lid"
        })
        .await
        .expect("the chat goes by LID");
    process
        .client
        .send_text(customer.jid(), "A customer.")
        .await
        .unwrap();
    customer
        .received(patience, |message| message["text"] == "A customer.")
        .await
        .unwrap();
    server.stop().await;
}
