//! What ends a session, for a moment or for good, and that nobody storms.

use std::time::Duration;

use fake_wa::{Customer, Refusal};
use hub::session::{Desired, Observed};

use super::branch::Branch;
use super::{Shift, Shop, here, patience};

/// What the library keeps of a session.
const KEPT: &str = "SELECT count(*) FROM session_state";

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_by_a_person_survives_a_restart() {
    let (shop, shift) = Shop::linked().await;
    shop.want(Desired::Stopped).await;
    shop.until_observed(Observed::Stopped).await;
    shift.stop().await;
    let stays = shop.whatsapp.record(Some(here())).len();
    let shift = Shift::start(&shop).await;
    // It has looked more than once: two heartbeats are later than two rounds.
    let rounds = "SELECT count(*) FROM shard_workers WHERE seen_at > started_at + interval '2 seconds'";
    shop.until(rounds, 1).await;
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "nobody connected"
    );
    shop.want(Desired::Running).await;
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_on_the_phone_is_seen_and_not_tried_against() {
    let (shop, shift) = Shop::linked().await;
    shop.whatsapp.unlink(here(), 1).unwrap();
    let session = shop.until_observed(Observed::LoggedOut).await;
    assert_eq!(session.reason.as_deref(), Some("logged_out"));
    assert_eq!(session.desired, Desired::Running, "what a person wants is theirs");
    let (stays, kept) = (shop.whatsapp.record(Some(here())).len(), shop.count(KEPT).await);
    assert!(kept > 0, "it has keys");
    shift.stop().await;
    let shift = Shift::start(&shop).await;
    shift.until_at_work(&shop).await;
    assert_eq!(shop.whatsapp.record(Some(here())).len(), stays, "nobody knocked");
    assert_eq!(
        shop.count(KEPT).await,
        kept,
        "what is kept goes with a person's word alone"
    );
    // Linking anew is the way out.
    shop.link().await;
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_comes_back_by_itself() {
    let (shop, shift) = Shop::linked().await;
    let before = shop.session().await.connected_at;
    assert_eq!(shop.whatsapp.cut(Some(here())), 1);
    shop.until_session("connected again", |session| {
        session.observed == Observed::Connected && session.connected_at > before
    })
    .await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_is_waited_for_and_ends() {
    let (shop, shift) = Shop::linked().await;
    let ban = Refusal {
        reason: 402,
        code: Some(101),
        expire_s: Some(4),
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(ban)).unwrap();
    let session = shop.until_observed(Observed::Banned).await;
    assert_eq!(session.reason.as_deref(), Some("too_many_strangers"));
    assert!(session.next_attempt_at.is_some());
    shop.whatsapp.refuse(here(), None).unwrap();
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_client_waits_for_a_person() {
    let (shop, shift) = Shop::linked().await;
    let refusal = Refusal {
        reason: 405,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(refusal)).unwrap();
    shop.until_observed(Observed::Outdated).await;
    let refused = || {
        let all = shop.whatsapp.effects(0);
        all.into_iter()
            .filter(|effect| effect.kind == "login.refused")
            .count()
    };
    let before = refused();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(refused(), before, "an outdated client does not knock again");
    shop.whatsapp.refuse(here(), None).unwrap();
    shop.want(Desired::Running).await;
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// Two that hold the same keys throw each other out for ever, unless one of them gives in.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_replaced_by_a_stranger_gives_in_until_a_person_says_otherwise() {
    let shop = Shop::open().await;
    let shift = Shift::start(&shop).await;
    let branch = Branch::open(&shop, 0).await;
    shop.until_all_with(1, &[shift.name()]).await;
    let stranger = Customer::new(shop.whatsapp.socket_url(), &branch.keys);
    let stranger = stranger.await.unwrap();
    stranger.come(patience()).await.unwrap();
    let given_in = "SELECT count(*) FROM sessions WHERE observed = 'replaced' AND desired = 'running'";
    shop.until(given_in, 1).await;
    shift.until_at_work(&shop).await;
    shift.stop().await;
    let shift = Shift::start(&shop).await;
    shift.until_at_work(&shop).await;
    let ends = || {
        let stays = shop.whatsapp.record(Some(branch.phone));
        stays.iter().map(|stay| stay.end).collect::<Vec<_>>()
    };
    assert_eq!(
        ends(),
        [Some("replaced"), None],
        "the stranger has it, undisturbed"
    );
    stranger.go().await;
    shift.until_at_work(&shop).await;
    assert_eq!(ends().len(), 2, "nobody knows that the stranger is gone");
    branch.want(&shop, Desired::Running).await;
    shop.until_all_with(1, &[shift.name()]).await;
    assert_eq!(ends(), [Some("replaced"), Some("closed"), None]);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
