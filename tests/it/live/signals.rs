//! What is true only now: typing, viewing, presence, and what calls say.

use hub::clock::Clock;
use hub::ids::{CallId, ConversationId};
use hub::live::Signal;
use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};

use super::{Node, Screen, eventually};

fn of(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |signal| signal["kind"] == kind
}

#[tokio::test]
async fn others_see_what_somebody_types_and_looks_at_over_processes() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (ann, ben) = (
        world.staff(acme, "ann", Role::Staff).await,
        world.staff(acme, "ben", Role::Staff).await,
    );
    let (first, second) = (
        Node::start(&world.hub).await,
        Node::start(&world.another_hub().await).await,
    );
    let mut bens = Screen::open(&second, &ben).await;
    let mut anns = Screen::open(&first, &ann).await;
    let came = bens
        .signal(|signal| signal["kind"] == "presence" && signal["staff"]["name"] == "ann")
        .await;
    assert_eq!(came["state"], "online");
    let conversation = ConversationId::at(Clock::system().now());
    anns.say(&json!({ "type": "viewing", "conversation_id": conversation }))
        .await;
    let viewing = bens.signal(of("viewing")).await;
    assert_eq!(viewing["conversation_id"], json!(conversation));
    assert_eq!(
        (&viewing["staff"]["name"], &viewing["viewing"]),
        (&json!("ann"), &json!(true))
    );
    anns.say(&json!({ "type": "typing", "conversation_id": conversation, "draft": "ü".repeat(500) }))
        .await;
    let typing = bens.signal(of("typing")).await;
    assert_eq!(typing["draft"].as_str().unwrap().chars().count(), 140);
    // Somebody who comes now is told what goes on.
    let mut late = Screen::open(&second, &ben).await;
    assert_eq!(late.signal(of("viewing")).await["staff"]["name"], "ann");
    assert_eq!(late.signal(of("typing")).await["staff"]["name"], "ann");
    anns.say(&json!({ "type": "viewing", "conversation_id": null }))
        .await;
    let left = |signal: &Value| signal["kind"] == "viewing" && signal["viewing"] == false;
    bens.signal(left).await;
    assert!(
        anns.signals.iter().all(|signal| signal["kind"] != "typing"),
        "not her own words"
    );
    drop(anns);
    let gone = |signal: &Value| signal["kind"] == "presence" && signal["state"] == "offline";
    assert_eq!(bens.signal(gone).await["staff"]["name"], "ann");
    second.hub.tasks.stop();
}

#[tokio::test]
async fn presence_is_a_list_over_all_processes_and_survives_a_flushed_redis() {
    let mut world = World::start().await;
    let acme = world.tenant("acme").await;
    let (ann, ben) = (
        world.staff(acme, "ann", Role::Staff).await,
        world.staff(acme, "ben", Role::Staff).await,
    );
    let (first, second) = (
        Node::start(&world.hub).await,
        Node::start(&world.another_hub().await).await,
    );
    let _anns = Screen::open(&first, &ann).await;
    let _bens = Screen::open(&second, &ben).await;
    let ask = async || -> Vec<Value> {
        let url = format!("http://{}/api/v1/presence", first.address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).bearer_auth(&ann.token).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["staff"].as_array().unwrap().clone()
    };
    eventually("both are online", async || ask().await.len() == 2).await;
    let names: Vec<Value> = ask().await.iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["ann", "ben"]);
    world.redis().kill();
    world.redis().start_again().await;
    eventually("both are online again", async || ask().await.len() == 2).await;
    second.hub.tasks.stop();
}

#[tokio::test]
async fn levels_come_newest_first_served_and_are_never_queued() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::ReadOnly).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    let call_id = CallId::at(Clock::system().now());
    for n in 0..1_000_u16 {
        let caller = f32::from(n) / 1_000.0;
        let level = Signal::CallLevel {
            call_id,
            caller,
            agent: 0.0,
        };
        hub::live::signal(&world.hub, acme, &level);
    }
    let partial = Signal::CallPartial {
        call_id,
        speaker: "caller",
        text: "I would like".into(),
        turn_ordinal: 3,
    };
    hub::live::signal(&world.hub, acme, &partial);
    let newest = |signal: &Value| signal["caller"].as_f64().is_some_and(|level| level > 0.998);
    let level = screen.signal(newest).await;
    assert_eq!(level["call_id"], json!(call_id));
    let words = screen.signal(of("call.partial")).await;
    assert_eq!(
        (&words["text"], &words["turn_ordinal"]),
        (&json!("I would like"), &json!(3))
    );
    let levels = screen
        .signals
        .iter()
        .filter(|signal| signal["kind"] == "call.level");
    assert!(levels.count() < 50, "coalesced on the way");
}
