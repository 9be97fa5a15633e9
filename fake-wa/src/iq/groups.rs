//! Requests about groups: what they are, making one, joining and leaving.
use anyhow::{Context, Result, ensure};
use serde_json::json;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::address::Phone;
use crate::group::Group;
use crate::stanza;
use crate::world::{State, World};

pub(super) fn request(world: &World, asker: Phone, kind: &str, request: &Node) -> Result<Node> {
    let mut state = world.state();
    let to = stanza::jid(request, "to").context("find the group")?;
    let about = stanza::children(request).first().context("find the question")?;
    let answer = match (kind, about.tag.as_ref()) {
        ("get", "participating") => {
            let mine = state
                .groups
                .values()
                .filter(|group| group.members.contains(&asker));
            vec![NodeBuilder::new("groups").children(mine.map(Group::node)).build()]
        }
        ("set", "create") => {
            let subject = stanza::attr(about, "subject");
            let id = create(world, &mut state, asker, &subject, &members(about), false)?;
            vec![state.groups.get(&id).context("find the new group")?.node()]
        }
        (_, about_tag) => {
            let group = state
                .groups
                .get(to.user.as_str())
                .context("there is no such group")?;
            ensure!(group.members.contains(&asker), "{asker} is not in the group");
            match about_tag {
                "query" => vec![group.node()],
                "add" | "remove" => {
                    let id = group.id.clone();
                    let told = change(&mut state, &id, asker, about)?;
                    vec![told]
                }
                _ => Vec::new(),
            }
        }
    };
    Ok(stanza::result(request, answer))
}

fn members(node: &Node) -> Vec<Phone> {
    node.get_children_by_tag("participant")
        .filter_map(|member| Phone::of(&stanza::jid(member, "jid")?))
        .map(|(phone, _)| phone)
        .collect()
}

/// Opens a group and tells its members; its id.
pub(crate) fn create(
    world: &World,
    state: &mut State,
    creator: Phone,
    subject: &str,
    members: &[Phone],
    by_lid: bool,
) -> Result<String> {
    for phone in members.iter().chain([&creator]) {
        state.account(*phone)?;
    }
    let id = format!("{}", 120_363_000_000_000_000_u64 + state.groups.len() as u64 + 1);
    let mut group = Group::new(id.clone(), subject, creator, members.iter().copied());
    group.by_lid = by_lid;
    let create = NodeBuilder::new("create")
        .attr("type", "new")
        .children([group.node()])
        .build();
    state.groups.insert(id.clone(), group);
    tell(state, &id, creator, create)?;
    world
        .ledger
        .record("group", json!({"id": id, "subject": subject, "creator": creator}));
    Ok(id)
}

/// Tells every member's devices of a change.
fn tell(state: &mut State, id: &str, by: Phone, change: Node) -> Result<()> {
    let group = state.groups.get(id).context("there is no such group")?;
    let members = group.members.clone();
    let mut told = stanza::notification("w:gp2", &group.jid().to_string(), vec![change]);
    told.attrs.insert("participant", group.name_of(by, 0));
    told.attrs.insert("addressing_mode", group.addressing());
    for member in members {
        if let Some(account) = state.accounts.get_mut(&member) {
            account.give(&told, None);
        }
    }
    Ok(())
}

fn change(state: &mut State, id: &str, by: Phone, about: &Node) -> Result<Node> {
    let named = members(about);
    let comes = about.tag == "add";
    let group = state.groups.get_mut(id).context("there is no such group")?;
    let nodes: Vec<Node> = named.iter().map(|phone| group.member(*phone)).collect();
    if comes {
        group.members.extend(named.iter().copied());
    }
    let tag = if comes { "add" } else { "remove" };
    let change = NodeBuilder::new(tag).children(nodes).build();
    tell(state, id, by, change.clone())?;
    if !comes {
        let group = state.groups.get_mut(id).context("there is no such group")?;
        group.members.retain(|member| !named.contains(member));
    }
    Ok(change)
}
