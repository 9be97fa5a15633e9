//! Putting files in: what is taken, what is refused, and that a file goes with one message and no more.

use hub::ids::TenantId;
use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};

use super::Api;
use super::rows::Rows;

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\na price list";

pub(super) struct Desk {
    pub(super) world: World,
    api: Api,
    token: String,
    pub(super) tenant: TenantId,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let world = World::start().await;
        let tenant = world.tenant("acme").await;
        let api = Api::start(&world).await;
        let token = world.staff(tenant, "mia", Role::Staff).await.token;
        Self {
            world,
            api,
            token,
            tenant,
        }
    }

    async fn put_in(&self, name: &str, bytes: &[u8]) -> (u16, Value) {
        self.put_in_as(&[("file_name", name)], bytes).await
    }

    async fn put_in_as(&self, query: &[(&str, &str)], bytes: &[u8]) -> (u16, Value) {
        let request = self.api.post("/uploads").query(query);
        let answer = request
            .bearer_auth(&self.token)
            .body(bytes.to_vec())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn say(&self, conversation: &str, draft: Value) -> (u16, Value) {
        self.post(&format!("/conversations/{conversation}/messages"), draft)
            .await
    }

    pub(super) async fn post(&self, path: &str, draft: Value) -> (u16, Value) {
        let request = self.api.post(path);
        let answer = request
            .bearer_auth(&self.token)
            .json(&draft)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_file_goes_with_one_message_and_is_served_as_it_was() {
    let desk = Desk::open().await;
    let conversation = Rows::write(&desk.world, desk.tenant)
        .await
        .id("conversations")
        .to_string();
    let (status, upload) = desk.put_in("../Prices 2026.png", PICTURE).await;
    assert_eq!(status, 201, "{upload}");
    assert_eq!(
        (
            &upload["kind"],
            &upload["media_type"],
            &upload["file_name"],
            &upload["size_bytes"]
        ),
        (
            &json!("image"),
            &json!("image/png"),
            &json!("Prices 2026.png"),
            &json!(PICTURE.len())
        )
    );
    let draft = json!({ "body": "", "draft_key": "one", "kind": "note", "upload_id": upload["id"] });
    let (status, message) = desk.say(&conversation, draft.clone()).await;
    assert_eq!(status, 201, "{message}");
    let (again, same) = desk.say(&conversation, draft).await;
    assert_eq!((again, &same["id"]), (200, &message["id"]), "a second click");
    let other = json!({ "body": "", "draft_key": "two", "kind": "note", "upload_id": upload["id"] });
    assert_eq!(
        desk.say(&conversation, other).await.0,
        404,
        "a file goes with one message"
    );
    let path = message["attachments"][0]["url"]
        .as_str()
        .unwrap()
        .trim_start_matches("/api/v1");
    let served = desk.api.get(path).bearer_auth(&desk.token).send().await.unwrap();
    assert_eq!(served.headers()["content-type"], "image/png");
    assert_eq!(&*served.bytes().await.unwrap(), PICTURE);
    // A text carries no files here.
    let (_, second) = desk.put_in("a.png", PICTURE).await;
    let text = json!({ "body": "Hi", "draft_key": "three", "upload_id": second["id"] });
    let (status, problem) = desk.say(&conversation, text).await;
    assert_eq!(status, 422, "{problem}");
}

#[tokio::test]
async fn what_a_phone_would_run_and_what_is_too_large_are_refused() {
    let desk = Desk::open().await;
    for (name, bytes) in [
        ("setup.exe", &b"MZ"[..]),
        ("page.html", b"<html>"),
        ("a.png", b"<svg>"),
    ] {
        let (status, problem) = desk.put_in(name, bytes).await;
        assert_eq!((status, &problem["code"]), (422, &json!("file_type")), "{name}");
    }
    let (status, _) = desk.put_in("a.pdf", b"").await;
    assert_eq!(status, 422, "an empty file");
    let mut large = PICTURE.to_vec();
    large.resize(usize::try_from(hub::upload::BYTES_MAX).unwrap() + 1, 0);
    let (status, problem) = desk.put_in("large.png", &large).await;
    assert_eq!((status, &problem["code"]), (422, &json!("too_large")));
    let mut admin = desk.world.admin().await;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

/// The first page of a sound that a browser records.
const SPOKEN: &[u8] =
    b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";

#[tokio::test]
async fn a_voice_note_is_opus_in_ogg_and_keeps_its_length() {
    let desk = Desk::open().await;
    let conversation = Rows::write(&desk.world, desk.tenant)
        .await
        .id("conversations")
        .to_string();
    let spoken = |duration_ms: &'static str| {
        [
            ("file_name", "note.ogg"),
            ("voice", "true"),
            ("duration_ms", duration_ms),
        ]
    };
    for (query, bytes, field) in [
        (spoken("4200"), PICTURE, "voice"),
        (spoken("4200"), b"OggS\0\x02 and so on", "voice"),
        (spoken("3600001"), SPOKEN, "duration_ms"),
        (spoken("-1"), SPOKEN, "duration_ms"),
    ] {
        let (status, problem) = desk.put_in_as(&query, bytes).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{problem}"
        );
    }
    let (status, upload) = desk.put_in_as(&spoken("4200"), SPOKEN).await;
    assert_eq!(status, 201, "{upload}");
    assert_eq!(
        (&upload["kind"], &upload["media_type"], &upload["duration_ms"]),
        (&json!("voice"), &json!("audio/ogg; codecs=opus"), &json!(4_200))
    );
    let draft = json!({ "draft_key": "one", "kind": "note", "upload_id": upload["id"] });
    let (status, message) = desk.say(&conversation, draft).await;
    assert_eq!(status, 201, "{message}");
    let file = &message["attachments"][0];
    assert_eq!(
        (&file["kind"], &file["duration_ms"]),
        (&json!("voice"), &json!(4_200))
    );
    // The same sound by its name alone is sound like any other, and tells no length.
    let (_, sound) = desk.put_in("note.ogg", SPOKEN).await;
    assert_eq!(
        (&sound["kind"], &sound["duration_ms"]),
        (&json!("audio"), &Value::Null)
    );
}
