//! Fetches a message that a caller left at Twilio, and puts it into the inbox.

use anyhow::Context as _;
use connectors::http::Http;
use connectors::storage::Storage;
use connectors::twilio::{Account, Rest};
use hub::Hub;
use hub::attachment::{AttachmentKind, NewAttachment};
use hub::call::work::FetchRecording;
use hub::call::{self, Call};
use hub::inbox::Channel;
use hub::message::{NewMessage, append};

use crate::registry::{Job, Outcome};

/// A recording of three minutes has 3 MB; Twilio's largest of ours stays far below this.
const BYTES_MAX: usize = 64 << 20;

/// The file first, then in one transaction the message that names it and the job's end.
pub(crate) async fn run(http: Http, hub: Hub, job: Job<FetchRecording>) -> anyhow::Result<Outcome> {
    let fetch = &job.payload;
    let mut tx = hub.db.tenant(job.tenant).await?;
    let call = call::get(&mut tx, fetch.call).await?;
    tx.commit().await?;
    let Some(conversation) = call.conversation_id else {
        return Ok(Outcome::Fatal(
            "the caller's number was withheld, so there is no conversation".to_owned(),
        ));
    };
    let rest = rest(http, &hub, &call).await?;
    // Never anywhere else: the address came in a request, and our credentials go with ours.
    let Some(request) = rest.download(&format!("{}.wav", fetch.url)) else {
        return Ok(Outcome::Fatal(
            "the recording's address is not Twilio's".to_owned(),
        ));
    };
    let answer = request
        .send()
        .await?
        .error_for_status()
        .context("fetch the recording")?;
    anyhow::ensure!(
        answer
            .content_length()
            .is_none_or(|bytes| bytes <= BYTES_MAX as u64),
        "the recording is too large"
    );
    let file = answer.bytes().await.context("read the recording")?;
    anyhow::ensure!(file.len() <= BYTES_MAX, "the recording is too large");
    let name: String = fetch
        .recording
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let object_key = format!("{}/recordings/{}-{name}.wav", job.tenant, fetch.call);
    let size_bytes = i64::try_from(file.len())?;
    Storage::open(&hub.config.calls.storage)?
        .put(&object_key, "audio/wav", file)
        .await?;
    let attachments = [NewAttachment {
        kind: AttachmentKind::Recording,
        media_type: "audio/wav".to_owned(),
        file_name: None,
        size_bytes,
        duration_ms: i32::try_from(fetch.seconds.saturating_mul(1_000)).ok(),
        object_key,
    }];
    let text = format!("Voicemail, {}:{:02}", fetch.seconds / 60, fetch.seconds % 60);
    let message = NewMessage {
        call: Some(fetch.call),
        attachments: &attachments,
        provider_id: Some(&fetch.recording),
        ..NewMessage::inbound(conversation, &text)
    };
    let mut tx = hub.db.tenant(job.tenant).await?;
    append(&mut tx, &message).await?;
    job.done_in(&mut tx).await?;
    tx.commit().await?;
    Ok(Outcome::Written)
}

/// Twilio's REST API for the account that carries the called number.
pub(crate) async fn rest(http: Http, hub: &Hub, call: &Call) -> anyhow::Result<Rest> {
    let addressed = hub::inbox::by_address(hub, Channel::Voice, &call.to_address).await?;
    let credentials = addressed
        .as_ref()
        .and_then(|addressed| addressed.credentials.as_deref());
    let account = Account::from_plain_json(credentials.context("the number has no account any more")?)?;
    Ok(Rest::new(http, hub.config.twilio.api_url.clone(), account))
}
