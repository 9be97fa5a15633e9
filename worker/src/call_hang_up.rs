//! Ends a call that staff hung up, should the order to the process that carries it have been lost.

use connectors::http::Http;
use hub::Hub;
use hub::call::work::HangUp;
use hub::call::{self, Outcome as CallOutcome, Source, close};

use crate::call_recording::rest;
use crate::registry::{Job, Outcome};

/// At the provider first, then in our books; a call that is over already is left alone.
pub(crate) async fn run(http: Http, hub: Hub, job: Job<HangUp>) -> anyhow::Result<Outcome> {
    let mut tx = hub.db.tenant(job.tenant).await?;
    let call = call::get(&mut tx, job.payload.call).await?;
    let provider_id = call::begin::provider_id(&mut tx, call.id).await?;
    tx.commit().await?;
    if call.state.is_over() {
        return Ok(Outcome::Done);
    }
    if call.source == Source::Twilio {
        rest(http, &hub, &call).await?.end_call(&provider_id).await?;
    }
    let mut tx = hub.db.tenant(job.tenant).await?;
    close::close(&mut tx, call.id, CallOutcome::StaffHungUp).await?;
    job.done_in(&mut tx).await?;
    tx.commit().await?;
    Ok(Outcome::Written)
}
