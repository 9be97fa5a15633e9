//! The same powers over HTTP.
use fake_wa::{Config, Server};
use serde_json::{Value, json};

struct Control {
    base: String,
    http: reqwest::Client,
}

impl Control {
    async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> (u16, Value) {
        let call = self
            .http
            .request(method, format!("{}{path}", self.base))
            .json(&body);
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, told) = self.call(reqwest::Method::POST, path, body).await;
        assert!(status < 300, "{path}: {status} {told}");
        told
    }

    async fn put(&self, path: &str, body: Value) {
        let (status, told) = self.call(reqwest::Method::PUT, path, body).await;
        assert!(status < 300, "{path}: {status} {told}");
    }

    async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, Value::Null).await.1
    }
}

async fn world() -> (Server, Control) {
    let server = Server::start(Config::default()).await.unwrap();
    let base = format!("http://{}/_control", server.address());
    let http = fake_wa::plain_http().unwrap();
    (server, Control { base, http })
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_come_talk_read_and_go() {
    let (server, control) = world().await;
    control
        .post("/customers", json!({"phone": "+15550100", "name": "One"}))
        .await;
    control
        .post("/customers", json!({"phone": "+15550101", "name": "Other"}))
        .await;
    let said = control
        .post(
            "/customers/+15550100/say",
            json!({"to": "+15550101", "text": "Hello"}),
        )
        .await;
    let news = control
        .get("/customers/+15550101/news?kind=message&wait_ms=30000")
        .await;
    assert_eq!(
        (&news[0]["data"]["text"], &news[0]["data"]["id"]),
        (&json!("Hello"), &said["id"])
    );
    control
        .post("/customers/+15550101/read", json!({"ids": [said["id"]]}))
        .await;
    let read = |news: &Value| news["data"]["tick"] == "read";
    let mut after = 0;
    loop {
        let path = format!("/customers/+15550100/news?kind=receipt&wait_ms=30000&after={after}");
        let news = control.get(&path).await;
        let news = news.as_array().unwrap();
        if news.iter().any(read) {
            break;
        }
        after = news.last().expect("a receipt")["number"].as_u64().unwrap();
    }
    control
        .put("/customers/+15550101/online", json!({"online": false}))
        .await;
    let accounts = control.get("/accounts").await;
    assert_eq!(accounts[1]["devices"][0]["connection"], Value::Null);
    let (status, told) = control
        .call(
            reqwest::Method::POST,
            "/customers/+15550109/say",
            json!({"to": "+15550101"}),
        )
        .await;
    assert_eq!(
        (status, &told["error"]),
        (422, &json!("there is no customer +15550109"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_made_by_the_hundred_and_faults_are_set() {
    let (server, control) = world().await;
    let made = control
        .post("/sessions", json!({"first": "+15550200", "count": 100}))
        .await;
    let sessions = made["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 100);
    assert_eq!(sessions[99]["phone"], json!("+15550299"));
    control
        .put("/faults", json!({"connect": {"http": 503}, "connects": 2}))
        .await;
    assert_eq!(control.get("/faults").await["connects"], json!(2));
    control
        .put(
            "/accounts/+15550200/refusal",
            json!({"reason": 402, "code": 101, "expire_s": 60}),
        )
        .await;
    control
        .put("/accounts/+15550200/hold", json!({"held": true}))
        .await;
    assert_eq!(control.post("/cut", json!({"all": true})).await["cut"], json!(0));
    assert_eq!(control.get("/overlaps?margin_ms=0").await, json!([]));
    assert!(
        control.get("").await["POST scan"].is_object(),
        "the index tells the rest"
    );
    server.stop().await;
}
