//! Files of messages: told by address, kept behind the account's credentials, given out by a host that asks for none.
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::world::{World, sid};

/// One file of a message.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) sid: String,
    pub(crate) media_type: String,
    pub(crate) body: Bytes,
}

impl File {
    pub(crate) fn new(media_type: &str, body: &[u8]) -> Self {
        Self {
            sid: sid("ME"),
            media_type: media_type.to_owned(),
            body: Bytes::copy_from_slice(body),
        }
    }

    /// The path of the REST resource.
    pub(crate) fn path(&self, account: &str, message: &str) -> String {
        format!(
            "/2010-04-01/Accounts/{account}/Messages/{message}/Media/{}",
            self.sid
        )
    }
}

/// `GET Messages/{sid}/Media`.
pub(crate) fn list(world: &World, account: &str, message: &str) -> Option<Response> {
    let messages = world.messages.lock().expect("no holder of the lock panics");
    let found = messages
        .iter()
        .find(|one| one.sid == message && one.account == account)?;
    let files: Vec<Value> = found
        .files
        .iter()
        .map(|file| {
            json!({
                "sid": file.sid, "account_sid": account, "parent_sid": message, "content_type": file.media_type,
                "uri": format!("{}.json", file.path(account, message)),
            })
        })
        .collect();
    Some(
        Json(json!({"media_list": files, "page": 0, "page_size": 50, "next_page_uri": null})).into_response(),
    )
}

/// `GET Messages/{sid}/Media/{sid}`: leads to the file's host.
pub(crate) fn lead(world: &World, account: &str, message: &str, file: &str) -> Option<Response> {
    let known = world
        .messages
        .lock()
        .expect("no holder of the lock panics")
        .iter()
        .any(|one| {
            one.sid == message && one.account == account && one.files.iter().any(|own| own.sid == file)
        });
    let faults = world.faults.lock().expect("no holder of the lock panics");
    let place = faults
        .media_leads_to
        .clone()
        .unwrap_or_else(|| format!("{}/_media/{file}", world.base_url));
    known.then(|| (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response())
}

/// The file's host: whoever knows the name gets it. Credentials that arrive here were given away.
pub(crate) async fn serve(
    State(world): State<Arc<World>>,
    Path(sid): Path<String>,
    headers: HeaderMap,
) -> Response {
    let file = {
        let messages = world.messages.lock().expect("no holder of the lock panics");
        let mut files = messages.iter().flat_map(|message| &message.files);
        files.find(|file| file.sid == sid).cloned()
    };
    let has_credentials = headers.contains_key(header::AUTHORIZATION);
    world.ledger.record(
        "media.fetched",
        json!({"media_sid": sid, "credentials": has_credentials, "found": file.is_some()}),
    );
    match file {
        Some(file) => ([(header::CONTENT_TYPE, file.media_type)], file.body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
