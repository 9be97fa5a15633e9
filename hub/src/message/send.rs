//! Sending, in three steps that each survive a crash: the intent is committed (`sending`), the provider is asked, the
//! outcome is committed. Found in `sending`, a message may have been sent: it is looked up, never sent again blindly.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Author, Failure, Message, State, get, route};
use crate::Hub;
use crate::clock::Timestamp;
use crate::connection;
use crate::contact::{self, IdentityKind};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::{MessageId, TenantId};
use crate::inbox;
use crate::job::{Queue, Work};
use crate::tenant;

/// The job that sends a message, and finds out what became of one whose outcome is unknown.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendMessage {
    /// Which.
    pub message: MessageId,
}

impl Work for SendMessage {
    const KIND: &'static str = "message.send";
    const QUEUE: Queue = Queue::High;
    const LIMIT_S: u64 = 60;
}

/// When an unknown outcome is looked up, counted from the attempt: the provider's list may lag behind what it sent. After
/// the last it is for staff to decide.
const LOOK_UPS: [Duration; 3] = [FIRST_LOOK_UP, Duration::from_mins(2), Duration::from_mins(5)];
const FIRST_LOOK_UP: Duration = Duration::from_secs(30);

/// An attempt to send one message.
#[derive(Clone)]
pub struct Order {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub message: MessageId,
    /// Which attempt; a report of an earlier one is not of this.
    pub attempt: i32,
    /// Since when the provider may have it.
    pub sending_at: Timestamp,
    /// Our number.
    pub from: String,
    /// Theirs.
    pub to: String,
    /// The text.
    pub body: String,
    /// The credentials of the account that carries it.
    pub credentials: Zeroizing<Vec<u8>>,
}

/// What is to be done about a message.
pub enum Next {
    /// Give it to the provider, now and once.
    Send(Order),
    /// Ask the provider whether it has it.
    LookUp(Order),
    /// Not yet time to ask.
    Wait(Timestamp),
    /// Nothing: it is done.
    Nothing,
}

/// What became of an attempt.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The provider has it under this id.
    Sent(String),
    /// The provider refused it.
    Failed(Failure),
    /// Certainly nothing happened; it may be sent again later.
    NotSent,
}

/// Begins an attempt: commits the intent, or says that it is to be looked up. A STOP that is committed before is obeyed.
pub async fn start(hub: &Hub, tenant: TenantId, id: MessageId) -> Result<Next> {
    let mut tx = hub.db.tenant(tenant).await?;
    let row = lock(&mut tx, id).await?;
    match row.state {
        State::Queued => {}
        State::Sending => return look_up(hub, tx, id, &row).await,
        _ => return Ok(Next::Nothing),
    }
    let refused = match order(hub, &mut tx, id, &row).await {
        Ok(order) => {
            let now = tx.now();
            sqlx::query!(
                "UPDATE messages SET state = 'sending', sending_at = $3 WHERE tenant_id = $1 AND id = $2",
                tenant.uuid(),
                id.uuid(),
                now as _
            )
            .execute(&mut *tx)
            .await?;
            // Screens show `queued` until the outcome: a moment's state is not worth an event of its own.
            tx.commit().await?;
            return Ok(Next::Send(Order {
                sending_at: now,
                ..order
            }));
        }
        Err(Error::Invalid { code, detail, .. }) => Failure {
            code: code.to_owned(),
            help: detail,
        },
        Err(other) => return Err(other),
    };
    write(&mut tx, id, &row, State::Failed, None, Some(&refused)).await?;
    tx.commit().await?;
    Ok(Next::Nothing)
}

/// The provider may list what it took only a while later, so it is not asked at once.
async fn look_up(hub: &Hub, mut tx: Tx, id: MessageId, row: &Locked) -> Result<Next> {
    let first = row.sending_at.unwrap_or(tx.now()).after(FIRST_LOOK_UP);
    if tx.now() < first {
        return Ok(Next::Wait(first));
    }
    let order = order(hub, &mut tx, id, row).await;
    match order {
        // Switched off meanwhile: nobody to ask.
        Err(Error::Invalid { .. }) => {
            give_up(&mut tx, id, row).await?;
            tx.commit().await?;
            Ok(Next::Nothing)
        }
        other => other.map(Next::LookUp),
    }
}

/// Commits what became of an attempt. Late news of an attempt that is over changes nothing.
pub async fn finish(hub: &Hub, order: &Order, outcome: Outcome) -> Result<()> {
    let mut tx = hub.db.tenant(order.tenant).await?;
    let row = lock(&mut tx, order.message).await?;
    if row.attempt != order.attempt {
        return Ok(());
    }
    let id = order.message;
    match outcome {
        Outcome::Sent(provider_id) => {
            write(
                &mut tx,
                id,
                &row,
                row.state.join(State::Sent),
                Some(&provider_id),
                None,
            )
            .await?;
        }
        Outcome::Failed(mut failure) => {
            if failure.code == OPTED_OUT_CODE {
                mirror_opt_out(&mut tx, &order.to).await?;
                if row.author == Author::System {
                    "The provider has confirmed their STOP by itself. Nothing to do."
                        .clone_into(&mut failure.help);
                }
            }
            write(
                &mut tx,
                id,
                &row,
                row.state.join(State::Failed),
                None,
                Some(&failure),
            )
            .await?;
        }
        Outcome::NotSent if row.state == State::Sending => {
            sqlx::query!(
                "UPDATE messages SET state = 'queued', sending_at = NULL WHERE tenant_id = $1 AND id = $2",
                order.tenant.uuid(),
                id.uuid()
            )
            .execute(&mut *tx)
            .await?;
        }
        Outcome::NotSent => {}
    }
    tx.commit().await
}

/// A look-up found nothing, or got no answer: when to look again. After the last time staff see it and decide.
pub async fn not_found(hub: &Hub, order: &Order) -> Result<Option<Timestamp>> {
    let since = hub.clock.now().since(order.sending_at);
    if let Some(at) = LOOK_UPS.into_iter().find(|at| *at > since) {
        return Ok(Some(order.sending_at.after(at)));
    }
    let mut tx = hub.db.tenant(order.tenant).await?;
    let row = lock(&mut tx, order.message).await?;
    if row.state == State::Sending && row.attempt == order.attempt {
        give_up(&mut tx, order.message, &row).await?;
    }
    tx.commit().await?;
    Ok(None)
}

async fn give_up(tx: &mut Tx, id: MessageId, row: &Locked) -> Result<()> {
    let failure = Failure {
        code: "unknown".to_owned(),
        help: "It may or may not have been sent: the provider did not answer and does not list it. Ask the customer \
               before you send it again."
            .to_owned(),
    };
    write(tx, id, row, State::Unknown, None, Some(&failure)).await?;
    Ok(())
}

/// Provider ids among `ids` that messages of ours have already: an identical earlier text is not this one.
pub async fn claimed(hub: &Hub, tenant: TenantId, ids: &[String]) -> Result<Vec<String>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let rows = sqlx::query_scalar!(
        r#"SELECT provider_id AS "provider_id!" FROM messages WHERE tenant_id = $1 AND provider_id = ANY($2)"#,
        tenant.uuid(),
        ids
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows)
}

/// The provider's code for a recipient who told it STOP.
const OPTED_OUT_CODE: &str = "21610";

/// The provider blocks a recipient whose STOP we did not see: we keep to it from now on.
async fn mirror_opt_out(tx: &mut Tx, number: &str) -> Result<()> {
    if let Some(known) = contact::find(tx, IdentityKind::Phone, number).await? {
        let now = tx.now();
        contact::opt_out(tx, known, true, now).await?;
    }
    Ok(())
}

pub(crate) struct Locked {
    pub(crate) conversation: crate::ids::ConversationId,
    pub(crate) author: Author,
    pub(crate) body: String,
    pub(crate) state: State,
    pub(crate) attempt: i32,
    pub(crate) provider_id: Option<String>,
    pub(crate) sending_at: Option<Timestamp>,
}

pub(crate) async fn lock(tx: &mut Tx, id: MessageId) -> Result<Locked> {
    sqlx::query_as!(
        Locked,
        r#"SELECT conversation_id AS conversation, author AS "author: Author", body, state AS "state: State", attempt,
             provider_id, sending_at
         FROM messages WHERE tenant_id = $1 AND id = $2 AND direction = 'out' FOR UPDATE"#,
        tx.tenant().uuid(),
        id.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or(Error::NotFound("message"))
}

async fn order(hub: &Hub, tx: &mut Tx, id: MessageId, row: &Locked) -> Result<Order> {
    let route = route::of(tx, row.conversation).await?;
    if row.state == State::Queued && tenant::is_suspended(tx).await? {
        let what = "This business is switched off, so nothing is sent. Send it again once it is on.";
        return Err(Error::invalid("tenant_suspended", what));
    }
    if route.opted_out && row.author != Author::System && row.state == State::Queued {
        let what = "They asked for no more texts before this one was sent. Call them instead.";
        return Err(Error::invalid("opted_out", what));
    }
    let account = inbox::get(tx, route.inbox).await?.connection_id.ok_or_else(|| {
        Error::invalid(
            "not_sendable",
            "This number is not connected to an account. An admin can connect it.",
        )
    })?;
    let credentials = connection::credentials(tx, &hub.sealer, account).await?;
    Ok(Order {
        tenant: tx.tenant(),
        message: id,
        attempt: row.attempt,
        sending_at: row.sending_at.unwrap_or(tx.now()),
        from: route.from,
        to: route.to,
        body: row.body.clone(),
        credentials,
    })
}

/// Writes a state with what came with it, and tells screens when it is news.
pub(crate) async fn write(
    tx: &mut Tx,
    id: MessageId,
    before: &Locked,
    state: State,
    provider_id: Option<&str>,
    failure: Option<&Failure>,
) -> Result<Option<Message>> {
    let keeps_failure = matches!(state, State::Failed | State::Unknown);
    let failure = failure.filter(|_| keeps_failure);
    let now = tx.now();
    sqlx::query!(
        "UPDATE messages SET state = $3, provider_id = COALESCE(provider_id, $4),
             sent_at = CASE WHEN $5 THEN COALESCE(sent_at, $6) ELSE sent_at END,
             failure_code = CASE WHEN $7 THEN COALESCE($8, failure_code) END,
             failure_help = CASE WHEN $7 THEN COALESCE($9, failure_help) END
         WHERE tenant_id = $1 AND id = $2",
        tx.tenant().uuid(),
        id.uuid(),
        state.as_str(),
        provider_id,
        state >= State::Sent && (state != State::Failed || provider_id.is_some()),
        now as _,
        keeps_failure,
        failure.map(|failure| failure.code.as_str()),
        failure.map(|failure| failure.help.as_str())
    )
    .execute(&mut **tx)
    .await?;
    if state == before.state {
        return Ok(None);
    }
    let message = get(tx, id).await?;
    tx.emit(NewEvent::new("message.updated", &json!({ "message": message }))?);
    Ok(Some(message))
}
