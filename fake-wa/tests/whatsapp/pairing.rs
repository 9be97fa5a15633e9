//! Linking a device by QR and by phone code, and resuming it.
use std::time::Duration;

use fake_wa::{Config, Faults, Server};
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::wacore::types::events::Event;

use crate::client::{PATIENCE, Process, phone};

#[tokio::test(flavor = "multi_thread")]
async fn a_scanned_qr_links_a_device_and_the_phone_shares_its_keys_at_once() {
    let server = Server::start(Config::default()).await.unwrap();
    let business = phone("+15550199");
    let process = Process::new(&server).await;
    let qr = process.qr().await;
    assert!(
        server.scan("2@nobody,AA==,AA==,AA==", business).is_err(),
        "a QR that nobody shows"
    );
    assert_eq!(server.scan(&qr, business).unwrap(), 1);
    assert!(server.scan(&qr, business).is_err(), "a QR links one device");
    let begun = std::time::Instant::now();
    process.connected().await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the client did not have to wait for the app-state key"
    );
    // It may come twice: the client's own notice of the restart can end the connection that follows.
    let record = server.record(Some(business));
    assert_eq!(record[0].pattern, "XX", "the first login introduces itself");
    assert_eq!(
        process.client.pn().map(|jid| jid.to_string()),
        Some("15550199:1@s.whatsapp.net".to_owned())
    );
    let store = process.stop().await;
    let process = Process::resume(&server, store).await;
    process.connected().await;
    assert_eq!(
        server.record(Some(business)).last().unwrap().pattern,
        "IK",
        "the next one resumes"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_that_is_shown_links_a_device_and_another_does_not() {
    let server = Server::start(Config::default()).await.unwrap();
    let business = phone("+15550199");
    let process = Process::new(&server).await;
    process.qr().await;
    let options = PairCodeOptions {
        phone_number: "15550199".to_owned(),
        custom_code: Some("ABCD2345".to_owned()),
        ..PairCodeOptions::default()
    };
    let code = process.client.pair_with_code(options).await.unwrap();
    server.type_code(business, "ZZZZ9999").await.unwrap();
    server
        .effect("pairing.wrong_code", PATIENCE, |_| true)
        .await
        .expect("the phone cannot open what another code has closed");
    server.type_code(business, &code).await.unwrap();
    process.connected().await;
    server
        .effect("paired", PATIENCE, |told| told["device"] == 1)
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_code_says_so() {
    let server = Server::start(Config::default()).await.unwrap();
    server.set_faults(Faults {
        phone_code: Some(429),
        ..Faults::default()
    });
    let process = Process::new(&server).await;
    process.qr().await;
    let options = PairCodeOptions {
        phone_number: "15550199".to_owned(),
        ..PairCodeOptions::default()
    };
    assert!(process.client.pair_with_code(options).await.is_err());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_unlinks_a_device_and_it_is_not_let_in_again() {
    let server = Server::start(Config::default()).await.unwrap();
    let process = Process::provisioned(&server, "+15550199").await;
    server.unlink(phone("+15550199"), 1).unwrap();
    let logged_out = |event: &Event| matches!(event, Event::LoggedOut(_)).then_some(());
    process.event("logout", logged_out).await;
    let store = process.stop().await;
    let process = Process::resume(&server, store).await;
    process.event("logout", logged_out).await;
    server
        .effect("login.refused", PATIENCE, |told| told["reason"] == 401)
        .await
        .unwrap();
    assert_eq!(server.record(None)[0].end, Some("logged_out"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_logs_itself_out_is_unlinked() {
    let server = Server::start(Config::default()).await.unwrap();
    let process = Process::provisioned(&server, "+15550199").await;
    process.client.logout().await;
    server
        .effect("unlinked", PATIENCE, |told| told["device"] == 1)
        .await
        .unwrap();
    server.stop().await;
}
