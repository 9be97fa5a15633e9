//! Hints in Redis Streams: which rows are to be run, handed to one worker each. A hint is never the only copy, so it is
//! read without a pending list (NOACK) and streams are cut at a length and behind the readers: what gets lost that way
//! (a worker dies between reading and claiming, FLUSHALL, a failover, a stream that is full) the sweeper hands out again
//! from the rows, and what arrives twice finds its row taken. Acknowledgements would buy nothing and cost a round trip
//! per batch.
//!
//! Two lanes per queue, `urgent` (priority below 5) and `usual`, each with a waiting lane beside it, where a worker puts
//! what it may not start yet because its tenant has its share of slots. So the fresh lanes are read to their end even in
//! a flood, and nobody stands behind one tenant's thousands. One hash tag per queue, so that one command reads all four.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use fred::prelude::*;
use fred::types::streams::XReadResponse;

use super::Queue;
use crate::ids::{JobId, TenantId};
use crate::kv::Kv;
use crate::{Hub, keys};

/// Hints a lane holds; the oldest are dropped beyond it and come back by the sweeper.
const LANE_LEN_MAX: i64 = 100_000;
/// All workers of a queue share it: each hint goes to one of them.
const GROUP: &str = "workers";
/// The one field of an entry.
const FIELD: &str = "job";

/// Which of a queue's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Served first.
    Urgent,
    /// Urgent ones that could not be started when they were read: their tenants had their share.
    UrgentWaiting,
    /// Served next.
    Usual,
    /// Usual ones that could not be started when they were read.
    UsualWaiting,
}

impl Lane {
    /// In the order they are served.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::UrgentWaiting, Self::Usual, Self::UsualWaiting];
    /// Where new ones come in.
    pub const FRESH: [Self; 2] = [Self::Urgent, Self::Usual];
    /// Where those wait that were read before.
    pub const WAITING: [Self; 2] = [Self::UrgentWaiting, Self::UsualWaiting];

    /// The lane of a fresh job.
    pub(crate) fn of(priority: i16) -> Self {
        if priority < 5 { Self::Urgent } else { Self::Usual }
    }

    /// The lane beside it.
    fn waiting(self) -> Self {
        match self {
            Self::Urgent | Self::UrgentWaiting => Self::UrgentWaiting,
            Self::Usual | Self::UsualWaiting => Self::UsualWaiting,
        }
    }

    /// Its name in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::UrgentWaiting => "urgent_waiting",
            Self::Usual => "usual",
            Self::UsualWaiting => "usual_waiting",
        }
    }
}

/// A job that is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub job: JobId,
    /// Its line.
    pub queue: Queue,
    /// How soon.
    pub lane: Lane,
    /// When the row was marked as handed out, by the database's clock: tells the sweeper what cannot be in the stream.
    pub handed_out_ms: i64,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.job, self.handed_out_ms)
    }
}

impl Hint {
    /// What an entry says; `None` for anything that is not a hint of ours.
    fn parse(text: &str, queue: Queue, lane: Lane) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        Some(Self {
            tenant: TenantId::trusted(parts.next()?.parse().ok()?),
            job: parts.next()?.parse().ok()?,
            queue,
            lane,
            handed_out_ms: parts.next()?.parse().ok()?,
        })
    }
}

/// Puts hints into their streams, all in one round trip.
pub(crate) async fn hand_out(kv: &Kv, hints: &[Hint]) -> anyhow::Result<()> {
    let added = hints.iter().map(|hint| {
        kv.client().xadd::<(), _, _, _, _>(
            keys::job_stream(hint.queue, hint.lane),
            false,
            ("MAXLEN", "~", LANE_LEN_MAX),
            "*",
            vec![(FIELD, hint.to_string())],
        )
    });
    futures_util::future::try_join_all(added)
        .await
        .context("hand jobs out")?;
    Ok(())
}

/// Puts hints back for later: their tenants have their share of slots now.
pub async fn put_back(hub: &Hub, hints: Vec<Hint>) -> anyhow::Result<()> {
    let waiting: Vec<_> = hints
        .into_iter()
        .map(|hint| Hint {
            lane: hint.lane.waiting(),
            ..hint
        })
        .collect();
    hand_out(&hub.kv, &waiting).await
}

/// One worker's reader of one queue, on a connection of its own: a blocking read would hold up everybody else.
pub struct Reader {
    client: Client,
    queue: Queue,
    consumer: String,
}

impl Reader {
    /// Connects.
    pub async fn open(hub: &Hub, queue: Queue) -> anyhow::Result<Self> {
        Ok(Self {
            client: hub.kv.dedicated().await?,
            queue,
            consumer: hub.node.to_string(),
        })
    }

    /// Reads up to `count` hints of each lane, urgent ones first; waits up to `wait` for the first.
    ///
    /// # Errors
    /// When Redis does not answer. A group that is missing (Redis lost its memory) is made again and reads empty.
    pub async fn read(
        &self,
        lanes: &[Lane],
        count: usize,
        wait: Option<Duration>,
    ) -> anyhow::Result<Vec<Hint>> {
        let streams: Vec<_> = lanes
            .iter()
            .map(|lane| keys::job_stream(self.queue, *lane))
            .collect();
        let ids = vec![">"; streams.len()];
        let block = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(1).max(1));
        let count = u64::try_from(count).ok();
        let read: Result<XReadResponse<String, String, String, String>, _> = self
            .client
            .xreadgroup_map(GROUP, self.consumer.as_str(), count, block, true, streams, ids)
            .await;
        match read {
            Ok(entries) => Ok(self.hints(entries, lanes)),
            Err(fault) if lost_its_group(&fault) => {
                self.make_groups().await?;
                Ok(Vec::new())
            }
            // A blocking read that ended without an entry.
            Err(fault) if *fault.kind() == ErrorKind::NotFound || *fault.kind() == ErrorKind::Parse => {
                Ok(Vec::new())
            }
            Err(fault) => Err(fault).context("read jobs"),
        }
    }

    fn hints(&self, mut entries: XReadResponse<String, String, String, String>, lanes: &[Lane]) -> Vec<Hint> {
        let mut hints = Vec::new();
        for lane in lanes {
            let Some(entries) = entries.remove(&keys::job_stream(self.queue, *lane)) else {
                continue;
            };
            for (_, fields) in entries {
                match fields
                    .get(FIELD)
                    .and_then(|text| Hint::parse(text, self.queue, *lane))
                {
                    Some(hint) => hints.push(hint),
                    None => metrics::counter!("switchboard_job_hints_unreadable_total").increment(1),
                }
            }
        }
        hints
    }

    /// From the stream's beginning: what was handed out before the group existed is read too.
    async fn make_groups(&self) -> anyhow::Result<()> {
        for lane in Lane::ALL {
            let key = keys::job_stream(self.queue, lane);
            let made: Result<(), _> = self.client.xgroup_create(&key, GROUP, "0", true).await;
            match made {
                Err(fault) if fault.details().starts_with("WRONGTYPE") => {
                    // Not ours, whatever it is.
                    metrics::counter!("switchboard_job_hints_unreadable_total").increment(1);
                    self.client
                        .del::<(), _>(&key)
                        .await
                        .context("clear a job stream")?;
                }
                Err(fault) if !fault.details().starts_with("BUSYGROUP") => {
                    return Err(fault).context("make a group of workers");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.client.quit().await.ok();
    }
}

/// NOGROUP on the next read, UNBLOCKED on the one that waited while the stream went away.
fn lost_its_group(fault: &Error) -> bool {
    ["NOGROUP", "UNBLOCKED", "WRONGTYPE"]
        .iter()
        .any(|word| fault.details().contains(word))
}

/// When the oldest hint that nobody has read yet was handed out, per queue; `None` when there is none. Cuts off, on the
/// way, what was read.
pub(crate) async fn oldest_unread_ms(kv: &Kv, queue: Queue) -> anyhow::Result<Option<i64>> {
    let mut oldest = None;
    for lane in Lane::ALL {
        let key = keys::job_stream(queue, lane);
        let groups: Result<Vec<HashMap<String, Value>>, _> = kv.client().xinfo_groups(&key).await;
        // No such stream is the usual case of a lane that was never used.
        let Ok(groups) = groups else { continue };
        let Some(read) = groups
            .iter()
            .find(|group| {
                group
                    .get("name")
                    .and_then(Value::as_str)
                    .is_some_and(|name| name == GROUP)
            })
            .and_then(|group| group.get("last-delivered-id")?.as_string())
        else {
            continue;
        };
        kv.client()
            .xtrim::<(), _, _>(&key, ("MINID", "=", read.as_str()))
            .await
            .context("cut a job stream")?;
        let first: Vec<(String, HashMap<String, String>)> = kv
            .client()
            .xrange(&key, format!("({read}"), "+", Some(1))
            .await
            .context("look at a job stream")?;
        let at = first
            .first()
            .and_then(|(_, fields)| Hint::parse(fields.get(FIELD)?, queue, lane))
            .map(|hint| hint.handed_out_ms);
        oldest = [oldest, at].into_iter().flatten().min();
    }
    Ok(oldest)
}
