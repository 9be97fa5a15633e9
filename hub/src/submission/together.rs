//! What waits of one tenant, worked in together: one transaction and one commit for all of it, so that a backlog shrinks
//! the faster the longer it is. A commit of events waits for the tenant's one before it, so that many small ones gain
//! nothing by being under way at once.
//!
//! Which submissions are in it is decided by the rows: jobs in their first attempt, and jobs that nobody has claimed and
//! that never failed. Whose attempt it is does not matter: what came first must not come last because its worker has claimed
//! it and not begun; that worker finds it done. All of them are done with the transaction, or none; then each is tried by itself.

use std::collections::{HashMap, HashSet};

use super::process::{chat, clean, receive_form, receive_text};
use super::{Body, Sms};
use crate::Hub;
use crate::clock::Timestamp;
use crate::contact::{self, IdentityKind};
use crate::conversation;
use crate::db::Tx;
use crate::error::{self, Error, Result};
use crate::ids::{ContactId, ConversationId, InboxId, JobId, MessageId, SubmissionId, TenantId};
use crate::inbox::Channel;
use crate::job::Work as _;
use crate::message::{self, Received};
use crate::{opt_out, phone};

use super::ProcessSubmission;

/// Submissions of one transaction, besides those that are claimed: bounds how long the tenant's feed is locked.
const TAKEN_ALONG_MAX: i64 = 100;

/// How often all of them are tried together.
const TRIES: u32 = 3;

struct Waiting {
    id: SubmissionId,
    inbox: InboxId,
    body: Body,
    received_at: Timestamp,
}

/// Works in all that waits of the tenant; marks the jobs done. Answers which.
///
/// # Errors
/// When one of them cannot be worked in; then none was. What passes by itself, such as a row that somebody held for too
/// long, is tried again first: one by one, they would not be in their order.
pub async fn process_together(hub: &Hub, tenant: TenantId) -> Result<Vec<JobId>> {
    let mut tries = 1;
    loop {
        match try_together(hub, tenant).await {
            Err(Error::Database(fault)) if tries < TRIES && error::passes(&fault) => {
                tracing::info!(tenant.id = %tenant, error = %fault, "Submissions are tried together again");
            }
            Err(Error::Stale) if tries < TRIES => {}
            done => return done,
        }
        tries += 1;
    }
}

async fn try_together(hub: &Hub, tenant: TenantId) -> Result<Vec<JobId>> {
    let mut tx = hub.db.tenant(tenant).await?;
    let waiting = take(&mut tx).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let done = work_in(&mut tx, &waiting).await?;
    mark(&mut tx, &done, &hub.node).await?;
    tx.commit().await?;
    #[expect(clippy::cast_precision_loss, reason = "a batch has at most some hundred rows")]
    metrics::histogram!("switchboard_submissions_together").record(done.len() as f64);
    Ok(done.into_iter().map(|(id, _)| JobId::from(id.uuid())).collect())
}

/// Locks job and submission of each. Batches of a tenant go one after the other, whoever works on them: two that met the
/// same strangers in another order would lock each other out.
///
/// The turn is a statement of its own, so that the next one sees what was committed while we waited. That one chooses before
/// it locks, and waits for who is claiming one of them: skipped, what came after it would be worked in before it.
async fn take(tx: &mut Tx) -> Result<Vec<Waiting>> {
    let tenant = tx.tenant().uuid();
    sqlx::query!(
        "SELECT pg_advisory_xact_lock($1)",
        tenant.as_u64_pair().1.cast_signed()
    )
    .execute(&mut **tx)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT s.id AS "id!", s.inbox_id AS "inbox!: InboxId", s.body AS "body!", s.received_at AS "received_at!"
         FROM (
             SELECT id FROM jobs
             WHERE tenant_id = $1 AND kind = $4 AND state = 'running' AND attempts = 1 AND crashes = 0
             UNION ALL
             (SELECT id FROM jobs
              WHERE tenant_id = $1 AND queue = $3 AND kind = $4 AND state = 'ready' AND priority = $5 AND attempts = 0
                AND run_at <= now()
              ORDER BY run_at LIMIT $2)
         ) AS job
         JOIN jobs j ON j.tenant_id = $1 AND j.id = job.id
         JOIN submissions s ON s.tenant_id = $1 AND s.id = job.id
         WHERE s.processed_at IS NULL
         ORDER BY s.received_at, s.id
         FOR UPDATE OF j, s"#,
        tenant,
        TAKEN_ALONG_MAX,
        ProcessSubmission::QUEUE.as_str(),
        ProcessSubmission::KIND,
        ProcessSubmission::PRIORITY
    )
    .fetch_all(&mut **tx)
    .await?;
    let waiting = rows.into_iter().map(|row| {
        Ok(Waiting {
            id: row.id,
            inbox: row.inbox,
            received_at: row.received_at,
            body: serde_json::from_value(row.body).map_err(anyhow::Error::from)?,
        })
    });
    waiting.collect()
}

/// In the order they came in. Texts of different conversations are appended together; what needs more is done by itself.
async fn work_in(tx: &mut Tx, waiting: &[Waiting]) -> Result<Vec<(SubmissionId, Option<MessageId>)>> {
    let mut known = Known::look_up(tx, waiting).await?;
    let mut run = Run::default();
    let mut done = Vec::with_capacity(waiting.len());
    for one in waiting {
        match &one.body {
            Body::Sms(sms) if is_plain(sms) => {
                let conversation = known.conversation(tx, one.inbox, sms).await?;
                if run.places.contains(&conversation) {
                    run.append(tx, &mut done).await?;
                }
                run.add(one.id, conversation, sms);
            }
            other => {
                run.append(tx, &mut done).await?;
                let message = match other {
                    Body::Sms(sms) => {
                        let said_at = sms.sent_at.unwrap_or(one.received_at);
                        Some(receive_text(tx, one.inbox, sms, said_at).await?)
                    }
                    Body::Form(filled) => Some(receive_form(tx, one.inbox, filled).await?),
                    Body::Whatsapp(item) => chat::receive(tx, one.inbox, item).await?,
                };
                done.push((one.id, message));
            }
        }
    }
    run.append(tx, &mut done).await?;
    Ok(done)
}

/// Whether a text brings no files and says nothing that we would have to obey.
fn is_plain(sms: &Sms) -> bool {
    sms.media.is_empty() && opt_out::keyword(&sms.body).is_none() && !opt_out::seems_to_ask(&sms.body)
}

/// Texts to be appended together, each to another conversation.
#[derive(Default)]
struct Run<'a> {
    submissions: Vec<SubmissionId>,
    texts: Vec<Received<'a>>,
    places: HashSet<ConversationId>,
}

impl<'a> Run<'a> {
    fn add(&mut self, submission: SubmissionId, conversation: ConversationId, sms: &'a Sms) {
        self.submissions.push(submission);
        self.places.insert(conversation);
        self.texts.push(Received {
            conversation,
            body: clean(&sms.body),
            provider_id: &sms.provider_id,
        });
    }

    async fn append(&mut self, tx: &mut Tx, done: &mut Vec<(SubmissionId, Option<MessageId>)>) -> Result<()> {
        if self.texts.is_empty() {
            return Ok(());
        }
        let run = std::mem::take(self);
        let messages = message::receive(tx, &run.texts).await?;
        done.extend(run.submissions.into_iter().zip(messages.into_iter().map(Some)));
        Ok(())
    }
}

/// Who writes, and where it goes, found for all of them by one query.
struct Known {
    places: HashMap<(InboxId, String), (ContactId, Option<ConversationId>)>,
}

impl Known {
    async fn look_up(tx: &mut Tx, waiting: &[Waiting]) -> Result<Self> {
        let plain = waiting.iter().filter_map(|one| match &one.body {
            Body::Sms(sms) if is_plain(sms) => Some((one.inbox.uuid(), phone::sender(&sms.from))),
            _ => None,
        });
        let asked: HashSet<_> = plain.collect();
        let (inboxes, addresses): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let rows = sqlx::query!(
            r#"SELECT asked.inbox_id AS "inbox!: InboxId", asked.address AS "address!", i.contact_id AS "contact!: ContactId",
                 c.id AS "conversation?: ConversationId"
             FROM unnest($2::uuid[], $3::text[]) AS asked (inbox_id, address)
             JOIN identities i ON i.tenant_id = $1 AND i.kind = $4 AND i.address = asked.address
             LEFT JOIN conversations c
                 ON c.tenant_id = $1 AND c.contact_id = i.contact_id AND c.inbox_id = asked.inbox_id"#,
            tx.tenant().uuid(),
            &inboxes,
            &addresses,
            IdentityKind::Phone.as_str()
        )
        .fetch_all(&mut **tx)
        .await?;
        let places = rows
            .into_iter()
            .map(|row| ((row.inbox, row.address), (row.contact, row.conversation)));
        Ok(Self {
            places: places.collect(),
        })
    }

    /// The conversation of a text; begun, when there is none.
    async fn conversation(&mut self, tx: &mut Tx, inbox: InboxId, sms: &Sms) -> Result<ConversationId> {
        let address = phone::sender(&sms.from);
        let place = (inbox, address);
        let contact = match self.places.get(&place) {
            Some((_, Some(conversation))) => return Ok(*conversation),
            Some((contact, None)) => *contact,
            None => {
                let met = contact::meet(tx, IdentityKind::Phone, &place.1, None).await?;
                met.contact
            }
        };
        let conversation = conversation::between(tx, contact, inbox, Channel::Sms, None).await?;
        self.places.insert(place, (contact, Some(conversation)));
        Ok(conversation)
    }
}

/// Both rows of each, locked since [`take`].
async fn mark(tx: &mut Tx, done: &[(SubmissionId, Option<MessageId>)], node: &str) -> Result<()> {
    let now = tx.now();
    let submissions: Vec<_> = done.iter().map(|(submission, _)| submission.uuid()).collect();
    let messages: Vec<Option<uuid::Uuid>> = done
        .iter()
        .map(|(_, message)| message.map(MessageId::uuid))
        .collect();
    let marked = sqlx::query!(
        "WITH done AS (
             SELECT * FROM unnest($2::uuid[], $3::uuid[]) AS done (id, message_id)
         ), worked_in AS (
             UPDATE submissions s SET processed_at = $4, message_id = done.message_id
             FROM done WHERE s.tenant_id = $1 AND s.id = done.id
         )
         UPDATE jobs j SET state = 'done', finished_at = now(), lease_until = NULL, worker = $5,
             attempts = attempts + CASE WHEN state = 'ready' THEN 1 ELSE 0 END
         FROM done WHERE j.tenant_id = $1 AND j.id = done.id AND j.state IN ('ready', 'running')",
        tx.tenant().uuid(),
        &submissions,
        messages as _,
        now as _,
        node
    )
    .execute(&mut **tx)
    .await?;
    if marked.rows_affected() == u64::try_from(done.len()).unwrap_or(u64::MAX) {
        Ok(())
    } else {
        Err(Error::Stale)
    }
}
