//! Deploys: every worker is replaced by a new one, again and again, while people talk.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fake_wa::Customer;
use hub::ids::ConversationId;
use hub::message::State;
use hub::testing::SignedIn;
use tokio_util::sync::CancellationToken;

use super::outbound::{asked, say, until_state};
use super::{Shift, Shop, here, patience};
use crate::fleet::rounds;

/// Between two messages of one side.
const PAUSE: Duration = Duration::from_millis(200);

/// The customer talks until told to stop; how often.
pub(super) async fn talk(customer: Arc<Customer>, stop: CancellationToken) -> usize {
    let mut said = 0;
    while !stop.is_cancelled() {
        customer.say(here(), &format!("Question {said}")).await.unwrap();
        said += 1;
        tokio::time::sleep(PAUSE).await;
    }
    said
}

/// Staff answer until told to stop; what was sent.
pub(super) async fn answer(
    shop: &Shop,
    mia: &SignedIn,
    conversation: ConversationId,
    stop: &CancellationToken,
) -> Vec<hub::ids::MessageId> {
    let mut sent = Vec::new();
    while !stop.is_cancelled() {
        let body = format!("Answer {}", sent.len());
        sent.push(say(shop, mia, conversation, &body).await);
        tokio::time::sleep(PAUSE * 2).await;
    }
    sent
}

/// A worker that sends as fast as it can, so that much is on its way at every change.
async fn hasty(shop: &Shop) -> Shift {
    Shift::with(shop, &[("SWITCHBOARD_WHATSAPP__PACING", "off".to_owned())]).await
}

/// One after the other: a new one comes, an old one goes.
async fn deploy(shop: &Shop, first: Shift, second: Shift, rounds: usize) -> Shift {
    let mut on_duty = [first, second];
    for round in 0..rounds {
        let new = hasty(shop).await;
        let old = std::mem::replace(&mut on_duty[round % 2], new);
        old.stop().await;
        shop.until_session("connected", |session| {
            session.observed == hub::session::Observed::Connected
        })
        .await;
    }
    let [left, right] = on_duty;
    left.stop().await;
    right
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys_lose_and_double_nothing_and_throw_nobody_out() {
    let shop = Shop::open().await;
    let first = hasty(&shop).await;
    shop.link().await;
    shop.until_with(&first).await;
    let second = hasty(&shop).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let stop = CancellationToken::new();
    let asking = tokio::spawn(talk(Arc::clone(&customer), stop.clone()));
    let deploys = async {
        let last = deploy(&shop, first, second, rounds(3)).await;
        stop.cancel();
        last
    };
    let (last, answers) = tokio::join!(deploys, answer(&shop, &mia, conversation, &stop));
    let questions = asking.await.unwrap();
    for id in &answers {
        until_state(&shop, *id, State::Delivered).await;
    }
    let expected: Vec<String> = (0..questions).map(|n| format!("Question {n}")).collect();
    shop.until_inbound(expected.len() + 1).await;
    let (_first_question, rest) = shop
        .inbound()
        .await
        .split_first()
        .map(|(a, b)| (a.clone(), b.to_vec()))
        .unwrap();
    assert_eq!(rest, expected, "all of them, once, in their order");
    for number in 0..answers.len() {
        let text = format!("Answer {number}");
        let got = customer
            .received(patience(), |message| message["text"] == text.as_str())
            .await;
        assert_eq!(got.unwrap()["copies"], 1, "{text}");
    }
    shop.never_two();
    let stays: BTreeSet<u64> = shop
        .whatsapp
        .record(Some(here()))
        .iter()
        .map(|stay| stay.connection)
        .collect();
    println!(
        "{} deploys: {questions} questions, {} answers, {} connections",
        rounds(3),
        answers.len(),
        stays.len()
    );
    last.stop().await;
    shop.whatsapp.stop().await;
}
