//! What comes in over a session: committed as submissions before the network is told that we have it, so that whatever dies
//! in between, it comes again; and what comes again is the same submission.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Hold;
use super::media::Kept;
use crate::Hub;
use crate::attachment::AttachmentKind;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::{JobId, SubmissionId};
use crate::job::NewJob;
use crate::submission::{Body, ProcessSubmission};

/// Something that was said or done in a chat. A new field needs a default: rows outlive versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatItem {
    /// Which chat: a number in E.164, or the network's own name of somebody who hides theirs, or of a group.
    pub chat: String,
    /// What the network calls the same person when they hide their number, where it has told. They may have been met by that
    /// name before their number was known.
    #[serde(default)]
    pub also: Option<String>,
    /// Who said it, in the same words; differs from the chat in groups only.
    pub sender: String,
    /// Whether the account's owner said it, on the phone or another device.
    #[serde(default)]
    pub from_us: bool,
    /// Whether the chat is a group.
    #[serde(default)]
    pub is_group: bool,
    /// The network's id of it, unique within chat and sender.
    pub wire_id: String,
    /// When the network says it was said.
    pub said_at: Timestamp,
    /// What the sender calls themselves.
    #[serde(default)]
    pub name: Option<String>,
    /// What a group is called.
    #[serde(default)]
    pub group_name: Option<String>,
    /// The item of the same chat that this one answers.
    #[serde(default)]
    pub answers: Option<String>,
    /// What.
    pub content: Content,
}

/// What was said or done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// Text.
    Text {
        /// As it was written.
        body: String,
    },
    /// A picture, a film, a voice note, a file. Its bytes are fetched afterwards: nothing that is said waits for them.
    Media {
        /// What it is.
        kind: AttachmentKind,
        /// Its media type.
        media_type: String,
        /// Its name, of a file.
        #[serde(default)]
        file_name: Option<String>,
        /// What was written under it.
        #[serde(default)]
        caption: String,
        /// Its size.
        size_bytes: i64,
        /// How long it plays.
        #[serde(default)]
        duration_ms: Option<i32>,
        /// How it is fetched; `None` when the network does not say.
        #[serde(default)]
        kept: Option<Kept>,
    },
    /// A place.
    Location {
        /// Degrees north, in millionths.
        latitude_e6: i64,
        /// Degrees east, in millionths.
        longitude_e6: i64,
        /// Its name and address.
        #[serde(default)]
        name: String,
    },
    /// Somebody's card.
    Contact {
        /// Their name.
        name: String,
        /// Their numbers.
        #[serde(default)]
        phones: Vec<String>,
    },
    /// A sign on an earlier item; empty takes it back.
    Reaction {
        /// On which.
        target: String,
        /// The sign.
        emoji: String,
    },
    /// An earlier item says something else now.
    Edit {
        /// Which.
        target: String,
        /// What it says.
        body: String,
    },
    /// An earlier item is taken back.
    Delete {
        /// Which.
        target: String,
    },
    /// Something this version cannot show.
    Unsupported {
        /// What the network calls it.
        what: String,
    },
}

impl Hold {
    /// Commits what came in, in one transaction with the jobs that work it in. Only then may the network be told. What is
    /// there already is passed over. Answers how many were new.
    ///
    /// # Errors
    /// [`crate::Error::Stale`] when the session is not ours any more: the network must not be told.
    pub async fn receive(&self, hub: &Hub, items: &[ChatItem]) -> Result<u64> {
        let mut tx = self.tx_alone(hub).await?;
        let now = tx.now();
        let mut new = 0;
        for item in items {
            let mut body = serde_json::to_value(Body::Whatsapp(item.clone())).map_err(anyhow::Error::from)?;
            without_nul(&mut body);
            let id = SubmissionId::at(now);
            let written = sqlx::query!(
                "INSERT INTO submissions (tenant_id, id, inbox_id, source, dedup_key, body, received_at)
                 VALUES ($1, $2, $3, 'whatsapp', $4, $5, $6)
                 ON CONFLICT ON CONSTRAINT submissions_dedup_key DO NOTHING",
                self.tenant.uuid(),
                id.uuid(),
                self.inbox.uuid(),
                item.dedup_key().replace('\0', ""),
                body,
                now as _
            )
            .execute(&mut *tx)
            .await?;
            if written.rows_affected() == 1 {
                new += 1;
                // What works submissions in together knows the job by the submission's id.
                tx.enqueue(NewJob {
                    id: Some(JobId::from(id.uuid())),
                    ..NewJob::of(&ProcessSubmission { submission: id })?
                });
            }
        }
        sqlx::query!(
            "UPDATE sessions SET heard_at = $3, received_at = $3 WHERE tenant_id = $1 AND id = $2",
            self.tenant.uuid(),
            self.session.uuid(),
            now as _
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(new)
    }
}

/// Postgres takes no NUL. A message with one, refused, would come again for ever, and all behind it would wait.
fn without_nul(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|letter| letter != '\0'),
        Value::Array(all) => all.iter_mut().for_each(without_nul),
        Value::Object(fields) => fields.values_mut().for_each(without_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl ChatItem {
    /// The chat by every name that it is known by.
    pub(crate) fn chats(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.chat.as_str()).chain(self.also.as_deref())
    }

    /// What makes it the same item when it comes again: ids are unique within chat and sender only.
    fn dedup_key(&self) -> String {
        format!("{}|{}|{}", self.chat, self.sender, self.wire_id)
    }
}
