//! Gives a message to Twilio, once; finds out what became of one whose outcome is unknown.

use std::time::Duration;

use anyhow::Context as _;
use connectors::http::Http;
use connectors::twilio::messages::{NewMessage, failure_help};
use connectors::twilio::rest::Fault;
use connectors::twilio::{Account, Rest};
use hub::Hub;
use hub::message::Failure;
use hub::message::send::{self, Next, Order, SendMessage};
use hub::receipt;

use crate::registry::{Job, Outcome};

/// Twilio's clock and ours may differ by this much.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What is to be done follows from the message's state, so a run after a crash goes on where the last one ended.
pub(crate) async fn run(http: Http, hub: Hub, job: Job<SendMessage>) -> anyhow::Result<Outcome> {
    match send::start(&hub, job.tenant, job.payload.message).await? {
        Next::Send(order) => give(http, &hub, &order, job.is_last_attempt).await,
        Next::LookUp(order) => look_up(http, &hub, &order).await,
        Next::Wait(until) => Ok(Outcome::Later(until)),
        Next::Nothing => Ok(Outcome::Done),
    }
}

fn rest(http: Http, hub: &Hub, order: &Order) -> anyhow::Result<Rest> {
    let account =
        Account::from_plain_json(&order.credentials).context("read the connection's credentials")?;
    Ok(Rest::new(http, hub.config.twilio.api_url.clone(), account))
}

async fn give(http: Http, hub: &Hub, order: &Order, is_last_attempt: bool) -> anyhow::Result<Outcome> {
    let reference = receipt::reference(order.message, order.attempt);
    // The fragment is Twilio's: it repeats a report that did not reach us. It is no part of what is called or signed.
    let path = format!("/webhooks/twilio/sms/status?m={reference}#rc=3&rp=all");
    let new = NewMessage {
        from: &order.from,
        to: &order.to,
        body: &order.body,
        status_callback: &hub.config.public(&path),
    };
    let sent = rest(http, hub, order)?.send_message(&new).await;
    match sent {
        Ok(taken) => {
            send::finish(hub, order, send::Outcome::Sent(taken.sid)).await?;
            Ok(Outcome::Done)
        }
        Err(Fault::Refused { code, message, .. }) => {
            tracing::info!(message.id = %order.message, code, "Twilio refused message {}: {message}", order.message);
            send::finish(hub, order, send::Outcome::Failed(failure(code))).await?;
            Ok(Outcome::Done)
        }
        Err(fault) if fault.is_safe_to_repeat() && is_last_attempt => {
            let failure = Failure {
                code: "not_reachable".to_owned(),
                help: "The provider could not be reached for a long time. Send it again.".to_owned(),
            };
            send::finish(hub, order, send::Outcome::Failed(failure)).await?;
            Ok(Outcome::Done)
        }
        Err(fault) if fault.is_safe_to_repeat() => {
            send::finish(hub, order, send::Outcome::NotSent).await?;
            Err(fault).context("give the message to Twilio")
        }
        Err(fault) => {
            metrics::counter!("switchboard_messages_outcome_unknown_total").increment(1);
            tracing::warn!(message.id = %order.message, error = format!("{:#}", anyhow::Error::from(fault)),
                "What became of message {} is not known yet", order.message);
            again(hub, order).await
        }
    }
}

/// The message may be there under an id we were never told. An identical earlier text is not it: that one's id is known.
async fn look_up(http: Http, hub: &Hub, order: &Order) -> anyhow::Result<Outcome> {
    let since = order.sending_at.before(CLOCK_SKEW).jiff();
    let found = rest(http, hub, order)?
        .find_messages(&order.from, &order.to, &order.body, since)
        .await;
    let found = match found {
        Ok(found) => found,
        Err(fault) => {
            tracing::warn!(message.id = %order.message, error = format!("{:#}", anyhow::Error::from(fault)),
                "Could not look up message {}", order.message);
            return again(hub, order).await;
        }
    };
    let ids: Vec<String> = found.into_iter().map(|message| message.sid).collect();
    let claimed = send::claimed(hub, order.tenant, &ids).await?;
    // Newest first as Twilio lists them: of several unclaimed, the oldest is the one that was sent first.
    match ids.into_iter().rev().find(|id| !claimed.contains(id)) {
        Some(id) => {
            send::finish(hub, order, send::Outcome::Sent(id)).await?;
            Ok(Outcome::Done)
        }
        None => again(hub, order).await,
    }
}

async fn again(hub: &Hub, order: &Order) -> anyhow::Result<Outcome> {
    let next = send::not_found(hub, order).await?;
    Ok(next.map_or(Outcome::Done, Outcome::Later))
}

fn failure(code: Option<u32>) -> Failure {
    Failure {
        code: code.map_or_else(|| "refused".to_owned(), |code| code.to_string()),
        help: failure_help(code).to_owned(),
    }
}
