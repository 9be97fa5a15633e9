//! STOP against everything under way: whatever the order of words, answers, attempts and work on them, no attempt of ours
//! begins while the last acknowledged word is STOP.

use hub::Hub;
use hub::ids::{ConversationId, InboxId, MessageId, SubmissionId, TenantId};
use hub::message::send::{self, Next, Order, Outcome};
use hub::message::{self, Draft};
use hub::role::Role;
use hub::submission::{self, Body, NewSubmission, Sms};
use hub::testing::SignedIn;

use super::{Desk, HERE};

/// Orders that are tried; each is other people, so none knows of the others.
const ORDERS: u64 = 150;
const STEPS: u64 = 24;

/// Reproducible: an order that fails is told by its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct Story<'a> {
    hub: &'a Hub,
    tenant: TenantId,
    inbox: InboxId,
    staff: &'a SignedIn,
    number: String,
    conversation: ConversationId,
    words: u64,
    said: Vec<MessageId>,
    attempts: Vec<Order>,
    /// The last acknowledged word is STOP.
    stopped: bool,
    log: Vec<String>,
}

impl Story<'_> {
    async fn text(&mut self, body: &str) {
        self.words += 1;
        let id = format!("SM{}{}", self.number, self.words);
        let text = Sms {
            from: self.number.clone(),
            body: body.to_owned(),
            provider_id: id.clone(),
            keyword_answered: false,
            media: Vec::new(),
            media_types: Vec::new(),
            sent_at: None,
        };
        let new = NewSubmission {
            tenant: self.tenant,
            inbox: self.inbox,
            dedup_key: id,
            body: Body::Sms(text),
        };
        self.hub.intake.commit(self.hub, new).await.unwrap();
        self.stopped = match body {
            "STOP" => true,
            "START" => false,
            _ => self.stopped,
        };
        self.log.push(body.to_owned());
    }

    /// Works one of the open texts in, whichever it is: workers are many and in no order.
    async fn work(&mut self, desk: &Desk, dice: &mut Dice) {
        let open: Vec<uuid::Uuid> = sqlx::query_scalar(
            "SELECT id FROM submissions WHERE processed_at IS NULL AND body->>'from' = $1 ORDER BY id",
        )
        .bind(&self.number)
        .fetch_all(&mut desk.world.admin().await)
        .await
        .unwrap();
        let Some(count) = u64::try_from(open.len()).ok().filter(|count| *count > 0) else {
            return;
        };
        let at = usize::try_from(dice.roll(count)).unwrap();
        submission::process(self.hub, self.tenant, SubmissionId::from(open[at]))
            .await
            .unwrap();
        self.log.push(format!("work {at}"));
    }

    async fn say(&mut self) {
        let draft = Draft {
            body: "Our offer".to_owned(),
            key: format!("{}-{}", self.number, self.log.len()),
            ..Draft::default()
        };
        // Refused while they want no texts: that is the point.
        if let Ok((message, _)) =
            message::reply(self.hub, &self.staff.principal, self.conversation, &draft).await
        {
            self.said.push(message.id);
        }
        self.log.push("say".to_owned());
    }

    async fn attempt(&mut self, dice: &mut Dice) {
        let Some(count) = u64::try_from(self.said.len()).ok().filter(|count| *count > 0) else {
            return;
        };
        let id = self.said[usize::try_from(dice.roll(count)).unwrap()];
        self.log.push("attempt".to_owned());
        if let Next::Send(order) = send::start(self.hub, self.tenant, id).await.unwrap() {
            assert!(!self.stopped, "sent after STOP: {:?}", self.log);
            self.attempts.push(order);
        }
    }

    async fn come_back(&mut self, dice: &mut Dice) {
        if let Some(order) = self.attempts.pop() {
            let outcome = match dice.roll(2) {
                0 => Outcome::NotSent,
                _ => Outcome::Sent(format!("SM{}", order.message)),
            };
            self.log.push(format!("{outcome:?}"));
            send::finish(self.hub, &order, outcome).await.unwrap();
        }
        // Staff try what failed once more.
        if let Some(id) = self.said.last() {
            message::retry(self.hub, &self.staff.principal, *id).await.ok();
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_while_the_last_word_is_stop_in_whatever_order_things_happen() {
    let desk = Desk::without_worker().await;
    let hub = &desk.world.hub;
    let (tenant, inbox): (uuid::Uuid, uuid::Uuid) =
        sqlx::query_as("SELECT tenant_id, id FROM inboxes WHERE address = $1")
            .bind(HERE)
            .fetch_one(&mut desk.world.admin().await)
            .await
            .unwrap();
    let (tenant, inbox) = (TenantId::trusted(tenant), InboxId::from(inbox));
    let staff = desk.world.staff(tenant, "ann", Role::Staff).await;
    for order in 1..=ORDERS {
        let mut dice = Dice(order.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let number = format!("+1555{order:07}");
        let mut tx = hub.db.tenant(tenant).await.unwrap();
        let known = hub::contact::meet(&mut tx, hub::contact::IdentityKind::Phone, &number, None)
            .await
            .unwrap();
        let conversation =
            hub::conversation::between(&mut tx, known.contact, inbox, hub::inbox::Channel::Sms, None)
                .await
                .unwrap();
        tx.commit().await.unwrap();
        let mut story = Story {
            hub,
            tenant,
            inbox,
            staff: &staff,
            number,
            conversation,
            words: 0,
            said: Vec::new(),
            attempts: Vec::new(),
            stopped: false,
            log: vec![format!("order {order}")],
        };
        for _ in 0..STEPS {
            match dice.roll(10) {
                0 => story.text("STOP").await,
                1 => story.text("START").await,
                2 => story.text("HELP").await,
                3 | 4 => story.work(&desk, &mut dice).await,
                5 | 6 => story.say().await,
                7 | 8 => story.attempt(&mut dice).await,
                _ => story.come_back(&mut dice).await,
            }
        }
    }
    let confirmations = desk
        .count("SELECT count(*) FROM messages WHERE author = 'system' AND direction = 'out'")
        .await;
    assert!(confirmations > 0, "STOP and START are confirmed");
    let sent = desk.count("SELECT count(*) FROM messages WHERE author = 'staff' AND sending_at IS NOT NULL");
    assert!(sent.await > 20, "the orders prove something");
}
