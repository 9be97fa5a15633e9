//! Web forms: from any site into the inbox, and answered by text where a number was left.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Desk;

async fn form(desk: &Desk, settings: Value) -> String {
    let new = json!({ "channel": "form", "name": "Website", "settings": settings });
    let (status, made) = desk.ask(Method::POST, "/inboxes", new).await;
    assert_eq!(status, 201, "{made}");
    made["address"].as_str().unwrap().to_owned()
}

impl Desk {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api.address)
    }

    async fn fill(&self, key: &str, answers: &Value) -> (StatusCode, Value) {
        let request = self
            .api
            .client
            .post(self.url(&format!("/forms/{key}")))
            .json(answers);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_form_joins_the_conversation_its_sender_is_answered_in() {
    let desk = Desk::open().await;
    let key = form(&desk, json!({})).await;
    let answers = json!({ "name": "Ann", "phone": "+15550101", "email": "Ann@Example.com", "message": "My sink leaks",
        "_key": "draft-1" });
    for _ in 0..3 {
        let (status, thanks) = desk.fill(&key, &answers).await;
        assert_eq!((status, &thanks["ok"]), (StatusCode::OK, &true.into()));
    }
    desk.until("SELECT count(*) FROM messages", 1).await;
    assert_eq!(
        desk.count("SELECT count(*) FROM submissions").await,
        1,
        "a second click is the same submission"
    );
    let row = desk.get("/conversations").await["items"][0].clone();
    assert_eq!(
        (&row["contact"]["name"], &row["subject"]),
        (&"Ann".into(), &"Contact us".into())
    );
    let conversation = row["id"].as_str().unwrap();
    let contact = desk
        .get(&format!("/contacts/{}", row["contact"]["id"].as_str().unwrap()))
        .await;
    assert_eq!(contact["identities"].as_array().unwrap().len(), 2);
    let (status, _) = desk.say(conversation, "We come at ten", "k1").await;
    assert_eq!(status, 201);
    desk.until("SELECT count(*) FROM messages WHERE state = 'delivered'", 1)
        .await;
    desk.twilio
        .send_sms("+15550101", super::HERE, "Great")
        .await
        .unwrap();
    desk.until("SELECT count(*) FROM messages", 3).await;
    assert_eq!(desk.count("SELECT count(*) FROM conversations").await, 1);
}

#[tokio::test]
async fn who_left_no_number_cannot_be_texted() {
    let desk = Desk::open().await;
    let key = form(&desk, json!({})).await;
    desk.fill(
        &key,
        &json!({ "name": "Ann", "email": "ann@example.com", "message": "Hi" }),
    )
    .await;
    desk.until("SELECT count(*) FROM messages", 1).await;
    let row = desk.get("/conversations?channel=form").await["items"][0].clone();
    let (status, refused) = desk.say(row["id"].as_str().unwrap(), "Hello", "k1").await;
    assert_eq!((status, &refused["code"]), (422, &"not_sendable".into()));
    assert!(refused["detail"].as_str().unwrap().contains("no phone number"));
}

#[tokio::test]
async fn a_form_says_all_that_is_wrong_and_robots_are_not_heard() {
    let desk = Desk::without_worker().await;
    let key = form(&desk, json!({})).await;
    let (status, wrong) = desk.fill(&key, &json!({ "email": "nobody", "phone": "x" })).await;
    assert_eq!(status, 422);
    let fields: Vec<_> = wrong["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["field"].clone())
        .collect();
    assert_eq!(fields, ["name", "phone", "email", "message"]);
    let robot = json!({ "name": "R", "message": "buy", "_website": "http://spam.example" });
    assert_eq!(desk.fill(&key, &robot).await.0, 200);
    assert_eq!(desk.count("SELECT count(*) FROM submissions").await, 0);
    assert_eq!(desk.fill("f_000000000000000000000000", &robot).await.0, 404);
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        last = desk.fill(&key, &json!({ "name": "A", "message": "B" })).await.0;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn only_the_sites_that_were_named_may_send_it() {
    let desk = Desk::without_worker().await;
    let key = form(
        &desk,
        json!({ "allowed_origins": ["https://acme.example"], "thank_you": "Merci <3" }),
    )
    .await;
    let url = desk.url(&format!("/forms/{key}"));
    let answers = json!({ "name": "Ann", "message": "Hi" });
    for (origin, expected) in [
        ("https://acme.example", 200),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        let request = desk.api.client.post(&url).header("origin", origin).json(&answers);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), expected, "{origin}");
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    let asked = desk
        .api
        .client
        .request(Method::OPTIONS, &url)
        .header("origin", "https://acme.example");
    assert_eq!(asked.send().await.unwrap().status(), 204);
    // A plain form post is answered with a page.
    let plain = desk
        .api
        .client
        .post(&url)
        .form(&[("name", "Ann"), ("message", "Hi")]);
    let page = plain.send().await.unwrap();
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(page.text().await.unwrap().contains("Merci &lt;3"));
    let script = desk.api.client.get(desk.url("/widget.js")).send().await.unwrap();
    assert!(
        script.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/javascript")
    );
}
