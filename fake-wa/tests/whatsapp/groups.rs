//! Groups: sender keys are handed out once, then one ciphertext serves all.
use fake_wa::{Config, Patience, Said, Server};
use serde_json::json;

use crate::client::{Process, phone};

async fn talk(by_lid: bool) {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let process = Process::provisioned(&server, "+15550199").await;
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    let members = [one.phone, other.phone, phone("+15550199")];
    let group = server.group("The trip", one.phone, &members, by_lid).unwrap();
    other.heard("group", patience, |_| true).await.unwrap();
    for (number, text) in ["Who comes?", "Say it now."].iter().enumerate() {
        let said = Said {
            to: group.clone(),
            text: Some((*text).to_owned()),
            ..Said::default()
        };
        let id = one.send(said).await.unwrap();
        let got = other
            .received(patience, |message| message["text"] == *text)
            .await
            .unwrap();
        assert_eq!(
            (&got["chat"], &got["from"], &got["id"]),
            (&json!(group), &json!("+15550100"), &json!(id)),
            "message {number}"
        );
        process.got(text).await;
        one.ticked(&id, "delivered", patience).await.unwrap();
    }
    let to: whatsapp_rust::Jid = group.parse().unwrap();
    process.client.send_text(to, "We do.").await.unwrap();
    for member in [&one, &other] {
        member
            .received(patience, |message| message["text"] == "We do.")
            .await
            .unwrap();
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_hears_what_each_of_its_members_says() {
    talk(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_names_its_members_by_lid_does_too() {
    talk(true).await;
}
