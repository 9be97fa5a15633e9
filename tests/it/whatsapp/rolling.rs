//! Deploys: every worker is replaced by a new one, again and again, while people talk.

use std::sync::Arc;
use std::time::Duration;

use fake_wa::{Customer, Phone};
use hub::ids::ConversationId;
use hub::testing::SignedIn;
use tokio_util::sync::CancellationToken;

use super::branch::Branch;
use super::outbound::say;
use super::{PATIENCE, Shift, Shop};
use crate::fleet::rounds;

/// Between two messages of one side.
const PAUSE: Duration = Duration::from_millis(200);

/// The customer talks until told to stop; how often.
pub(super) async fn talk(customer: Arc<Customer>, to: Phone, stop: CancellationToken) -> usize {
    let mut said = 0;
    while !stop.is_cancelled() {
        customer.say(to, &format!("Question {said}")).await.unwrap();
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

/// One business during the deploys: its customer talks, its staff answer.
struct Desk {
    branch: Branch,
    customer: Arc<Customer>,
    staff: SignedIn,
    conversation: ConversationId,
}

impl Desk {
    async fn open(shop: &Shop, branch: Branch) -> Self {
        let (customer, staff, conversation) = branch.asked(shop).await;
        Self {
            branch,
            customer,
            staff,
            conversation,
        }
    }

    /// Both sides at once, until told to stop; how many questions, and how many answers.
    async fn busy(&self, shop: &Shop, stop: &CancellationToken) -> (usize, usize) {
        let asking = talk(Arc::clone(&self.customer), self.branch.phone, stop.clone());
        let answering = answer(shop, &self.staff, self.conversation, stop);
        let (questions, answers) = tokio::join!(asking, answering);
        (questions, answers.len())
    }

    /// Nothing is missing, and nothing is there twice; how many answers were sent more than once under their id.
    async fn check(&self, shop: &Shop, (questions, answers): (usize, usize)) -> usize {
        let wait = async {
            while self.branch.inbound(shop).await.len() <= questions {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("all questions");
        let expected: Vec<String> = (0..questions).map(|n| format!("Question {n}")).collect();
        let inbound = self.branch.inbound(shop).await;
        assert_eq!(inbound[1..], expected, "all of them, once, in their order");
        let texts: Vec<String> = (0..answers).map(|n| format!("Answer {n}")).collect();
        let reached = shop
            .said_under_one_id(self.branch.phone, &self.customer, &texts)
            .await;
        reached.values().filter(|one| one.relayed > 1).count()
    }
}

/// Whom each session was with, and under which epoch.
async fn owners(shop: &Shop) -> Vec<(String, i64)> {
    sqlx::query_as("SELECT worker, epoch FROM sessions WHERE phone IS NOT NULL ORDER BY id")
        .fetch_all(&mut shop.admin().await)
        .await
        .unwrap()
}

/// Each round both workers are replaced, one after the other: a new one comes, an old one goes.
async fn deploy(shop: &Shop, mut on_duty: [Shift; 2], sessions: usize) -> [Shift; 2] {
    for round in 0..rounds(2) {
        let before = owners(shop).await;
        for place in &mut on_duty {
            let old = std::mem::replace(place, hasty(shop).await);
            old.stop().await;
        }
        let names = [on_duty[0].name(), on_duty[1].name()];
        shop.until_all_with(sessions, &names).await;
        let moved = before.iter().zip(owners(shop).await);
        let moved = moved.filter(|(old, new)| old.0 != new.0 && old.1 < new.1).count();
        assert_eq!(
            moved,
            before.len(),
            "all sessions moved in round {round}: {before:?}"
        );
    }
    on_duty
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys_lose_and_double_nothing_and_throw_nobody_out() {
    let shop = Shop::open().await;
    let on_duty = [hasty(&shop).await, hasty(&shop).await];
    let branches = Branch::open_all(&shop, 3).await;
    let names = [on_duty[0].name(), on_duty[1].name()];
    shop.until_all_with(3, &names).await;
    let mut desks = Vec::new();
    for branch in branches {
        desks.push(Desk::open(&shop, branch).await);
    }
    let stop = CancellationToken::new();
    let deploys = async {
        let last = deploy(&shop, on_duty, 3).await;
        stop.cancel();
        last
    };
    let talks = futures_util::future::join_all(desks.iter().map(|desk| desk.busy(&shop, &stop)));
    let (last, said) = tokio::join!(deploys, talks);
    shop.until_all_delivered().await;
    let mut repeats = 0;
    for (desk, said) in desks.iter().zip(&said) {
        repeats += desk.check(&shop, *said).await;
    }
    shop.never_two();
    let conflicts = "SELECT count(*) FROM events WHERE data -> 'session' ->> 'observed' = 'replaced'";
    assert_eq!(shop.count(conflicts).await, 0, "nobody was thrown out");
    println!(
        "{} rounds of two: questions and answers {said:?}, {repeats} sent twice, {} connections",
        rounds(2),
        shop.whatsapp
            .record(None)
            .iter()
            .filter(|stay| desks.iter().any(|desk| desk.branch.phone == stay.phone))
            .count()
    );
    for shift in last {
        shift.stop().await;
    }
    shop.whatsapp.stop().await;
}
