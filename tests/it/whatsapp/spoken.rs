//! Voice notes of staff: put in over the API, heard at the customer's own client.

use fake_wa::Faults;
use hub::attachment::AttachmentKind;
use hub::ids::MessageId;
use hub::message::State;
use serde_json::{Value, json};

use super::chat::Chat;
use super::patience;
use crate::api::Api;

/// An Ogg's first page with Opus in it, and something after it.
fn sound() -> Vec<u8> {
    let mut bytes = b"OggS\0\x02".to_vec();
    bytes.extend([0; 20]);
    bytes.extend(b"\x01\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
    bytes.extend((0..=250).cycle().take(20_000));
    bytes
}

struct Desk<'a> {
    chat: &'a Chat,
    api: Api,
}

impl Desk<'_> {
    async fn put_in(&self, duration_ms: Option<i32>) -> Value {
        let mut query = vec![("file_name", "note.ogg".to_owned()), ("voice", true.to_string())];
        query.extend(duration_ms.map(|ms| ("duration_ms", ms.to_string())));
        let request = self.api.post("/uploads").query(&query).body(sound());
        let answer = request.bearer_auth(&self.chat.mia.token).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    async fn say(&self, draft: Value) -> (u16, Value) {
        let path = format!("/conversations/{}/messages", self.chat.first.conversation_id);
        let request = self.api.post(&path).json(&draft);
        let answer = request.bearer_auth(&self.chat.mia.token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn heard(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let is_spoken = |message: &Value| message["kind"] == "voice" && fits(message);
        self.chat.ann.received(patience(), is_spoken).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_say_is_heard_as_a_voice_note() {
    let chat = Chat::begin().await;
    let api = Api::start(&chat.shop.world).await;
    let desk = Desk { chat: &chat, api };
    let upload = desk.put_in(Some(4_200)).await;
    let draft = json!({ "draft_key": "one", "upload_id": upload["id"], "answers_id": chat.first.id });
    let mut worded = draft.clone();
    worded["body"] = json!("Listen to this");
    let (status, problem) = desk.say(worded).await;
    assert_eq!(status, 422, "{problem}");
    // Its first try is lost with the network's answer.
    chat.shop.whatsapp.set_faults(Faults {
        drop_acks: 1,
        ..Faults::default()
    });
    let (status, said) = desk.say(draft).await;
    assert_eq!(status, 201, "{said}");
    let id: MessageId = serde_json::from_value(said["id"].clone()).unwrap();
    let speaks = |news: &Value| news["state"] == "composing" && news["media"] == "audio";
    chat.ann.heard("typing", patience(), speaks).await.unwrap();
    let got = desk.heard(|message| message["seconds"] == 4).await;
    assert_eq!(
        (&got["mime"], &got["quotes"]),
        (&json!("audio/ogg; codecs=opus"), &json!(chat.first_id.as_str()))
    );
    let wire_id = got["id"].as_str().unwrap();
    assert_eq!(chat.ann.fetch(wire_id).await.unwrap(), sound());
    chat.shop
        .until_message(id, "there", |message| message.state == State::Delivered)
        .await;
    chat.ann.read(&[wire_id]).await.unwrap();
    let message = chat
        .shop
        .until_message(id, "heard", |message| message.state == State::Read)
        .await;
    let file = &message.attachments[0];
    assert_eq!(
        (file.kind, file.duration_ms, file.media_type.as_str()),
        (AttachmentKind::Voice, Some(4_200), "audio/ogg; codecs=opus")
    );

    let upload = desk.put_in(None).await;
    let (status, _) = desk
        .say(json!({ "draft_key": "two", "upload_id": upload["id"] }))
        .await;
    assert_eq!(status, 201);
    desk.heard(|message| message["seconds"].is_null()).await;
    chat.shop
        .until(
            "SELECT count(*) FROM conversations WHERE last_message_preview = 'Voice note'",
            1,
        )
        .await;
    chat.end().await;
}
