//! Chats by their names: a number in E.164, or what the network calls somebody who hides theirs, or a group.

use whatsapp_rust::{Jid, Server};

use super::store::Store;

/// The name of a chat or a sender; `alt` is what the network says is the same one's other address.
pub(super) async fn name_of(store: &Store, jid: &Jid, alt: Option<&Jid>) -> String {
    if let Some(number) = number_of(jid) {
        return number;
    }
    if let Some(number) = alt.and_then(number_of) {
        return number;
    }
    if is_hidden(jid)
        && let Some(number) = store.number_behind(&jid.user).await
    {
        return format!("+{number}");
    }
    jid.to_non_ad().to_string()
}

/// What the network calls the person behind a number, where it has told: the name that they have when they hide it.
pub(super) async fn hidden_name(store: &Store, jid: &Jid, alt: Option<&Jid>) -> Option<String> {
    let told = [Some(jid), alt].into_iter().flatten().find(|jid| is_hidden(jid));
    if let Some(hidden) = told {
        return Some(hidden.to_non_ad().to_string());
    }
    let number = number_of(jid)?;
    let hidden = store.hidden_name_of(number.trim_start_matches('+')).await?;
    Some(Jid::lid(hidden).to_string())
}

/// All names that a chat may have been known by, the best one first: who hides a number may have been met before it was known.
pub(super) async fn names_of(store: &Store, jid: &Jid) -> Vec<String> {
    let mut names = vec![name_of(store, jid, None).await];
    if let Some(number) = number_of(jid) {
        let digits = number.trim_start_matches('+');
        names.extend(
            store
                .hidden_name_of(digits)
                .await
                .map(|lid| Jid::lid(lid).to_string()),
        );
    } else {
        names.push(jid.to_non_ad().to_string());
    }
    names.dedup();
    names
}

/// Where a chat's messages go.
pub(super) fn jid_of(chat: &str) -> anyhow::Result<Jid> {
    match chat.strip_prefix('+') {
        Some(digits) => Ok(Jid::pn(digits)),
        None => Ok(chat.parse()?),
    }
}

pub(super) fn number_of(jid: &Jid) -> Option<String> {
    let is_number = matches!(jid.server, Server::Pn | Server::Hosted | Server::Legacy);
    let has_digits = !jid.user.is_empty() && jid.user.chars().all(|digit| digit.is_ascii_digit());
    (is_number && has_digits).then(|| format!("+{}", jid.user))
}

fn is_hidden(jid: &Jid) -> bool {
    matches!(jid.server, Server::Lid | Server::HostedLid)
}
