//! Forged webhooks: refused without a word, a row or a query.

use hub::testing::World;
use reqwest::StatusCode;

use super::{ANN, Desk, HERE, connect};

const PATH: &str = "/webhooks/twilio/sms";

struct Forger<'a> {
    desk: &'a Desk,
    account: String,
    token: String,
}

impl Forger<'_> {
    fn form(&self, to: &str) -> String {
        let pairs = [
            ("AccountSid", self.account.as_str()),
            ("Body", "hi"),
            ("From", ANN),
            ("MessageSid", "SM9"),
            ("To", to),
        ];
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    }

    fn signature(&self, form: &str) -> String {
        let url = format!("{}{PATH}", super::PUBLIC_URL);
        connectors::twilio::signature::sign(
            connectors::twilio::signature::Algorithm::HmacSha1,
            &self.token,
            &url,
            form.as_bytes(),
        )
    }

    async fn post(&self, form: &str, headers: &[(&str, &str)]) -> StatusCode {
        let url = format!("http://{}{PATH}", self.desk.api.address);
        let mut request = self.desk.api.client.post(url).body(form.to_owned());
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap().status()
    }
}

fn forger(desk: &Desk) -> Forger<'_> {
    let account = desk.twilio.account();
    Forger {
        desk,
        account: account.sid,
        token: account.auth_token,
    }
}

#[tokio::test]
async fn what_is_not_signed_for_this_number_is_refused_without_a_query() {
    let desk = Desk::without_worker().await;
    let forger = forger(&desk);
    let form = forger.form(HERE);
    let right = forger.signature(&form);
    // Known from now on, for some seconds.
    assert_eq!(forger.post(&form, &[("x-twilio-signature", &right)]).await, 200);
    let mut admin = desk.world.admin().await;
    let mut held = sqlx::Connection::begin(&mut admin).await.unwrap();
    sqlx::raw_sql(
        "LOCK TABLE tenants, connections, inboxes, inbox_routes, submissions, jobs IN ACCESS EXCLUSIVE MODE",
    )
    .execute(&mut *held)
    .await
    .unwrap();
    let forged = [
        vec![],
        vec![("x-twilio-signature", "")],
        vec![("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
        vec![
            ("x-twilio-signature", right.as_str()),
            ("x-twilio-signature", right.as_str()),
        ],
        vec![
            ("x-twilio-signature", right.as_str()),
            (
                "x-twilio-webhooks-signature-settings",
                "key=x,algorithm=HMAC_SHA256",
            ),
        ],
    ];
    for headers in &forged {
        assert_eq!(forger.post(&form, headers).await, 403, "{headers:?}");
    }
    for changed in [
        form.replace("Body=hi", "Body=ho"),
        format!("{form}&Extra=1"),
        form.replace("Body=hi&", ""),
    ] {
        assert_eq!(
            forger.post(&changed, &[("x-twilio-signature", &right)]).await,
            403,
            "{changed}"
        );
    }
    // The URL is ours by configuration: what a request says of its host changes nothing.
    for header in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "forwarded",
        "x-original-url",
    ] {
        let headers = [
            ("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            (header, "switchboard.example.test"),
        ];
        assert_eq!(forger.post(&form, &headers).await, 403);
    }
    sqlx::Transaction::rollback(held).await.unwrap();
    assert_eq!(desk.count("SELECT count(*) FROM submissions").await, 1);
}

#[tokio::test]
async fn another_tenants_key_does_not_open_this_one() {
    let desk = Desk::without_worker().await;
    let (sid, token, number) = (
        "AC00000000000000000000000000000002",
        "another-auth-token",
        "+15550198",
    );
    let bolt = desk.world.tenant("bolt").await;
    connect(&desk.world.hub, bolt, sid, token, number).await;
    let ours = forger(&desk);
    let theirs = Forger {
        desk: &desk,
        account: sid.to_owned(),
        token: token.to_owned(),
    };
    let form = theirs.form(number);
    assert_eq!(
        theirs
            .post(&form, &[("x-twilio-signature", &theirs.signature(&form))])
            .await,
        200
    );
    for form in [theirs.form(HERE), ours.form(HERE)] {
        assert_eq!(
            theirs
                .post(&form, &[("x-twilio-signature", &theirs.signature(&form))])
                .await,
            403
        );
    }
}

#[tokio::test]
async fn only_small_plain_form_posts_are_read() {
    let desk = Desk::without_worker().await;
    let forger = forger(&desk);
    let form = forger.form(HERE);
    let right = forger.signature(&form);
    let huge = "Body=".to_owned() + &"x".repeat(1024 * 1024);
    assert_eq!(forger.post(&huge, &[("x-twilio-signature", &right)]).await, 413);
    let zipped = [
        ("x-twilio-signature", right.as_str()),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(forger.post(&form, &zipped).await, 415);
    let url = format!("http://{}{PATH}", desk.api.address);
    assert_eq!(desk.api.client.get(&url).send().await.unwrap().status(), 405);
    assert_eq!(desk.api.client.put(&url).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn another_tenants_conversation_is_like_none() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let bolt = desk.world.tenant("bolt").await;
    let stranger = super::sign_in(&desk.world, &desk.api, bolt, "bo@example.com").await;
    let unknown = uuid(&desk.world);
    for path in ["/conversations/ID", "/conversations/ID/messages"] {
        let mut answers = Vec::new();
        for id in [conversation.as_str(), unknown.as_str()] {
            let request = desk.api.get(&path.replace("ID", id)).bearer_auth(&stranger);
            let answer = request.send().await.unwrap();
            let status = answer.status();
            let mut body: serde_json::Value = answer.json().await.unwrap();
            body["request_id"] = serde_json::Value::Null;
            answers.push((status, body));
        }
        assert_eq!(answers[0].0, 404, "{path}");
        assert_eq!(answers[0], answers[1], "{path}");
    }
}

fn uuid(world: &World) -> String {
    hub::ids::ConversationId::at(world.hub.clock.now()).to_string()
}
