//! Files: uploaded encrypted, downloaded and decrypted by the other side.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fake_wa::{Config, Faults, Media, Patience, Said, Server};
use serde_json::json;

use crate::client::{PATIENCE, phone};

fn picture(bytes: &[u8]) -> Said {
    Said {
        to: "+15550101".to_owned(),
        text: Some("As seen today".to_owned()),
        media: Some(Media {
            kind: "image".to_owned(),
            mime: "image/png".to_owned(),
            data: BASE64_STANDARD.encode(bytes),
            name: None,
        }),
        ..Said::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_as_it_was_and_the_server_never_saw_it() {
    let server = Server::start(Config::default()).await.unwrap();
    let patience = Patience::default();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    let other = server.customer(phone("+15550101"), "Other").await.unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let id = one.send(picture(&bytes)).await.unwrap();
    let got = other
        .received(patience, |message| message["id"] == id.as_str())
        .await
        .unwrap();
    assert_eq!(
        (&got["kind"], &got["size"], &got["text"]),
        (&json!("image"), &json!(100_000), &json!("As seen today"))
    );
    assert_eq!(other.fetch(&id).await.unwrap(), bytes);
    let upload = server.effect("upload", PATIENCE, |_| true).await.unwrap();
    assert!(
        upload.data["size"].as_u64().unwrap() > 100_000,
        "padded and signed: ciphertext"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_server_that_fails_is_seen_to_fail() {
    let server = Server::start(Config::default()).await.unwrap();
    let one = server.customer(phone("+15550100"), "One").await.unwrap();
    server.customer(phone("+15550101"), "Other").await.unwrap();
    server.set_faults(Faults {
        media: Some(500),
        ..Faults::default()
    });
    assert!(one.send(picture(b"lost")).await.is_err());
    server.set_faults(Faults::default());
    one.send(picture(b"found")).await.unwrap();
    server.stop().await;
}
