//! Sessions by the hundred, and who is on WhatsApp.
use fake_wa::{Config, Server};
use whatsapp_rust::wacore::store::Device;

use crate::client::{Process, phone};

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_session_survives_its_trip_through_json_and_needs_no_trust() {
    let server = Server::start(Config::default()).await.unwrap();
    let session = server.provision(phone("+15550199"), "The business").unwrap();
    let told = serde_json::to_value(&session).unwrap();
    let record: Device = serde_json::from_value(told["record"].clone()).unwrap();
    assert_eq!(
        record.pn.map(|jid| jid.to_string()),
        Some("15550199:1@s.whatsapp.net".to_owned())
    );
    let process = Process::provisioned(&server, "+15550198").await;
    assert!(process.client.is_connected());
    assert_eq!(
        server.record(None)[0].pattern,
        "IK",
        "resumes to the pinned key: no certificate is looked at"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_looked_up() {
    let server = Server::start(Config::default()).await.unwrap();
    let process = Process::provisioned(&server, "+15550199").await;
    server.provision(phone("+15550100"), "A customer").unwrap();
    let numbers = [phone("+15550100"), phone("+15550109")].map(|phone| phone.to_string());
    let jids: Vec<whatsapp_rust::Jid> = numbers
        .iter()
        .map(|number| whatsapp_rust::Jid::pn(number.trim_start_matches('+')))
        .collect();
    let found = process.client.contacts().is_on_whatsapp(&jids).await.unwrap();
    let known: Vec<(String, bool)> = found
        .iter()
        .map(|result| (result.jid.user.to_string(), result.is_registered))
        .collect();
    assert_eq!(
        known,
        [("15550100".to_owned(), true), ("15550109".to_owned(), false)]
    );
    server.stop().await;
}
