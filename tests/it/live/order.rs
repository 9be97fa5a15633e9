//! Events in order: fresh, after a cut, over two processes, from memory and from Postgres, by role.

use hub::role::Role;
use hub::testing::World;
use serde_json::{Value, json};

use super::{Node, Screen, emit, emit_for, emit_many};

#[tokio::test]
async fn a_screen_gets_what_it_missed_in_order_and_once() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    emit(&world.hub, acme, "before").await;
    let mut screen = Screen::open(&node, &ann).await;
    assert_eq!(screen.seq(), 1, "from now");
    for words in ["one", "two"] {
        emit(&world.hub, acme, words).await;
    }
    screen.upto(3).await;
    drop(screen.socket().close(None).await);
    for words in ["three", "four"] {
        emit(&world.hub, acme, words).await;
    }
    screen.come_back(&node, &ann).await;
    assert!(screen.recovered);
    emit(&world.hub, acme, "five").await;
    screen.upto(6).await;
    assert_eq!(screen.heard, ["one", "two", "three", "four", "five"]);
}

#[tokio::test]
async fn another_process_goes_on_where_the_first_left_off() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let first = Node::start(&world.hub).await;
    let second = Node::start(&world.another_hub().await).await;
    let mut here = Screen::open(&first, &ann).await;
    let mut there = Screen::open(&second, &ann).await;
    for (hub, words) in [(&first.hub, "one"), (&second.hub, "two"), (&first.hub, "three")] {
        emit(hub, acme, words).await;
    }
    here.upto(3).await;
    there.upto(3).await;
    assert_eq!(here.heard, there.heard);
    emit(&first.hub, acme, "four").await;
    here.upto(4).await;
    here.come_back(&second, &ann).await;
    assert!(here.recovered);
    emit(&first.hub, acme, "five").await;
    here.upto(5).await;
    assert_eq!(here.heard, ["one", "two", "three", "four", "five"]);
    second.hub.tasks.stop();
}

#[tokio::test]
async fn what_memory_does_not_reach_comes_from_postgres() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let start = Screen::open(&node, &ann).await.position.clone();
    emit_many(&world.hub, acme, 3_000, "x").await;
    let mut screen = Screen::at(&node, &ann, start.clone()).await;
    assert!(screen.recovered);
    screen.upto(3_000).await;
    assert_eq!(screen.heard.len(), 3_000);
    assert_eq!(screen.reloads, 0);
    // Far behind, reading all of it again through the API is cheaper.
    emit_many(&world.hub, acme, 3_000, "x").await;
    let screen = Screen::at(&node, &ann, start).await;
    assert!(!screen.recovered);
    assert_eq!(screen.seq(), 6_000);
}

#[tokio::test]
async fn a_new_process_serves_resumes_from_what_it_read_once() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let first = Node::start(&world.hub).await;
    let mut screen = Screen::open(&first, &ann).await;
    emit_many(&world.hub, acme, 50, "x").await;
    screen.upto(20).await;
    let second = Node::start(&world.another_hub().await).await;
    screen.come_back(&second, &ann).await;
    assert!(screen.recovered);
    screen.upto(50).await;
    second.hub.tasks.stop();
}

#[tokio::test]
async fn positions_that_are_none_of_ours_mean_reload() {
    let world = World::start().await;
    let (acme, bolt) = (world.tenant("acme").await, world.tenant("bolt").await);
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let bob = world.staff(bolt, "bob", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    emit_many(&world.hub, acme, 5, "ours").await;
    emit_many(&world.hub, bolt, 9, "theirs").await;
    let epoch = Screen::open(&node, &ann).await.position["epoch"].clone();
    let theirs = Screen::open(&node, &bob).await.position.clone();
    let forged = [
        theirs,
        json!({ "epoch": "no such", "seq": 3 }),
        json!({ "epoch": epoch, "seq": 6 }),
        json!({ "epoch": epoch, "seq": -1 }),
        json!({ "epoch": epoch, "seq": i64::MAX }),
        json!({ "epoch": epoch, "seq": u64::MAX }),
    ];
    for position in forged {
        let mut screen = Screen::at(&node, &ann, position.clone()).await;
        assert!(!screen.recovered, "{position}");
        assert_eq!(screen.position, json!({ "epoch": epoch, "seq": 5 }));
        screen.come_back(&node, &ann).await;
        assert!(screen.recovered);
        assert!(screen.heard.is_empty());
    }
}

#[tokio::test]
async fn a_role_sees_what_is_for_it_and_the_numbers_of_the_rest() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let (ann, ben) = (
        world.staff(acme, "ann", Role::Admin).await,
        world.staff(acme, "ben", Role::ReadOnly).await,
    );
    let node = Node::start(&world.hub).await;
    let (mut admin, mut reader) = (Screen::open(&node, &ann).await, Screen::open(&node, &ben).await);
    let start = reader.position.clone();
    for (audience, words) in [
        (Role::ReadOnly, "one"),
        (Role::Admin, "secret"),
        (Role::Staff, "work"),
        (Role::ReadOnly, "two"),
        (Role::Owner, "money"),
    ] {
        emit_for(&world.hub, acme, audience, words).await;
    }
    admin.upto(5).await;
    reader.upto(5).await;
    assert_eq!(admin.heard, ["one", "secret", "work", "two"]);
    assert_eq!(reader.heard, ["one", "two"]);
    let mut again = Screen::at(&node, &ben, start).await;
    again.upto(5).await;
    assert_eq!(again.heard, ["one", "two"]);
}

#[tokio::test]
async fn old_events_are_deleted_and_who_needs_them_reloads() {
    let world = World::with(
        |config| config.live.events_kept_h = 0,
        hub::clock::Clock::system(),
    )
    .await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let start = Screen::open(&node, &ann).await.position.clone();
    emit_many(&world.hub, acme, 7, "old").await;
    assert_eq!(hub::live::trim(&world.hub).await.unwrap(), 7);
    assert_eq!(hub::live::trim(&world.hub).await.unwrap(), 0);
    let fresh = Node::start(&world.another_hub().await).await;
    let mut screen = Screen::at(&fresh, &ann, start).await;
    assert!(!screen.recovered);
    assert_eq!(screen.seq(), 7);
    emit(&world.hub, acme, "new").await;
    screen.upto(8).await;
    assert_eq!(screen.heard, ["new"]);
    fresh.hub.tasks.stop();
}

#[tokio::test]
async fn a_restored_database_makes_every_screen_reload() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let ann = world.staff(acme, "ann", Role::Staff).await;
    let node = Node::start(&world.hub).await;
    let mut screen = Screen::open(&node, &ann).await;
    emit_many(&world.hub, acme, 5, "lost").await;
    screen.upto(5).await;
    sqlx::raw_sql("DELETE FROM events WHERE seq > 2; UPDATE feeds SET seq = 2, epoch = 'another'")
        .execute(&mut world.admin().await)
        .await
        .unwrap();
    assert_eq!(screen.take().await, "reload");
    assert_eq!(screen.position, json!({ "epoch": "another", "seq": 2 }));
    emit(&world.hub, acme, "after").await;
    screen.upto(3).await;
    assert_eq!(screen.heard.last().map(String::as_str), Some("after"));
    assert_ne!(screen.position, Value::Null);
}
