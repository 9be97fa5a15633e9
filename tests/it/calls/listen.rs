//! Staff at a live call: they listen from another process than the call's, and they hang up.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hub::role::Role;
use loadtest::openai::{Reply, Script};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::office::{CALLER, OURS, Office};

const LONG: &str =
    "We do very many things for very many people and I could go on and on telling you about all of them.";

/// The api role as a second process, as far as it can tell, and somebody signed in to it.
pub(super) async fn desk(office: &Office) -> (String, reqwest::Client, String) {
    let hub = office.world.another_hub().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let role = hub.clone();
    office
        .world
        .hub
        .tasks
        .spawn("test.api", async move { api::run(role, listener).await.unwrap() });
    let ann = office.world.staff(office.tenant, "ann", Role::Staff).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    (address, client, ann.token)
}

pub(super) async fn live_call(office: &Office) -> String {
    let query = "SELECT coalesce((SELECT to_jsonb(c) FROM calls c WHERE state = 'live'), 'null')";
    office.until(query, Value::is_object).await["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A listener at the call, welcomed.
pub(super) async fn listen(address: &str, client: &reqwest::Client, token: &str, call: &str) -> Socket {
    let ticket = client
        .post(format!("http://{address}/api/v1/calls/{call}/audio-ticket"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    let ticket: Value = ticket.json().await.unwrap();
    let mut request = format!("ws://{address}{}", ticket["url"].as_str().unwrap())
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "switchboard.audio.v1".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let hello = json!({ "type": "hello", "ticket": ticket["ticket"] }).to_string();
    socket.send(Message::text(hello)).await.unwrap();
    let Some(Ok(Message::Text(welcome))) = socket.next().await else {
        panic!("no welcome")
    };
    let welcome: Value = serde_json::from_str(&welcome).unwrap();
    assert_eq!(welcome["sample_rate"], 8000);
    socket
}

type Frames = Vec<(u32, Vec<u8>)>;

/// A second and a half of both tracks, each frame with its number.
async fn hear<S>(socket: &mut S) -> (Frames, Frames)
where
    S: futures_util::Stream<Item = tokio_tungstenite::tungstenite::Result<Message>> + Unpin,
{
    let mut tracks = [Frames::new(), Frames::new()];
    while tracks[0].len() < 75 {
        if let Message::Binary(frame) = socket.next().await.unwrap().unwrap() {
            assert_eq!(frame.len(), 165);
            let sequence = u32::from_be_bytes(frame[1..5].try_into().unwrap());
            tracks[usize::from(frame[0])].push((sequence, frame[5..].to_vec()));
        }
    }
    let [caller, agent] = tracks;
    (caller, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_heard_on_one_clock_from_another_process() {
    let office = Office::open(Script {
        greeting: Some(Reply::say(LONG)),
        ..Script::default()
    })
    .await;
    let (address, client, token) = desk(&office).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let call = live_call(&office).await;
    let mut socket = listen(&address, &client, &token, &call).await;
    let (caller_frames, agent_frames) = tokio::time::timeout(Duration::from_secs(20), hear(&mut socket))
        .await
        .unwrap();
    assert!(
        caller_frames.iter().map(|(sequence, _)| *sequence).eq(0..75),
        "a frame of the caller is missing"
    );
    assert!(
        agent_frames.len() > 60,
        "the agent speaks all the while: {}",
        agent_frames.len()
    );
    // What the listener hears is what the caller hears, sample by sample, wherever it began. A busy machine may leave
    // gaps in time on either side, even within a frame, so it is enough that a run of ten frames is the same.
    caller.heard_ms(4_000).await.unwrap();
    let heard: Vec<u8> = caller
        .heard()
        .pieces
        .iter()
        .flat_map(|piece| piece.audio.clone())
        .collect();
    let same = agent_frames
        .windows(10)
        .filter(|run| run[9].0 - run[0].0 == 9)
        .map(|run| {
            run.iter()
                .flat_map(|(_, audio)| audio.clone())
                .collect::<Vec<u8>>()
        })
        .filter(|sample| sample.iter().any(|byte| *byte | 0x80 != 0xff))
        .any(|sample| heard.windows(sample.len()).any(|window| window == sample));
    assert!(same, "the caller heard something else");
    caller.hang_up();
    office.ended_call().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_hang_up_a_call_that_another_process_carries() {
    let office = Office::open(Script {
        greeting: Some(Reply::say(LONG)),
        ..Script::default()
    })
    .await;
    let (address, client, token) = desk(&office).await;
    let caller = office.twilio.call(CALLER, OURS).unwrap();
    caller.first_audio().await.unwrap();
    let call = live_call(&office).await;
    let answer = client
        .post(format!("http://{address}/api/v1/calls/{call}/hang-up"))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    caller.ended().await.unwrap();
    assert_eq!(office.ended_call().await["outcome"], "staff_hung_up");
}
