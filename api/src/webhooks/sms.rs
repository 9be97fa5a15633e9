//! A text that came in, and what became of one that went out.

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use connectors::twilio::messages::{Progress, failure_help, progress};
use hub::Hub;
use hub::message::{Failure, State as MessageState};
use hub::phone;
use hub::receipt::{self, Report};
use hub::submission::{Body, NewSubmission, Sms};
use serde::Deserialize;

use super::proof::{Proved, Signed};

/// Pictures of one text; carriers send ten at most.
const MEDIA_MAX: usize = 10;
/// Twilio's addresses have some 150 characters.
const MEDIA_URL_MAX: usize = 1_000;

/// `POST /webhooks/twilio/sms`: answered when the submission is committed; a repeat finds it and is answered alike.
pub(super) async fn receive(State(hub): State<Hub>, signed: Signed) -> Result<Response, Response> {
    let number = phone::sender(signed.claimed("To"));
    let proved = signed.prove(&hub, &number).await?;
    let Some(text) = text_of(&proved) else {
        return Err(StatusCode::BAD_REQUEST.into_response());
    };
    let submission = NewSubmission {
        tenant: proved.addressed.tenant,
        inbox: proved.addressed.inbox.id,
        dedup_key: text.provider_id.clone(),
        body: Body::Sms(text),
    };
    let committed = hub.intake.commit(&hub, submission).await;
    committed.map_err(IntoResponse::into_response)?;
    // Nothing is answered in TwiML: an answer of ours is a message with a life of its own.
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], "<Response/>").into_response())
}

fn text_of(proved: &Proved) -> Option<Sms> {
    let media: Vec<_> = (0..MEDIA_MAX)
        .map_while(|n| proved.field(&format!("MediaUrl{n}")))
        .map(|url| url.chars().take(MEDIA_URL_MAX).collect())
        .collect();
    let media_types =
        (0..media.len()).map(|n| proved.field(&format!("MediaContentType{n}")).unwrap_or_default());
    Some(Sms {
        from: proved.field("From").filter(|from| !from.is_empty())?.to_owned(),
        body: proved.field("Body").unwrap_or_default().replace('\0', ""),
        provider_id: proved
            .field("MessageSid")
            .filter(|id| (1..=64).contains(&id.len()))?
            .to_owned(),
        keyword_answered: proved.field("OptOutType").is_some(),
        media_types: media_types.map(media_type).collect(),
        media,
        sent_at: None,
    })
}

/// A media type without its parameters, or nothing. What a file really is, is seen when it is fetched.
fn media_type(said: &str) -> String {
    let plain = said
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_one = plain.len() <= 100
        && plain
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/+-.".contains(&byte));
    if is_one { plain } else { String::new() }
}

/// Which message and attempt a report is of: we put it into the address we gave with the message.
#[derive(Deserialize)]
pub(super) struct Reference {
    m: Option<String>,
}

/// `POST /webhooks/twilio/sms/status`: in any order, any number of times, perhaps before Twilio's answer to the sending.
pub(super) async fn status(
    State(hub): State<Hub>,
    Query(reference): Query<Reference>,
    signed: Signed,
) -> Result<StatusCode, Response> {
    let number = phone::sender(signed.claimed("From"));
    let proved = signed.prove(&hub, &number).await?;
    let about = reference.m.as_deref().and_then(receipt::referenced);
    let said = proved.field("MessageStatus").and_then(progress);
    // What we cannot place is no news; a refusal would only have it repeated.
    let (Some((message, attempt)), Some(said), Some(id)) = (about, said, proved.field("MessageSid")) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let report = Report {
        message,
        attempt,
        provider_id: id.to_owned(),
        state: match said {
            Progress::Taken => MessageState::Sent,
            Progress::Failed => MessageState::Failed,
            Progress::Delivered => MessageState::Delivered,
            Progress::Read => MessageState::Read,
        },
        failure: (said == Progress::Failed).then(|| failure(proved.field("ErrorCode"))),
    };
    let recorded = receipt::record(&hub, proved.addressed.tenant, &report).await;
    recorded.map_err(IntoResponse::into_response)?;
    Ok(StatusCode::NO_CONTENT)
}

fn failure(code: Option<&str>) -> Failure {
    let code = code.filter(|code| !code.is_empty());
    Failure {
        code: code.unwrap_or("undelivered").chars().take(40).collect(),
        help: failure_help(code.and_then(|code| code.parse().ok())).to_owned(),
    }
}
