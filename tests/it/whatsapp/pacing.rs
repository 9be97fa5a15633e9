//! How what goes out is paced, and what staff are told when it does not go out.

use std::time::Duration;

use fake_wa::Faults;
use hub::contact::{self, IdentityKind};
use hub::conversation;
use hub::ids::ConversationId;
use hub::inbox::Channel;
use hub::message::{self, State};
use hub::role::Role;
use hub::session::health;
use hub::session::pacing::Scope;
use hub::session::{self, Desired, Session, SessionChange};
use hub::testing::SignedIn;

use super::branch::Branch;
use super::outbound::{asked, say, until_state};
use super::{PATIENCE, Shop, here, patience};

/// Nobody has this number on WhatsApp.
const NOBODY: &str = "+15550177";
const BEN: &str = "+15550102";

impl Shop {
    /// A conversation with somebody who never wrote.
    async fn strange(&self, phone: &str) -> ConversationId {
        let inbox = self.session().await.inbox_id;
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let known = contact::meet(&mut tx, IdentityKind::Phone, phone, None)
            .await
            .unwrap();
        let id = conversation::between(&mut tx, known.contact, inbox, Channel::Whatsapp, None)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn mia(&self) -> SignedIn {
        self.world.staff(self.tenant, "mia", Role::Staff).await
    }

    /// Says something that does not go out; why not.
    async fn refused(&self, mia: &SignedIn, conversation: ConversationId, body: &str) -> message::Failure {
        let id = say(self, mia, conversation, body).await;
        until_state(self, id, State::Failed).await;
        let mut tx = self.world.hub.db.tenant(self.tenant).await.unwrap();
        let failure = message::get(&mut tx, id).await.unwrap().failure.unwrap();
        tx.commit().await.unwrap();
        assert!(
            failure.help.ends_with('.') && failure.help.len() > 40,
            "{failure:?} says what to do"
        );
        failure
    }

    async fn until_paused(&self, scope: Scope) -> Session {
        let paused = |session: &Session| session.pause_scope == Some(scope);
        self.until_session("paused", paused).await
    }

    /// Until somebody of ours is seen typing, after the effect with this number.
    pub(super) async fn until_typing(&self, after: u64) {
        let types = |effect: &fake_wa::Effect| effect.kind == "chatstate";
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.whatsapp.effects(after).iter().any(types) {
            assert!(tokio::time::Instant::now() < deadline, "nobody types");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often the network saw something of ours.
    fn effects(&self, kind: &str) -> usize {
        let all = self.whatsapp.effects(0);
        let ours = all
            .iter()
            .filter(|effect| effect.kind == kind && effect.data["phone"] == here().to_string());
        ours.count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_seen_before_an_answer_that_is_quick() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let began = tokio::time::Instant::now();
    let reply = say(
        &shop,
        &mia,
        conversation,
        "Until five. Shall we keep a table for you?",
    )
    .await;
    until_state(&shop, reply, State::Delivered).await;
    let took = began.elapsed();
    let kinds: Vec<String> = shop
        .whatsapp
        .effects(0)
        .into_iter()
        .filter(|effect| effect.data["phone"] == here().to_string())
        .map(|effect| effect.kind.to_owned())
        .collect();
    let typing = kinds.iter().position(|kind| kind == "chatstate").unwrap();
    let message = kinds.iter().position(|kind| kind == "message").unwrap();
    assert!(typing < message, "{kinds:?}");
    assert!(took >= Duration::from_millis(600), "{took:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// Ten people ask at once: typing to one does not make the others wait.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_wrote_do_not_wait_for_each_other() {
    let (shop, shift) = Shop::linked().await;
    let mia = shop.mia().await;
    let mut asked = Vec::new();
    for n in 0..4 {
        let phone = format!("+155501{n:02}");
        let customer = shop
            .whatsapp
            .customer(phone.parse().unwrap(), &format!("Customer {n}"))
            .await
            .unwrap();
        customer.say(here(), "Are you open?").await.unwrap();
        asked.push((shop.strange(&phone).await, customer));
    }
    shop.until("SELECT count(*) FROM messages WHERE direction = 'in'", 4)
        .await;
    let words = "Yes, until five today and all day tomorrow. Shall we keep a table for you?";
    let mut said = Vec::new();
    for (n, (conversation, _)) in asked.iter().enumerate() {
        said.push(say(&shop, &mia, *conversation, &format!("{words} {n}")).await);
    }
    for id in said {
        until_state(&shop, id, State::Delivered).await;
    }
    let all = shop.whatsapp.effects(0);
    let ours = |kind: &str| {
        let kind = kind.to_owned();
        let fits = move |effect: &&fake_wa::Effect| {
            effect.kind == kind && effect.data["phone"] == here().to_string()
        };
        all.iter()
            .filter(fits)
            .map(|effect| effect.number)
            .collect::<Vec<_>>()
    };
    let (typing, messages) = (ours("chatstate"), ours("message"));
    assert_eq!((typing.len(), messages.len()), (4, 4));
    assert!(typing[3] < messages[3], "at once: {typing:?} {messages:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_not_there_is_not_written_to() {
    let (shop, shift) = Shop::linked().await;
    let mia = shop.mia().await;
    let nobody = shop.strange(NOBODY).await;
    let failure = shop.refused(&mia, nobody, "Your order is ready.").await;
    assert_eq!(failure.code, "not_on_whatsapp");
    assert_eq!(shop.effects("message") + shop.effects("message.refused"), 0);
    assert_eq!(shop.session().await.new_chats_today, 0);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// The lock is looked up before, so that nothing is refused; who wrote is answered meanwhile; a person may lift the pause.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_account_writes_to_nobody_new_and_answers_the_others() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let _ben = shop.whatsapp.customer(BEN.parse().unwrap(), "Ben").await.unwrap();
    let ben = shop.strange(BEN).await;
    shop.whatsapp.set_faults(Faults {
        reachout_locked_until: Some(4_000_000_000),
        ..Faults::default()
    });
    assert_eq!(
        shop.refused(&mia, ben, "Hello Ben.").await.code,
        "new_chats_paused"
    );
    let session = shop.until_paused(Scope::NewChats).await;
    assert_eq!(session.pause_reason.as_deref(), Some("reachout_locked"));
    assert_eq!(session.paused_until.unwrap().as_second(), 4_000_000_000);
    assert_eq!(session.health.state, health::State::Paused);
    assert_eq!(session.health.until, session.paused_until);
    // Not looked up again while it lasts.
    shop.whatsapp.set_faults(Faults::default());
    assert_eq!(shop.refused(&mia, ben, "Ben?").await.code, "new_chats_paused");
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Delivered).await;
    shop.want(Desired::Running).await;
    assert_eq!(shop.session().await.paused_until, None);
    let hello = say(&shop, &mia, ben, "Hello, Ben.").await;
    until_state(&shop, hello, State::Delivered).await;
    let session = shop.session().await;
    assert_eq!((session.new_chats_today, session.new_chats_limit), (1, Some(5)));
    assert_eq!(shop.effects("message.refused"), 0);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_so_many_new_people_and_the_next_day_again() {
    let (shop, shift) = Shop::linked().await;
    let mia = shop.mia().await;
    let _ben = shop.whatsapp.customer(BEN.parse().unwrap(), "Ben").await.unwrap();
    let ben = shop.strange(BEN).await;
    let mut admin = shop.admin().await;
    sqlx::query("UPDATE sessions SET new_chats = 5, new_chats_on = (now() AT TIME ZONE 'UTC')::date")
        .execute(&mut admin)
        .await
        .unwrap();
    let failure = shop.refused(&mia, ben, "Hello Ben.").await;
    assert_eq!(failure.code, "new_chats_spent");
    assert!(failure.help.contains("at most 5 new people"), "{failure:?}");
    sqlx::query("UPDATE sessions SET new_chats_on = new_chats_on - 1")
        .execute(&mut admin)
        .await
        .unwrap();
    let hello = say(&shop, &mia, ben, "Hello, Ben.").await;
    until_state(&shop, hello, State::Delivered).await;
    assert_eq!(shop.session().await.new_chats_today, 1);
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_of_speed_pauses_everything_until_a_person_lifts_it() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let other = Branch::open(&shop, 0).await;
    let (other_customer, other_mia, other_conversation) = other.asked(&shop).await;
    shop.whatsapp.set_faults(Faults {
        nack: Some(429),
        nacks: 1,
        ..Faults::default()
    });
    let failure = shop.refused(&mia, conversation, "Until five.").await;
    assert_eq!(failure.code, "whatsapp_429");
    let session = shop.until_paused(Scope::All).await;
    assert_eq!(session.pause_reason.as_deref(), Some("too_fast"));
    assert_eq!(session.health.state, health::State::Paused);
    let typed = shop.effects("chatstate");
    let waits = say(&shop, &mia, conversation, "Or six.").await;
    // Of another number on the same worker three items go out meanwhile, each after the one before it, and each longer in the
    // typing than this one would be. Each time this one's sender has been told to look, too.
    let texts = [
        "One. Shall we keep a table for you?",
        "Two. Or two tables?",
        "Three. Or none?",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let mut tx = shop.world.hub.db.tenant(shop.tenant).await.unwrap();
        let groups = Some(number % 2 == 0);
        let change = SessionChange {
            groups,
            ..SessionChange::default()
        };
        session::change(&mut tx, shop.session, change).await.unwrap();
        tx.commit().await.unwrap();
        say(&shop, &other_mia, other_conversation, text).await;
        other_customer
            .received(patience(), |message| message["text"] == text)
            .await
            .unwrap();
    }
    let ready = "SELECT count(*) FROM session_outbox WHERE state = 'ready' AND tries = 0";
    assert_eq!(shop.count(ready).await, 1, "it waits, and has not failed");
    assert_eq!(
        (shop.effects("message"), shop.effects("chatstate")),
        (0, typed),
        "nor is it typed"
    );
    shop.want(Desired::Running).await;
    until_state(&shop, waits, State::Delivered).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// Even an old chat can be refused so: it is said, the account leaves new people alone, and answers go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_first_word_pauses_new_chats_alone() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    shop.whatsapp.set_faults(Faults {
        nack: Some(463),
        nacks: 1,
        ..Faults::default()
    });
    assert_eq!(
        shop.refused(&mia, conversation, "Until five.").await.code,
        "whatsapp_463"
    );
    let session = shop.until_paused(Scope::NewChats).await;
    assert!(session.paused_until.is_some());
    let reply = say(&shop, &mia, conversation, "Until six.").await;
    until_state(&shop, reply, State::Delivered).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// What waits for its next try is not overtaken in its chat, not even by a new worker's hand.
#[tokio::test(flavor = "multi_thread")]
async fn words_stay_in_their_order_though_the_first_must_wait() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    shift.stop().await;
    say(&shop, &mia, conversation, "Until five.").await;
    sqlx::query("UPDATE session_outbox SET not_before = now() + interval '6 seconds'")
        .execute(&mut shop.admin().await)
        .await
        .unwrap();
    let second = say(&shop, &mia, conversation, "Or six.").await;
    let shift = super::Shift::start(&shop).await;
    until_state(&shop, second, State::Delivered).await;
    let heard = customer.news(0);
    let texts: Vec<_> = heard
        .iter()
        .filter_map(|news| news.data["text"].as_str())
        .collect();
    assert_eq!(texts, ["Until five.", "Or six."]);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
