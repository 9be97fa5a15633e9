//! Fetches a file that came with a text from the provider, streamed into the object store.

use anyhow::Context as _;
use connectors::http::Http;
use connectors::storage::Storage;
use connectors::twilio::media::Fault;
use connectors::twilio::{Account, Rest};
use hub::Hub;
use hub::attachment::fetch::{self, FetchMedia, Fetched, Wanted};
use hub::message::Failure;

use crate::registry::{Job, Outcome};

/// The bytes first, then in one transaction the row that says so and the job's end. A second run writes the same object.
pub(crate) async fn run(http: Http, hub: Hub, job: Job<FetchMedia>) -> anyhow::Result<Outcome> {
    let id = job.payload.attachment;
    let Some(wanted) = fetch::wanted(&hub, job.tenant, id).await? else {
        return Ok(Outcome::Done);
    };
    let failure = match bring(http, &hub, &wanted).await {
        Ok(fetched) => {
            let mut tx = hub.db.tenant(job.tenant).await?;
            fetch::stored(&mut tx, id, &fetched).await?;
            job.done_in(&mut tx).await?;
            tx.commit().await?;
            count("stored");
            return Ok(Outcome::Done);
        }
        Err(Fault::Broken(cause)) if !job.is_last_attempt => {
            count("again");
            return Err(cause).context("fetch the file");
        }
        Err(fault) => failure(&fault),
    };
    tracing::warn!(
        attachment.id = %id,
        code = failure.code,
        "The file {id} could not be fetched: {}",
        failure.code
    );
    let mut tx = hub.db.tenant(job.tenant).await?;
    fetch::failed(&mut tx, id, &failure).await?;
    job.done_in(&mut tx).await?;
    tx.commit().await?;
    count("failed");
    Ok(Outcome::Done)
}

async fn bring(http: Http, hub: &Hub, wanted: &Wanted) -> Result<Fetched, Fault> {
    let credentials = wanted.credentials.as_deref().ok_or(Fault::Credentials)?;
    let account = Account::from_plain_json(credentials).map_err(|_unreadable| Fault::Credentials)?;
    let rest = Rest::new(http, hub.config.twilio.api_url.clone(), account);
    let media = rest.open_media(&wanted.url, &wanted.media_type).await?;
    let storage = Storage::open(&hub.config.calls.storage).map_err(Fault::Broken)?;
    let written = storage.put_pieces(&wanted.object_key, media.pieces).await;
    let size = written.map_err(|fault| match fault.downcast_ref::<Fault>() {
        Some(Fault::TooLarge) => Fault::TooLarge,
        _ => Fault::Broken(fault),
    })?;
    Ok(Fetched {
        media_type: media.media_type,
        size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
    })
}

fn count(outcome: &'static str) {
    metrics::counter!("switchboard_media_fetches_total", "outcome" => outcome).increment(1);
}

fn failure(fault: &Fault) -> Failure {
    let (code, help) = match fault {
        Fault::Elsewhere => (
            "elsewhere",
            "The file's address is not Twilio's, so it was not opened. Ask the customer to send it again.",
        ),
        Fault::Gone => (
            "gone",
            "Twilio has this file no more. Ask the customer to send it again.",
        ),
        Fault::Credentials => (
            "credentials",
            "Twilio does not accept this account's credentials. An admin can renew the connection; then try again.",
        ),
        Fault::TooLarge => (
            "too_large",
            "The file is larger than 16 MB. Ask the customer for a smaller one, or for a link to it.",
        ),
        Fault::Broken(_) => (
            "not_reachable",
            "The file could not be fetched from Twilio for some minutes. Try again.",
        ),
    };
    Failure {
        code: code.to_owned(),
        help: help.to_owned(),
    }
}
