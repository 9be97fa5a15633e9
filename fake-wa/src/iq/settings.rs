//! Requests that every login makes and that change little: experiments, privacy, blocked numbers, the time lock.
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::plain;
use crate::address::Phone;
use crate::stanza;
use crate::world::World;

/// What everybody may see of an account, as it is when nobody has changed anything.
const PRIVACY: [(&str, &str); 8] = [
    ("last", "all"),
    ("online", "all"),
    ("profile", "all"),
    ("status", "all"),
    ("groupadd", "all"),
    ("readreceipts", "all"),
    ("calladd", "all"),
    ("messages", "all"),
];

pub(super) fn answer(world: &World, phone: Phone, namespace: &str, request: &Node) -> Node {
    // A token, a dirty bit, a changed setting: taken note of.
    if stanza::attr(request, "type") == "set" {
        return stanza::result(request, Vec::new());
    }
    match namespace {
        "abt" => {
            let props = [
                ("protocol", "1"),
                ("ab_key", "fake"),
                ("hash", "fake"),
                ("refresh", "86400"),
                ("refresh_id", "1"),
            ];
            stanza::result(request, vec![plain("props", &props)])
        }
        "privacy" => {
            let categories =
                PRIVACY.map(|(name, value)| plain("category", &[("name", name), ("value", value)]));
            stanza::result(
                request,
                vec![NodeBuilder::new("privacy").children(categories).build()],
            )
        }
        "blocklist" => stanza::result(request, vec![plain("list", &[("dhash", "0")])]),
        "w:mex" => stanza::result(request, vec![time_lock(world)]),
        "w:p" => stanza::result(request, Vec::new()),
        other => {
            world
                .ledger
                .record("iq.unknown", json!({"phone": phone, "xmlns": other}));
            stanza::result(request, Vec::new())
        }
    }
}

/// The one persisted query that matters here: may the account write to strangers?
fn time_lock(world: &World) -> Node {
    let until = world.state().faults.reachout_locked_until;
    let lock = json!({
        "is_active": until.is_some(),
        "time_enforcement_ends": until.map(|until| until.to_string()),
        "enforcement_type": until.map(|_| "DEFAULT"),
    });
    let data = json!({"data": {"xwa2_fetch_account_reachout_timelock": lock}});
    NodeBuilder::new("result").bytes(data.to_string()).build()
}
