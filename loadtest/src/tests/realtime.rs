//! The Realtime socket alone: order of events, tools, strictness, expiry.
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::openai::{ChatRule, Config, Emulator, Faults, HttpFault, Reply, Script, Turn};
use crate::speech::{self, Voice};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(openai: &Emulator) -> Self {
        let url = format!(
            "{}/realtime?model=gpt-realtime",
            openai.url().replace("http", "ws")
        );
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert(
            "authorization",
            format!("Bearer {}", openai.api_key()).parse().unwrap(),
        );
        Self(connect_async(request).await.unwrap().0)
    }

    async fn send(&mut self, event: Value) {
        self.0.send(Message::text(event.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Option<Value> {
        match self.0.next().await?.ok()? {
            Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }

    /// Events until one of this type, that one included; `rate_limits.updated` left out.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.expect("the session is open");
            let found = event["type"] == kind;
            if event["type"] != "rate_limits.updated" {
                events.push(event);
            }
            if found {
                return events;
            }
        }
    }

    async fn telephony(&mut self) {
        let format = json!({"type": "audio/pcmu"});
        let input = json!({"format": format, "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 300}});
        let audio = json!({"input": input, "output": {"format": format}});
        self.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": audio}}))
            .await;
        self.until("session.updated").await;
    }

    async fn speak(&mut self, text: &str) {
        use base64::Engine;
        let mut audio = speech::render(Voice::Caller, text).await.to_vec();
        audio.extend(crate::ulaw::silence(700));
        for piece in audio.chunks(1600) {
            let audio = base64::engine::general_purpose::STANDARD.encode(piece);
            self.send(json!({"type": "input_audio_buffer.append", "audio": audio}))
                .await;
        }
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    kinds.dedup();
    kinds
}

async fn emulator(script: Script) -> Emulator {
    Emulator::start(Config {
        script,
        ..Config::default()
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_has_its_events_in_the_order_of_the_real_interface() {
    let openai = emulator(Script {
        delta_ms: 10_000,
        ..Script::default()
    })
    .await;
    let mut client = Client::connect(&openai).await;
    client.telephony().await;
    client
        .send(json!({"type": "response.create", "response": {"instructions": "Say “Good morning to you.”"}}))
        .await;
    let events = client.until("response.done").await;
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
    let last = events.last().unwrap();
    assert_eq!(last["response"]["status"], "completed");
    assert_eq!(
        last["response"]["output"][0]["content"][0]["transcript"],
        "Good morning to you."
    );
    assert!(last["response"]["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_is_noticed_transcribed_and_leads_to_a_tool() {
    let reply = Reply::call("take_message", json!({"text": "leak"}), "I have noted it.");
    let turns = vec![Turn {
        hears: "There is a leak.".into(),
        reply,
    }];
    let openai = emulator(Script {
        turns,
        ..Script::default()
    })
    .await;
    let mut client = Client::connect(&openai).await;
    client.telephony().await;
    client.speak("There is a leak in my kitchen.").await;
    let events = client.until("response.done").await;
    assert_eq!(
        kinds(&events),
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
    let call = events.last().unwrap()["response"]["output"][0].clone();
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("take_message"), &json!("{\"text\":\"leak\"}"))
    );
    let heard = client
        .until("conversation.item.input_audio_transcription.completed")
        .await;
    assert_eq!(heard.last().unwrap()["transcript"], "There is a leak.");
    let output =
        json!({"type": "function_call_output", "call_id": call["call_id"], "output": "{\"ok\":true}"});
    client
        .send(json!({"type": "conversation.item.create", "item": output}))
        .await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    assert_eq!(
        events.last().unwrap()["response"]["output"][0]["content"][0]["transcript"],
        "I have noted it."
    );
    let record = openai.session(0).await.unwrap();
    assert_eq!(
        (
            record.tool_outputs[0].name.as_str(),
            record.tool_outputs[0].output.as_str()
        ),
        ("take_message", "{\"ok\":true}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_answered_with_the_real_errors() {
    let openai = emulator(Script {
        speed: 0.5,
        ..Script::default()
    })
    .await;
    let mut client = Client::connect(&openai).await;
    client.telephony().await;
    let truncate = |item: &str, end_ms: i64| json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": end_ms});
    for (event, code) in [
        (json!({"type": "response.cancel"}), "response_cancel_not_active"),
        (
            json!({"type": "input_audio_buffer.commit"}),
            "input_audio_buffer_commit_empty",
        ),
        (truncate("item_none", 10), "item_truncate_invalid_item_id"),
        (json!({"type": "sing"}), "invalid_value"),
        (
            json!({"type": "session.update", "session": {"type": "realtime", "voice": "x"}}),
            "unknown_parameter",
        ),
    ] {
        client.send(event).await;
        assert_eq!(client.next().await.unwrap()["error"]["code"], code);
    }
    client.send(json!({"type": "response.create"})).await;
    let begun = client.until("response.output_audio.delta").await;
    client
        .send(json!({"type": "response.create", "event_id": "mine"}))
        .await;
    let error = client.until("error").await.pop().unwrap();
    assert_eq!(error["error"]["code"], "conversation_already_has_active_response");
    assert_eq!(error["error"]["event_id"], "mine");
    let item = begun.last().unwrap()["item_id"].as_str().unwrap().to_owned();
    client.send(truncate(&item, 60_000)).await;
    let error = client.until("error").await.pop().unwrap();
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .ends_with("ms is already shorter than 60000ms"),
        "{error}"
    );
    client.send(json!({"type": "response.cancel"})).await;
    let done = client.until("response.done").await.pop().unwrap();
    assert_eq!(
        done["response"]["status_details"],
        json!({"type": "cancelled", "reason": "client_cancelled"})
    );
    client.send(truncate(&item, 100)).await;
    client.until("conversation.item.truncated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_says_so_and_closes() {
    let openai = emulator(Script::default()).await;
    openai.set_faults(Faults {
        session_max_ms: Some(100),
        ..Faults::default()
    });
    let mut client = Client::connect(&openai).await;
    let error = client.until("error").await.pop().unwrap();
    assert_eq!(error["error"]["code"], "session_expired");
    let Some(Ok(Message::Close(Some(frame)))) = client.0.next().await else {
        panic!("no close")
    };
    assert_eq!(u16::from(frame.code), 1001);
    assert_eq!(
        openai
            .session_when(0, |s| s.closed_us.is_some())
            .await
            .unwrap()
            .closed_by
            .as_deref(),
        Some("expired")
    );
}

async fn post(openai: &Emulator, path: &str, body: Value) -> reqwest::Response {
    let (http, _) = crate::outbound::clients(None).unwrap();
    let request = http
        .post(format!("{}/{path}", openai.url()))
        .bearer_auth(openai.api_key());
    request.json(&body).send().await.unwrap()
}

fn question() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "The price?"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_endpoints_answer() {
    let openai = emulator(Script::default()).await;
    let rule = ChatRule {
        contains: "price".into(),
        says: Some("100".into()),
        calls: None,
    };
    openai.set_chat(vec![rule]);
    let answer: Value = post(&openai, "chat/completions", question())
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "100");
    let mut streamed = question();
    streamed["stream"] = json!(true);
    let text = post(&openai, "chat/completions", streamed)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("\"content\":\"100\"") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let wanted = json!({"model": "m", "input": ["a", "b"], "dimensions": 8});
    let vectors: Value = post(&openai, "embeddings", wanted).await.json().await.unwrap();
    assert_eq!(vectors["data"][1]["embedding"].as_array().unwrap().len(), 8);
    let wanted = json!({"input": "Hello", "response_format": "wav"});
    let wav = post(&openai, "audio/speech", wanted).await.bytes().await.unwrap();
    assert!(crate::ulaw::from_wav(&wav).unwrap().len() > 1600);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_endpoints_fail_on_demand_and_without_the_key() {
    let openai = emulator(Script::default()).await;
    let fault = HttpFault {
        path: "chat".into(),
        status: 429,
        after_ms: 0,
    };
    openai.set_faults(Faults {
        http: [fault].into(),
        ..Faults::default()
    });
    assert_eq!(post(&openai, "chat/completions", question()).await.status(), 429);
    assert_eq!(post(&openai, "chat/completions", question()).await.status(), 200);
    let (http, _) = crate::outbound::clients(None).unwrap();
    assert_eq!(
        http.get(format!("{}/models", openai.url()))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_caller_is_spoken_to_when_asked_for() {
    let openai = emulator(Script {
        greeting: Some(Reply::Nothing),
        ..Script::default()
    })
    .await;
    let mut client = Client::connect(&openai).await;
    let turns = json!({"type": "server_vad", "idle_timeout_ms": 5000});
    let input = json!({"format": {"type": "audio/pcmu"}, "turn_detection": turns});
    client
        .send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": input}}}))
        .await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.done").await;
    client.until("input_audio_buffer.timeout_triggered").await;
    client.until("response.output_audio.delta").await;
}
