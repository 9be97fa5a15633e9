//! A session's health is what rows and the clock say, not what its worker last said.

use std::time::Duration;

use fake_wa::Refusal;
use hub::session::health::{self, State};
use hub::session::pacing::Scope;
use hub::session::{Desired, Observed, Session};

use super::outbound::{asked, say};
use super::{Shift, Shop, here};

impl Shop {
    /// Another hub looks, as the scheduler does; how many words changed.
    async fn look(&self) -> usize {
        health::look(&self.world.hub).await.unwrap()
    }

    async fn health(&self) -> State {
        self.session().await.health.state
    }

    /// As if the whole of the session had happened so much earlier.
    async fn age(&self, minutes: i32) {
        sqlx::query(
            "UPDATE sessions SET heard_at = heard_at - make_interval(mins => $1),
               connected_at = connected_at - make_interval(mins => $1), observed_at = observed_at - make_interval(mins => $1)",
        )
        .bind(minutes)
        .execute(&mut self.admin().await)
        .await
        .unwrap();
    }

    async fn told(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT data -> 'session' -> 'health' ->> 'state' FROM events WHERE kind = 'session.updated' ORDER BY seq",
        )
        .fetch_all(&mut self.admin().await)
        .await
        .unwrap()
    }
}

/// The worker is gone and its last word was "connected".
#[tokio::test(flavor = "multi_thread")]
async fn connected_but_silent_is_told_although_nobody_is_left_to_tell() {
    let (shop, shift) = Shop::linked().await;
    assert_eq!(shop.health().await, State::Ok);
    shop.look().await;
    assert_eq!(shop.look().await, 0, "a look changes nothing by itself");
    shift.kill();
    shop.age(10).await;
    let session = shop.session().await;
    assert_eq!(session.observed, Observed::Connected, "as it last said");
    assert_eq!(session.health.state, State::Silent);
    assert_eq!(session.health.since, session.heard_at);
    assert_eq!(shop.look().await, 1);
    assert_eq!(shop.told().await.last().map(String::as_str), Some("silent"));
    let shift = Shift::start(&shop).await;
    shop.until_session("well again", |session| session.health.state == State::Ok)
        .await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_out_is_an_alarm_and_a_pause_is_none() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    // Frozen, as far as anybody can tell: the row says connected, and heard from just now.
    shift.kill();
    say(&shop, &mia, conversation, "Until five.").await;
    shop.age(10).await;
    let mut admin = shop.admin().await;
    sqlx::query(
        "UPDATE session_outbox SET created_at = created_at - interval '5 minutes', not_before = not_before - interval '5 minutes'",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    sqlx::query("UPDATE sessions SET heard_at = now()")
        .execute(&mut admin)
        .await
        .unwrap();
    assert_eq!(shop.health().await, State::Stuck);
    shop.look().await;
    assert_eq!(shop.told().await.last().map(String::as_str), Some("stuck"));
    sqlx::query("UPDATE sessions SET paused_until = now() + interval '1 hour', pause_scope = 'all', pause_reason = 'too_fast'")
        .execute(&mut admin)
        .await
        .unwrap();
    assert_eq!(shop.health().await, State::Paused);
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_needs_somebody_and_leaves_new_people_alone_afterwards() {
    let (shop, shift) = Shop::linked().await;
    let before = shop.whatsapp.effects(0).last().unwrap().number;
    let ban = Refusal {
        reason: 402,
        code: Some(101),
        expire_s: Some(4),
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(ban)).unwrap();
    let session = shop.until_observed(Observed::Banned).await;
    assert_eq!(session.health.state, State::NeedsYou);
    assert_eq!(session.health.until, session.next_attempt_at);
    shop.whatsapp.refuse(here(), None).unwrap();
    let session = shop.until_observed(Observed::Connected).await;
    let knocks: Vec<_> = shop
        .whatsapp
        .effects(before)
        .into_iter()
        .filter(|effect| effect.kind.starts_with("login") && effect.data["phone"] == here().to_string())
        .collect();
    let kinds: Vec<_> = knocks.iter().map(|knock| knock.kind).collect();
    assert_eq!(
        kinds,
        ["login.refused", "login"],
        "nobody knocks until it is over"
    );
    assert!(knocks[1].at_us - knocks[0].at_us >= 4_000_000, "{knocks:?}");
    assert_eq!(session.health.state, State::Paused);
    assert_eq!(session.pause_scope, Some(Scope::NewChats));
    assert_eq!(session.pause_reason.as_deref(), Some("too_many_strangers"));
    shop.want(Desired::Running).await;
    assert_eq!(shop.health().await, State::Ok);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_to_connect_less_often_does() {
    let (shop, shift) = Shop::linked().await;
    let refusal = Refusal {
        reason: 429,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(refusal)).unwrap();
    shop.whatsapp.cut(Some(here()));
    let told = |session: &Session| session.reason.as_deref() == Some("rate_limited");
    let session = shop.until_session("told so", told).await;
    assert_eq!(session.observed, Observed::Waiting);
    let wait = session.next_attempt_at.unwrap().since(session.observed_at);
    assert!(wait > Duration::from_mins(1), "{wait:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_is_as_long_as_it_is_not_as_its_last_try() {
    let (shop, shift) = Shop::linked().await;
    let refusal = Refusal {
        reason: 503,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(refusal)).unwrap();
    let first = shop.until_observed(Observed::Waiting).await;
    assert_eq!(first.health.state, State::Reconnecting);
    let later = shop
        .until_session("tried again", |session| {
            session.observed == Observed::Waiting && session.observed_at > first.observed_at
        })
        .await;
    assert_eq!(later.health.since, first.health.since);
    shop.whatsapp.refuse(here(), None).unwrap();
    shop.until_session("well again", |session| session.health.state == State::Ok)
        .await;
    shop.want(Desired::Stopped).await;
    shop.until_session("at rest", |session| session.health.state == State::Resting)
        .await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}
