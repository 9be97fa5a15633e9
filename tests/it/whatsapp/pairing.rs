//! Linking a number: by QR, by code, and what does not work out.

use fake_wa::Faults;
use hub::session::Observed;
use hub::session::pairing::News;

use super::{ANN, HERE, Shift, Shop, here, next, patience};

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_linked_by_qr_and_stays_connected() {
    let (shop, shift) = Shop::linked().await;
    let session = shop.session().await;
    assert_eq!(session.phone.as_deref(), Some(HERE));
    assert_eq!(session.worker.as_deref(), Some(shift.name()));
    assert!(session.paired_at.is_some() && session.connected_at.is_some());
    let address = shop
        .count("SELECT count(*) FROM inboxes WHERE channel = 'whatsapp' AND address = '+15550199'")
        .await;
    assert_eq!(address, 1, "the inbox has the number");
    let plain = shop
        .count(
            "SELECT count(*) FROM session_state
             WHERE position('noise_key' IN encode(value_sealed, 'escape')) > 0",
        )
        .await;
    assert_eq!(plain, 0, "keys are sealed");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_linked_by_code() {
    let shop = Shop::open().await;
    let shift = Shift::start(&shop).await;
    let mut watch = shop.begin(Some(HERE)).await;
    let code = match next(&mut watch).await {
        News::Code { code, .. } => code,
        other => panic!("{other:?}"),
    };
    shop.whatsapp.type_code(here(), &code).await.unwrap();
    assert!(matches!(next(&mut watch).await, News::Linked { phone } if phone == HERE));
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_code_is_told_and_another_attempt_works() {
    let shop = Shop::open().await;
    let shift = Shift::start(&shop).await;
    shop.whatsapp.set_faults(Faults {
        phone_code: Some(429),
        ..Faults::default()
    });
    let mut watch = shop.begin(Some(HERE)).await;
    match next(&mut watch).await {
        News::Failed { reason } => assert_eq!(reason, "rate_limited"),
        other => panic!("{other:?}"),
    }
    let session = shop.until_observed(Observed::New).await;
    assert_eq!(session.reason.as_deref(), Some("rate_limited"));
    shop.whatsapp.set_faults(Faults::default());
    shop.link().await;
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlinked_number_is_logged_out_forgotten_and_linked_anew() {
    let (shop, shift) = Shop::linked().await;
    shop.want(hub::session::Desired::Unlinked).await;
    shop.whatsapp
        .effect("unlinked", patience().0, |told| told["device"] == 1)
        .await
        .unwrap();
    let session = shop.until_observed(Observed::New).await;
    assert_eq!(session.phone, None);
    assert_eq!(shop.count("SELECT count(*) FROM session_state").await, 0);
    shop.link().await;
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// The library's own lines carry what nobody may read in a log: the code that links, numbers.
#[tokio::test(flavor = "multi_thread")]
async fn no_code_and_no_number_comes_into_the_log() {
    let shop = Shop::open().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let settings = [
        ("RUST_LOG", "debug".to_owned()),
        ("TEST_LOG_FILE", log.display().to_string()),
    ];
    let shift = Shift::with(&shop, &settings).await;
    let mut watch = shop.begin(Some(HERE)).await;
    let code = match next(&mut watch).await {
        News::Code { code, .. } => code,
        other => panic!("{other:?}"),
    };
    shop.whatsapp.type_code(here(), &code).await.unwrap();
    shop.until_observed(Observed::Connected).await;
    let customer = shop.customer().await;
    let id = customer.say(here(), "Are you open today?").await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    shift.stop().await;
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("is connected"), "our own lines are there");
    for secret in [&code, HERE, ANN, "15550199", "15550101", "open today"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
    shop.whatsapp.stop().await;
}
