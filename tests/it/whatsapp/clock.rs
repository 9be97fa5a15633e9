//! Wall clocks that are set while people talk. Who owns what is on Postgres's clock and on monotonic ones, and so is what
//! waits: a clock that is wrong by an hour costs nobody anything.
//!
//! The workers are real processes whose wall clock libfaketime moves, for them alone: the library's clock goes with it, what
//! is outside goes on as ever.

use std::path::PathBuf;
use std::sync::Arc;

use fake_wa::{Faults, Refusal};
use hub::message::State;
use hub::session::Observed;
use tokio_util::sync::CancellationToken;

use super::outbound::{asked, say, until_state};
use super::rolling::{answer, talk};
use super::{Shift, Shop, here};

/// In seconds.
const HOUR: i64 = 3_600;

/// The wall clock of one process.
struct Wall {
    folder: tempfile::TempDir,
}

impl Wall {
    /// One that is right.
    fn new() -> Self {
        let wall = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        wall.set(0);
        wall
    }

    /// Sets it this many seconds ahead of the true time, at once.
    fn set(&self, ahead_s: i64) {
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, format!("{ahead_s:+}\n")).unwrap();
        std::fs::rename(draft, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }

    /// A worker that sees it, and sends as fast as it can.
    async fn shift(&self, shop: &Shop) -> Shift {
        let settings = [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("SWITCHBOARD_WHATSAPP__PACING", "off".to_owned()),
            ("SWITCHBOARD_WHATSAPP__SILENT_AFTER_S", "9".to_owned()),
        ];
        Shift::with(shop, &settings).await
    }
}

/// Where the distribution has put it.
fn library() -> String {
    let below = |folder: &str| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders = vec![
        PathBuf::from("/usr/lib/faketime"),
        PathBuf::from("/usr/lib64/faketime"),
    ];
    folders.extend(below("/usr/lib").map(|entry| entry.path().join("faketime")));
    let found = folders
        .into_iter()
        .map(|folder| folder.join("libfaketimeMT.so.1"))
        .find(|library| library.exists());
    let found = found.expect("libfaketime: ./services.sh install test");
    found.display().to_string()
}

impl Shop {
    /// Whose the session is, under which epoch, and since when it is connected.
    async fn belongs(&self) -> (i64, Option<String>, String) {
        sqlx::query_as("SELECT epoch, worker, connected_at::text FROM sessions")
            .fetch_one(&mut self.admin().await)
            .await
            .unwrap()
    }

    /// So many more messages of the customer.
    async fn until_more(&self, count: usize) {
        let seen = self.inbound().await.len();
        self.until_inbound(seen + count).await;
    }
}

/// By what a worker writes down with each message that comes in.
const IS_AHEAD: &str = "SELECT count(*) FROM sessions WHERE received_at > now() + interval '30 minutes'";
const IS_BEHIND: &str = "SELECT count(*) FROM sessions WHERE received_at < now() - interval '30 minutes'";
const IS_RIGHT: &str = "SELECT count(*) FROM sessions
    WHERE received_at BETWEEN now() - interval '10 minutes' AND now() + interval '10 minutes'";

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_set_while_people_talk_change_nothing_for_them() {
    let shop = Shop::open().await;
    let walls = [Wall::new(), Wall::new()];
    let first = walls[0].shift(&shop).await;
    shop.link().await;
    shop.until_with(&first).await;
    let second = walls[1].shift(&shop).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    let (before, stays) = (shop.belongs().await, shop.whatsapp.record(Some(here())).len());
    let stop = CancellationToken::new();
    let asking = tokio::spawn(talk(Arc::clone(&customer), here(), stop.clone()));
    let jumps = async {
        for (ahead_s, is_seen) in [(HOUR, IS_AHEAD), (-HOUR, IS_BEHIND), (0, IS_RIGHT)] {
            walls[0].set(ahead_s);
            walls[1].set(ahead_s);
            shop.until(is_seen, 1).await;
            // Longer than a connection may be silent.
            shop.until_more(50).await;
        }
        stop.cancel();
    };
    let ((), answers) = tokio::join!(jumps, answer(&shop, &mia, conversation, &stop));
    let questions = asking.await.unwrap();
    for id in &answers {
        until_state(&shop, *id, State::Delivered).await;
    }
    shop.until_inbound(questions + 1).await;
    let expected: Vec<String> = (0..questions).map(|n| format!("Question {n}")).collect();
    assert_eq!(
        shop.inbound().await[1..],
        expected,
        "all of them, once, in their order"
    );
    let texts: Vec<String> = (0..answers.len()).map(|n| format!("Answer {n}")).collect();
    shop.said_once(here(), &customer, &texts).await;
    assert_eq!(
        shop.belongs().await,
        before,
        "the same worker, epoch and connection"
    );
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "WhatsApp saw nothing"
    );
    shop.never_two();
    first.stop().await;
    second.stop().await;
    shop.whatsapp.stop().await;
}

/// With the clock an hour back, the library believes for an hour that it has just heard something, and asks for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_while_nobody_talks_ends_no_connection() {
    let shop = Shop::open().await;
    let wall = Wall::new();
    let shift = wall.shift(&shop).await;
    shop.link().await;
    shop.until_with(&shift).await;
    let (before, stays) = (shop.belongs().await, shop.whatsapp.record(Some(here())).len());
    wall.set(-HOUR);
    // It is written down twice that something was heard, which is longer than a connection may be silent.
    let mut admin = shop.admin().await;
    for _ in 0..2 {
        sqlx::raw_sql("UPDATE sessions SET heard_at = 'infinity'")
            .execute(&mut admin)
            .await
            .unwrap();
        shop.until(
            "SELECT count(*) FROM sessions WHERE heard_at < now() - interval '30 minutes'",
            1,
        )
        .await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    assert_eq!(
        shop.belongs().await,
        before,
        "the same worker, epoch and connection"
    );
    assert_eq!(
        shop.whatsapp.record(Some(here())).len(),
        stays,
        "WhatsApp saw nothing"
    );
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_off_that_a_wrong_clock_dated_is_not_an_hour() {
    let shop = Shop::open().await;
    let wall = Wall::new();
    let shift = wall.shift(&shop).await;
    shop.link().await;
    shop.until_with(&shift).await;
    wall.set(HOUR);
    let refusal = Refusal {
        reason: 503,
        code: None,
        expire_s: None,
        phones: Vec::new(),
    };
    shop.whatsapp.refuse(here(), Some(refusal)).unwrap();
    shop.whatsapp.cut(Some(here()));
    shop.until(
        "SELECT count(*) FROM sessions WHERE observed = 'waiting' AND next_attempt_at > now() + interval '30 minutes'",
        1,
    )
    .await;
    wall.set(0);
    shop.whatsapp.refuse(here(), None).unwrap();
    shop.until_observed(Observed::Connected).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// What staff write is dated by another machine's clock, and what is tried again by the worker's own.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_go_out_does_not_wait_for_a_wrong_clock() {
    let shop = Shop::open().await;
    let wall = Wall::new();
    let shift = wall.shift(&shop).await;
    shop.link().await;
    shop.until_with(&shift).await;
    let customer = shop.customer().await;
    let (mia, conversation) = asked(&shop, &customer).await;
    wall.set(-HOUR);
    let reply = say(&shop, &mia, conversation, "Until five.").await;
    until_state(&shop, reply, State::Delivered).await;
    wall.set(HOUR);
    shop.whatsapp.set_faults(Faults {
        lose_messages: 1,
        ..Faults::default()
    });
    let reply = say(&shop, &mia, conversation, "And tomorrow.").await;
    shop.until(
        "SELECT count(*) FROM session_outbox WHERE last_error = 'no answer'",
        1,
    )
    .await;
    wall.set(0);
    until_state(&shop, reply, State::Delivered).await;
    let texts = ["Until five.", "And tomorrow."];
    shop.said_once(here(), &customer, &texts).await;
    shift.stop().await;
    shop.whatsapp.stop().await;
}
