//! Linked WhatsApp sessions over HTTP: made, linked while somebody watches, run, rested, unlinked. The worker's words are
//! said by the test, as a worker says them.

use std::time::Duration;

use hub::clock::Clock;
use hub::ids::TenantId;
use hub::role::Role;
use hub::session::SESSIONS_MAX;
use hub::session::pairing::{self, News, PATIENCE};
use hub::testing::{SignedIn, World};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Api;

/// What a busy machine may take for anything at all.
const LIMIT: Duration = Duration::from_secs(20);

/// A tenant with an admin, an api, and a session that is not linked yet.
struct Story {
    world: World,
    api: Api,
    acme: TenantId,
    ann: SignedIn,
    session: String,
}

impl Story {
    async fn begin() -> Self {
        Self::under(Clock::system()).await
    }

    async fn under(clock: Clock) -> Self {
        let world = World::with(|_| {}, clock).await;
        let acme = world.tenant("acme").await;
        let api = Api::start(&world).await;
        let ann = world.staff(acme, "ann", Role::Admin).await;
        let mut story = Self {
            world,
            api,
            acme,
            ann,
            session: String::new(),
        };
        let (status, made) = story.ask(Method::POST, "", json!({ "name": "Front desk" })).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().clone_into(&mut story.session);
        story
    }

    /// An operation on sessions, as the admin.
    async fn ask(&self, method: Method, rest: &str, body: Value) -> (u16, Value) {
        let mut request = self.api.request(method, &format!("/whatsapp-sessions{rest}"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.bearer_auth(&self.ann.token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// An operation on this story's session.
    async fn deed(&self, method: Method, rest: &str, body: Value) -> (u16, Value) {
        self.ask(method, &format!("/{}{rest}", self.session), body).await
    }

    /// Somebody begins to watch.
    async fn watch(&self, who: &SignedIn, wish: Value) -> Stream {
        let request = self
            .api
            .post(&format!("/whatsapp-sessions/{}/pairing", self.session));
        // A key is no reason to keep anything.
        let request = request.header("idempotency-key", "watching").json(&wish);
        let answer = request.bearer_auth(&who.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Stream {
            answer,
            held: String::new(),
        }
    }

    async fn by_qr(&self) -> Stream {
        self.watch(&self.ann, json!({ "mode": "qr" })).await
    }

    /// A column of the session's row, behind the curtain.
    async fn column(&self, name: &str) -> Option<String> {
        let query = format!("SELECT {name}::text FROM sessions WHERE id = '{}'", self.session);
        let mut admin = self.world.admin().await;
        sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut admin)
            .await
            .unwrap()
    }

    async fn set(&self, assignments: &str) {
        let query = format!("UPDATE sessions SET {assignments} WHERE id = '{}'", self.session);
        let mut admin = self.world.admin().await;
        sqlx::query(AssertSqlSafe(query))
            .execute(&mut admin)
            .await
            .unwrap();
    }

    /// The worker's word to whoever watches.
    async fn tell(&self, news: News) {
        let pairing = self.column("pairing_id").await.unwrap();
        pairing::tell(&self.world.hub, &pairing, &news).await;
    }

    async fn eventually(&self, what: &str, column: &str, value: Option<&str>) {
        let wait = async {
            while self.column(column).await.as_deref() != value {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.expect(what);
    }
}

/// An event's name and data; `None` for a comment.
fn told(event: &str) -> Option<(String, Value)> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ")?;
    let name = field("event: ").unwrap().to_owned();
    Some((name, serde_json::from_str(data).unwrap()))
}

/// The news of a pairing, as they come.
struct Stream {
    answer: Response,
    held: String,
}

impl Stream {
    /// The next event: its name and data. Comments are passed over; `None` when the server ended the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(told) = self.next_held() {
                return Some(told);
            }
            let piece = tokio::time::timeout(LIMIT, self.answer.chunk()).await;
            let piece = piece.expect("something every two seconds").unwrap()?;
            self.held.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The same, of what has come.
    fn next_held(&mut self) -> Option<(String, Value)> {
        while let Some((event, rest)) = self.held.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            self.held = rest;
            if let Some(told) = told(&event) {
                return Some(told);
            }
            assert!(event.starts_with(": "), "{event}");
        }
        None
    }

    async fn expect(&mut self, name: &str, data: Value) {
        assert_eq!(self.next().await, Some((name.to_owned(), data)));
    }

    /// This, and nothing more.
    async fn ends_with(mut self, name: &str, data: Value) {
        self.expect(name, data).await;
        assert_eq!(self.next().await, None);
    }
}

fn qr(code: &str) -> News {
    News::Qr {
        code: code.to_owned(),
        expires_in_s: 20,
    }
}

fn failed(reason: &str) -> Value {
    json!({ "type": "failed", "reason": reason })
}

#[tokio::test]
async fn a_new_session_has_an_inbox_of_its_name_and_a_shard() {
    let story = Story::begin().await;
    let (_, sessions) = story.ask(Method::GET, "", Value::Null).await;
    assert_eq!(sessions["items"][0]["name"], "Front desk");
    assert_eq!(sessions["items"][0]["desired"], "stopped");
    assert_eq!(sessions["items"][0]["observed"], "new");
    let mut tx = story.world.hub.db.tenant(story.acme).await.unwrap();
    let inboxes = hub::inbox::list(&mut tx).await.unwrap();
    assert_eq!(inboxes.len(), 1);
    assert_eq!(inboxes[0].channel.as_str(), "whatsapp");
    assert_eq!(inboxes[0].id.to_string(), sessions["items"][0]["inbox_id"]);
    let mut admin = story.world.admin().await;
    let shard: Option<i16> = sqlx::query_scalar("SELECT whatsapp_shard FROM tenants WHERE slug = 'acme'")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(shard.is_some());
}

#[tokio::test]
async fn who_asked_sees_each_qr_until_it_is_linked() {
    let story = Story::begin().await;
    let mut seen = story.by_qr().await;
    let header = |name: &str| seen.answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-accel-buffering"), "no");
    assert_eq!(story.column("desired").await.as_deref(), Some("running"));
    story.tell(qr("first")).await;
    let first = json!({ "type": "qr", "code": "first", "expires_in_s": 20 });
    seen.expect("qr", first).await;
    story.tell(qr("second")).await;
    let second = json!({ "type": "qr", "code": "second", "expires_in_s": 20 });
    seen.expect("qr", second).await;
    let phone = "+15550147".to_owned();
    story.tell(News::Linked { phone }).await;
    seen.ends_with("linked", json!({ "type": "linked", "phone": "+15550147" }))
        .await;
}

#[tokio::test]
async fn a_code_is_for_a_number_and_outlives_the_page_that_showed_it() {
    let mut story = Story::begin().await;
    let wish = json!({ "mode": "code", "phone": "+1 (555) 01-47" });
    let mut seen = story.watch(&story.ann, wish).await;
    assert_eq!(story.column("pairing_phone").await.as_deref(), Some("+15550147"));
    let code = "ABCD1234".to_owned();
    story
        .tell(News::Code {
            code,
            expires_in_s: 160,
        })
        .await;
    let shown = json!({ "type": "code", "code": "ABCD1234", "expires_in_s": 160 });
    seen.expect("code", shown).await;
    // They leave the page to type it on the same phone. A QR that is left after it says when leaving was noticed.
    let pairing = story.column("pairing_id").await;
    drop(seen);
    let (_, other) = story.ask(Method::POST, "", json!({ "name": "Other" })).await;
    let other = other["id"].as_str().unwrap().to_owned();
    let with_code = std::mem::replace(&mut story.session, other);
    drop(story.by_qr().await);
    story.eventually("the QR is given up", "pairing_id", None).await;
    story.session = with_code;
    assert_eq!(story.column("pairing_id").await, pairing);
}

#[tokio::test]
async fn who_hangs_up_on_a_qr_ends_it() {
    let story = Story::begin().await;
    let seen = story.by_qr().await;
    assert!(story.column("pairing_id").await.is_some());
    drop(seen);
    story.eventually("it is given up", "pairing_id", None).await;
    assert_eq!(story.column("desired").await.as_deref(), Some("stopped"));
}

#[tokio::test]
async fn a_number_that_was_linked_before_is_logged_out_again_when_nobody_waits() {
    let story = Story::begin().await;
    story.set("phone = '+15550147', observed = 'logged_out'").await;
    let seen = story.by_qr().await;
    story.set("observed = 'pairing'").await;
    drop(seen);
    story.eventually("it is given up", "pairing_id", None).await;
    assert_eq!(story.column("observed").await.as_deref(), Some("logged_out"));
    assert_eq!(story.column("phone").await.as_deref(), Some("+15550147"));
}

#[tokio::test]
async fn a_second_watcher_ends_the_first() {
    let story = Story::begin().await;
    let bob = story.world.staff(story.acme, "bob", Role::Admin).await;
    let first = story.by_qr().await;
    let mut second = story.watch(&bob, json!({ "mode": "qr" })).await;
    first.ends_with("failed", failed("superseded")).await;
    story.tell(qr("for bob")).await;
    let shown = json!({ "type": "qr", "code": "for bob", "expires_in_s": 20 });
    second.expect("qr", shown).await;
}

#[tokio::test]
async fn an_outcome_that_redis_lost_is_read_from_the_row() {
    let story = Story::begin().await;
    let seen = story.by_qr().await;
    story
        .set("pairing_id = NULL, phone = '+15550147', observed = 'connecting'")
        .await;
    seen.ends_with("linked", json!({ "type": "linked", "phone": "+15550147" }))
        .await;
    story
        .set("phone = NULL, desired = 'stopped', observed = 'new'")
        .await;
    let seen = story.by_qr().await;
    story.set("pairing_id = NULL, observed = 'passkey_needed'").await;
    seen.ends_with("failed", failed("passkey_needed")).await;
}

#[tokio::test]
async fn nobody_waits_longer_than_the_patience() {
    let clock = Clock::held(Clock::system().now());
    let story = Story::under(clock.clone()).await;
    let unheard = story.by_qr().await;
    clock.advance(PATIENCE);
    unheard.ends_with("failed", failed("no_worker")).await;
    let mut spent = story.by_qr().await;
    story.tell(qr("only")).await;
    let shown = json!({ "type": "qr", "code": "only", "expires_in_s": 20 });
    spent.expect("qr", shown).await;
    clock.advance(PATIENCE);
    spent.ends_with("failed", failed("codes_spent")).await;
    story.eventually("it is given up", "pairing_id", None).await;
}

#[tokio::test]
async fn who_may_not_any_more_stops_seeing() {
    let story = Story::begin().await;
    let owner = story.world.staff(story.acme, "olga", Role::Owner).await;
    let seen = story.by_qr().await;
    let change = story
        .api
        .request(Method::PATCH, &format!("/staff/{}", story.ann.id));
    let demoted = change.json(&json!({ "role": "staff" })).bearer_auth(&owner.token);
    assert_eq!(demoted.send().await.unwrap().status(), 200);
    seen.ends_with("failed", failed("signed_out")).await;
    story.eventually("it is given up", "pairing_id", None).await;
}

#[tokio::test]
async fn a_code_is_nowhere_but_on_the_watchers_screen() {
    let story = Story::begin().await;
    let mut seen = story.by_qr().await;
    story.tell(qr("2@a-secret-of-the-network")).await;
    assert_eq!(seen.next().await.unwrap().0, "qr");
    story.tell(News::failed("refused")).await;
    seen.ends_with("failed", failed("refused")).await;
    let mut admin = story.world.admin().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    for table in tables {
        let query = format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%a-secret-of-the-network%'");
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert_eq!(found, 0, "{table}");
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(kept, 0, "a stream was kept for its key");
}

#[tokio::test]
async fn what_cannot_be_linked_is_refused_in_words() {
    let story = Story::begin().await;
    for (wish, field) in [
        (json!({ "mode": "code", "phone": "030 901820" }), "phone"),
        (json!({ "mode": "code", "phone": "+0155501" }), "phone"),
        (json!({ "mode": "code" }), "phone"),
        (json!({ "mode": "qr", "phone": "+15550147" }), "phone"),
        (json!({ "mode": "fax" }), "mode"),
    ] {
        let (status, problem) = story.deed(Method::POST, "/pairing", wish.clone()).await;
        assert_eq!(status, 422, "{wish}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{wish}: {problem}");
    }
    assert_eq!(story.column("pairing_id").await, None);
    story.set("phone = '+15550147', observed = 'connected'").await;
    let (status, problem) = story
        .deed(Method::POST, "/pairing", json!({ "mode": "qr" }))
        .await;
    assert_eq!((status, &problem["code"]), (409, &json!("already_linked")));
    // Unlinked from the phone, it is linked anew.
    story.set("observed = 'logged_out'").await;
    drop(story.by_qr().await);
    let (status, problem) = story.ask(Method::POST, "", json!({ "name": " " })).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("name")));
}

#[tokio::test]
async fn there_are_only_so_many_sessions() {
    let story = Story::begin().await;
    for number in 1..SESSIONS_MAX {
        let (status, made) = story
            .ask(Method::POST, "", json!({ "name": format!("Desk {number}") }))
            .await;
        assert_eq!(status, 201, "{made}");
    }
    let (status, problem) = story.ask(Method::POST, "", json!({ "name": "One more" })).await;
    assert_eq!((status, &problem["code"]), (409, &json!("too_many_sessions")));
}

#[tokio::test]
async fn a_linked_session_is_rested_run_set_and_unlinked() {
    let story = Story::begin().await;
    for (method, rest, body) in [
        (Method::PATCH, "", json!({ "desired": "running" })),
        (Method::POST, "/unlink", Value::Null),
    ] {
        let (status, problem) = story.deed(method, rest, body).await;
        assert_eq!((status, &problem["code"]), (409, &json!("not_linked")));
    }
    story
        .set("phone = '+15550147', desired = 'running', observed = 'replaced', paused_until = now(), pause_reason = 'limits'")
        .await;
    let change = json!({ "desired": "running", "groups": true, "name": "Shop floor" });
    let (status, running) = story.deed(Method::PATCH, "", change).await;
    assert_eq!(status, 200, "{running}");
    assert_eq!(running["observed"], "connecting");
    assert_eq!(running["paused_until"], Value::Null);
    assert_eq!(running["groups"], true);
    assert_eq!(running["name"], "Shop floor");
    let (_, stopped) = story
        .deed(Method::PATCH, "", json!({ "desired": "stopped" }))
        .await;
    assert_eq!(stopped["desired"], "stopped");
    let (status, unlinked) = story.deed(Method::POST, "/unlink", Value::Null).await;
    assert_eq!((status, &unlinked["desired"]), (202, &json!("unlinked")));
    let (status, _) = story
        .deed(Method::PATCH, "", json!({ "desired": "unlinked" }))
        .await;
    assert_eq!(status, 422);
    let mut admin = story.world.admin().await;
    let kinds: Vec<String> = sqlx::query_scalar("SELECT kind FROM events ORDER BY seq")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    assert_eq!(
        kinds,
        [
            "inbox.updated",
            "session.updated",
            "inbox.updated",
            "session.updated",
            "session.updated",
            "session.updated"
        ]
    );
    let deeds: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit_log WHERE action LIKE 'session.%' ORDER BY id")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(
        deeds,
        [
            "session.created",
            "session.changed",
            "session.changed",
            "session.unlinked"
        ]
    );
}
