//! What the matrices need to know of each operation that takes an id: whose id it is, and a body that is good.
//!
//! A new operation with `{id}` in its path gets a line in [`fixtures`], an id in a body one in [`references`], a new noun
//! a row in `rows.rs`.

use serde_json::{Value, json};

/// One operation with an id in its path.
pub(crate) struct Fixture {
    pub(super) method: &'static str,
    pub(crate) path: &'static str,
    /// The table whose row the id is.
    pub(crate) table: &'static str,
    /// A good body; null = none.
    pub(super) body: Value,
    /// What the owner is answered for a row of their own.
    pub(super) own: u16,
}

fn line(method: &'static str, path: &'static str, table: &'static str, body: Value, own: u16) -> Fixture {
    Fixture {
        method,
        path,
        table,
        body,
        own,
    }
}

/// Every operation that takes an id.
pub(crate) fn fixtures() -> Vec<Fixture> {
    [house(), sessions(), inbox(), calls_and_jobs(), operators()]
        .into_iter()
        .flatten()
        .collect()
}

/// The people, keys and inboxes of a tenant.
fn house() -> Vec<Fixture> {
    let none = || Value::Null;
    vec![
        line("PATCH", "/staff/{id}", "staff", json!({ "name": "Another" }), 200),
        line("DELETE", "/api-keys/{id}", "api_keys", none(), 204),
        line(
            "PATCH",
            "/inboxes/{id}",
            "inboxes",
            json!({ "name": "Another" }),
            200,
        ),
        line("GET", "/inboxes/{id}/demo-page", "voice_inboxes", none(), 200),
        line(
            "PUT",
            "/inboxes/{id}/demo-page",
            "voice_inboxes",
            json!({ "enabled": true }),
            200,
        ),
    ]
}

/// Linked numbers.
fn sessions() -> Vec<Fixture> {
    let none = || Value::Null;
    vec![
        line("GET", "/whatsapp-sessions/{id}", "sessions", none(), 200),
        line(
            "PATCH",
            "/whatsapp-sessions/{id}",
            "sessions",
            json!({ "desired": "stopped", "name": "Another" }),
            200,
        ),
        line("POST", "/whatsapp-sessions/{id}/unlink", "sessions", none(), 202),
        // The row is linked: the owner is told so, a stranger is not.
        line(
            "POST",
            "/whatsapp-sessions/{id}/pairing",
            "sessions",
            json!({ "mode": "qr" }),
            409,
        ),
    ]
}

/// Contacts, conversations and what they hold.
fn inbox() -> Vec<Fixture> {
    let none = || Value::Null;
    let note = json!({ "body": "A note", "draft_key": "fixture-draft", "kind": "note" });
    vec![
        line("GET", "/contacts/{id}", "contacts", none(), 200),
        line(
            "PATCH",
            "/contacts/{id}",
            "contacts",
            json!({ "about": "Likes tea" }),
            200,
        ),
        line("GET", "/conversations/{id}", "conversations", none(), 200),
        line(
            "PATCH",
            "/conversations/{id}",
            "conversations",
            json!({ "status": "closed" }),
            200,
        ),
        line("POST", "/conversations/{id}/seen", "conversations", none(), 204),
        line(
            "POST",
            "/conversations/{id}/attention",
            "conversations",
            json!({ "doing": "looking" }),
            204,
        ),
        line(
            "GET",
            "/conversations/{id}/messages",
            "conversations",
            none(),
            200,
        ),
        line("POST", "/conversations/{id}/messages", "conversations", note, 201),
        line("POST", "/messages/{id}/retry", "messages", none(), 200),
        // The row is a text's: the owner is told that this is for chats, a stranger is not.
        line(
            "PATCH",
            "/messages/{id}",
            "messages",
            json!({ "body": "Hi" }),
            409,
        ),
        line("DELETE", "/messages/{id}", "messages", none(), 409),
        line(
            "PUT",
            "/messages/{id}/reaction",
            "messages",
            json!({ "emoji": "👍" }),
            409,
        ),
        // The row's object was never stored: the owner is told so, a stranger is not.
        line("GET", "/attachments/{id}", "attachments", none(), 404),
        // The row's file is here: nothing to fetch.
        line("POST", "/attachments/{id}/retry", "attachments", none(), 409),
    ]
}

/// Calls, and work in the background.
fn calls_and_jobs() -> Vec<Fixture> {
    let none = || Value::Null;
    vec![
        line("GET", "/calls/{id}", "calls", none(), 200),
        line("GET", "/calls/{id}/turns", "calls", none(), 200),
        line("POST", "/calls/{id}/hang-up", "calls", none(), 202),
        line("POST", "/calls/{id}/audio-ticket", "calls", none(), 200),
        line("GET", "/calls/{id}/audio", "calls", none(), 400),
        line("POST", "/jobs/{id}/replay", "jobs", none(), 202),
        line("DELETE", "/jobs/{id}", "jobs", none(), 204),
    ]
}

/// What the platform's operators do.
fn operators() -> Vec<Fixture> {
    let none = || Value::Null;
    vec![
        line(
            "POST",
            "/operator-visits/{id}/end",
            "operator_visits",
            none(),
            200,
        ),
        // Of tenants only the platform's operators speak; to an owner every id is alike.
        line("GET", "/platform/tenants/{id}", "staff", none(), 403),
        line("PATCH", "/platform/tenants/{id}", "staff", none(), 403),
        line("POST", "/platform/tenants/{id}/suspend", "staff", none(), 403),
        line("POST", "/platform/tenants/{id}/resume", "staff", none(), 403),
        line("POST", "/platform/tenants/{id}/enter", "staff", none(), 403),
    ]
}

/// One field of a body that is an id.
pub(super) struct Reference {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) field: &'static str,
    /// The table it refers to.
    pub(super) table: &'static str,
    /// The rest of a good body.
    pub(super) body: Value,
}

fn refers(
    method: &'static str,
    path: &'static str,
    field: &'static str,
    table: &'static str,
    body: Value,
) -> Reference {
    Reference {
        method,
        path,
        field,
        table,
        body,
    }
}

/// Every field of a body that is an id.
pub(super) fn references() -> Vec<Reference> {
    let inbox = json!({ "channel": "sms", "address": "+15550123", "name": "Front desk" });
    let note = |key: &str| json!({ "body": "A note", "draft_key": key, "kind": "note" });
    let word = json!({ "address": "+15550188", "body": "Hello", "draft_key": "fixture-word" });
    let (answer, with_file) = (note("fixture-answer"), note("fixture-file"));
    vec![
        refers("PATCH", "/conversations/{id}", "assignee_id", "staff", json!({})),
        refers("POST", "/inboxes", "connection_id", "connections", inbox),
        refers("POST", "/conversations", "inbox_id", "inboxes", word),
        refers(
            "POST",
            "/conversations/{id}/messages",
            "answers_id",
            "messages",
            answer,
        ),
        refers(
            "POST",
            "/conversations/{id}/messages",
            "upload_id",
            "uploads",
            with_file,
        ),
        refers("POST", "/phone-calls", "inbox_id", "voice_inboxes", json!({})),
    ]
}
