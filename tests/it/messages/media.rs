//! Files that come with texts: fetched once from where they are allowed to be, shown, served so that nothing in them runs.

use loadtest::twilio::{Faults, RestFault, RestFaultKind};
use reqwest::Method;
use serde_json::Value;

use super::{ANN, Desk, HERE};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest of a picture";
const PAGE: &[u8] = b"<html><script>alert(1)</script></html>";
const STORED: &str = "SELECT count(*) FROM attachments WHERE state = 'stored'";
const FAILED: &str = "SELECT count(*) FROM attachments WHERE state = 'failed'";

async fn file(desk: &Desk, attachment: &Value) -> (reqwest::header::HeaderMap, Vec<u8>) {
    let path = format!("/attachments/{}", attachment["id"].as_str().unwrap());
    let request = desk.api.request(Method::GET, &path).bearer_auth(&desk.token);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    (headers, answer.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn pictures_and_files_land_on_the_message_and_on_screens() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let sent = [("image/png", PNG), ("image/jpeg", PAGE)];
    let (_, status) = desk.twilio.send_mms(ANN, HERE, "", &sent).await.unwrap();
    assert_eq!(status, 200);
    desk.until(STORED, 2).await;
    let message = desk.newest(&conversation).await;
    assert_eq!(message["body"], "", "no address of the provider's is shown");
    let attachments = message["attachments"].as_array().unwrap();
    let told: Vec<_> = attachments
        .iter()
        .map(|file| {
            (
                file["kind"].as_str().unwrap(),
                file["media_type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("image", "image/png"), ("file", "application/octet-stream")],
        "a page that calls itself a picture is neither"
    );
    assert_eq!(attachments[0]["size_bytes"], PNG.len());
    let (headers, bytes) = file(&desk, &attachments[0]).await;
    assert_eq!(bytes, PNG);
    assert_eq!(headers["content-disposition"], "inline");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let (headers, bytes) = file(&desk, &attachments[1]).await;
    assert_eq!(bytes, PAGE);
    assert!(
        headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment;")
    );
    assert_eq!(headers["content-type"], "application/octet-stream");

    let fetched = desk.twilio.ledger().of("media.fetched");
    assert_eq!(fetched.len(), 2);
    assert!(
        fetched.iter().all(|effect| effect.data["credentials"] == false),
        "the file host was shown the account's credentials"
    );
    let states: Vec<Value> = sqlx::query_scalar(
        "SELECT jsonb_path_query_array(data, '$.message.attachments[*].state') FROM events
         WHERE data->'message'->>'direction' = 'in' AND jsonb_array_length(data->'message'->'attachments') = 2 ORDER BY seq",
    )
    .fetch_all(&mut desk.world.admin().await)
    .await
    .unwrap();
    assert_eq!(
        states.first().unwrap(),
        &serde_json::json!(["waiting", "waiting"])
    );
    assert_eq!(states.last().unwrap(), &serde_json::json!(["stored", "stored"]));
    let list = desk.get("/conversations").await;
    assert_eq!(list["items"][0]["last_message_preview"], "Picture");
}

#[tokio::test]
async fn a_file_that_leads_elsewhere_is_not_opened_and_can_be_tried_again() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    desk.twilio.set_faults(Faults {
        media_leads_to: Some(format!(
            "http://{}/latest/meta-data",
            inside.local_addr().unwrap()
        )),
        ..Faults::default()
    });
    desk.twilio
        .send_mms(ANN, HERE, "Look", &[("image/png", PNG)])
        .await
        .unwrap();
    desk.until(FAILED, 1).await;
    let knock = futures_util::FutureExt::now_or_never(inside.accept());
    assert!(knock.is_none(), "something inside was asked");
    let message = desk.newest(&conversation).await;
    let attachment = &message["attachments"][0];
    assert_eq!(
        (&attachment["state"], &attachment["failure"]["code"]),
        (&"failed".into(), &"elsewhere".into())
    );
    let path = format!("/attachments/{}", attachment["id"].as_str().unwrap());
    assert_eq!(desk.ask(Method::GET, &path, Value::Null).await.0, 404);

    desk.twilio.set_faults(Faults::default());
    let (status, message) = desk
        .ask(Method::POST, &format!("{path}/retry"), Value::Null)
        .await;
    assert_eq!(
        (status, &message["attachments"][0]["state"]),
        (200, &"waiting".into())
    );
    desk.until(STORED, 1).await;
    let (status, refused) = desk
        .ask(Method::POST, &format!("{path}/retry"), Value::Null)
        .await;
    assert_eq!((status, &refused["code"]), (409, &"not_failed".into()));
}

#[tokio::test]
async fn an_address_of_a_strangers_is_never_opened() {
    let desk = Desk::open().await;
    let inside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = desk.twilio.account().sid;
    let url = format!(
        "http://{}/2010-04-01/Accounts/{account}/Messages/MM1/Media/ME1",
        inside.local_addr().unwrap()
    );
    let params = [
        ("MessageSid", "MM00000000000000000000000000000001"),
        ("AccountSid", account.as_str()),
        ("From", ANN),
        ("To", HERE),
        ("Body", "Look"),
        ("NumMedia", "1"),
        ("MediaUrl0", &url),
        ("MediaContentType0", "image/png"),
    ];
    let webhook = format!("{}/webhooks/twilio/sms", super::PUBLIC_URL);
    let (status, _) = desk.twilio.post(&account, &webhook, &params).await.unwrap();
    assert_eq!(status, 200);
    desk.until(FAILED, 1).await;
    let knock = futures_util::FutureExt::now_or_never(inside.accept());
    assert!(knock.is_none(), "something inside was asked");
}

#[tokio::test]
async fn a_provider_that_stumbles_is_asked_again_and_a_huge_file_is_not_kept() {
    let desk = Desk::open().await;
    let conversation = desk.conversation().await;
    desk.twilio.set_faults(Faults {
        rest: [503, 503]
            .map(|status| RestFault {
                path: "/Media/".to_owned(),
                kind: RestFaultKind::Refused { status },
            })
            .into(),
        ..Faults::default()
    });
    desk.twilio
        .send_mms(ANN, HERE, "Look", &[("image/png", PNG)])
        .await
        .unwrap();
    desk.until(STORED, 1).await;

    let huge = vec![b'x'; (16 << 20) + 1];
    desk.twilio
        .send_mms(ANN, HERE, "All of it", &[("text/plain", &huge)])
        .await
        .unwrap();
    desk.until(FAILED, 1).await;
    let message = desk.newest(&conversation).await;
    assert_eq!(message["attachments"][0]["failure"]["code"], "too_large");
}
