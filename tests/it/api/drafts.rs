//! Drafts that are more than words: where they are refused, by the field and in words.

use serde_json::{Value, json};

use super::rows::Rows;
use super::uploads::Desk;

#[tokio::test]
async fn a_place_or_a_card_is_refused_in_words_where_it_cannot_be_sent() {
    let desk = Desk::open().await;
    let rows = Rows::write(&desk.world, desk.tenant).await;
    let by_text = format!("/conversations/{}/messages", rows.id("conversations"));
    let place = json!({ "latitude": 52.5163, "longitude": 13.3777, "name": "The gate" });
    let card = json!({ "name": "Ben", "phones": ["+15550107"] });
    let draft = |more: Value| {
        let mut draft = json!({ "draft_key": "one" });
        draft
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        draft
    };
    for (more, expected) in [
        (json!({}), "body"),
        (json!({ "location": place, "kind": "note" }), "location"),
        (json!({ "location": place, "body": "Here" }), "location"),
        (json!({ "location": place, "contact": card }), "contact"),
        (
            json!({ "location": { "latitude": 91, "longitude": 0 } }),
            "location.latitude",
        ),
        (json!({ "location": { "latitude": 1 } }), "location"),
        (
            json!({ "contact": { "name": "Ben", "phones": ["call me"] } }),
            "contact.phones",
        ),
        (
            json!({ "contact": { "name": "", "phones": ["+15550107"] } }),
            "contact.name",
        ),
        (
            json!({ "contact": { "name": "Ben", "phones": [] } }),
            "contact.phones",
        ),
    ] {
        let (status, problem) = desk.post(&by_text, draft(more.clone())).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(expected)),
            "{more}: {problem}"
        );
    }
    for (more, word) in [
        (json!({ "location": place }), "address"),
        (json!({ "contact": card }), "number"),
    ] {
        let (status, problem) = desk.post(&by_text, draft(more)).await;
        assert_eq!((status, &problem["code"]), (422, &json!("only_in_chats")));
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
    // A first word is one.
    for (field, value) in [("location", place), ("contact", card)] {
        let mut first =
            json!({ "inbox_id": rows.id("inboxes"), "address": "+15550104", "body": "", "draft_key": "two" });
        first[field] = value;
        let (status, problem) = desk.post("/conversations", first).await;
        let fault = &problem["errors"][0];
        assert_eq!((status, &fault["field"]), (422, &json!(field)), "{problem}");
        assert!(
            fault["message"].as_str().unwrap().contains("text alone"),
            "{problem}"
        );
    }
}
