//! Which handler does which job: one line each.

use connectors::http::Http;

use crate::registry::Registry;
use crate::{
    attachment_fetch, call_hang_up, call_recording, call_summarise, connection_sweep, message_send,
    submission_process,
};

/// Every handler of the product.
///
/// # Errors
/// When a client of the outside cannot be made.
pub(crate) fn all() -> anyhow::Result<Registry> {
    let http = Http::new()?;
    Ok(Registry::new()
        .on({
            let rooms = submission_process::Rooms::default();
            move |hub, job| submission_process::run(rooms.clone(), hub, job)
        })
        .on({
            let http = http.clone();
            move |hub, job| attachment_fetch::run(http.clone(), hub, job)
        })
        .on({
            let http = http.clone();
            move |hub, job| call_hang_up::run(http.clone(), hub, job)
        })
        .on({
            let http = http.clone();
            move |hub, job| call_recording::run(http.clone(), hub, job)
        })
        .on({
            let http = http.clone();
            move |hub, job| call_summarise::run(http.clone(), hub, job)
        })
        .on({
            let http = http.clone();
            move |hub, job| connection_sweep::run(http.clone(), hub, job)
        })
        .on(move |hub, job| message_send::run(http.clone(), hub, job)))
}
