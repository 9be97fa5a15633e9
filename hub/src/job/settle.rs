//! How a claimed job ends: done, again later, or dead. Written in batches, each only while the claim still holds.

use std::time::Duration;

use rand::Rng as _;

use super::Claimed;
use crate::Hub;
use crate::error::Result;
use crate::ids::{JobId, TenantId};

/// A job whose worker died under it, or that panicked, so often is poison: dead whatever attempts it has left.
pub const CRASHES_MAX: i32 = 3;
/// The first retry comes within this; each further one doubles it.
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// No retry waits longer.
const RETRY_MAX: Duration = Duration::from_hours(1);
/// Of an error's chain so much is kept for staff.
const ERROR_LEN_MAX: usize = 2_000;

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Done,
    /// It failed and may succeed another time.
    Failed(String),
    /// It took its worker down, or would have.
    Crashed(String),
    /// It will never succeed.
    Fatal(String),
    /// It asked to be run again after this; the attempt does not count.
    Later(Duration),
    /// The worker stops; somebody else does it at once and the attempt does not count.
    GivenBack,
}

/// A verdict on a claim.
#[derive(Clone, Debug)]
pub struct Settled {
    tenant: TenantId,
    job: JobId,
    attempt: i32,
    state: &'static str,
    wait: Duration,
    uncount: bool,
    crashed: bool,
    error: Option<String>,
}

impl Settled {
    /// What `verdict` means for the row.
    pub fn new(claimed: &Claimed, verdict: Verdict) -> Self {
        let settled = Self {
            tenant: claimed.tenant,
            job: claimed.id,
            attempt: claimed.attempt,
            state: "ready",
            wait: Duration::ZERO,
            uncount: false,
            crashed: false,
            error: None,
        };
        let again = if claimed.attempt >= claimed.attempts_max {
            "dead"
        } else {
            "ready"
        };
        match verdict {
            Verdict::Done => Self {
                state: "done",
                ..settled
            },
            Verdict::Failed(error) => Self {
                state: again,
                wait: retry_after(claimed.attempt, rand::rng().random()),
                error: Some(shorten(error)),
                ..settled
            },
            Verdict::Crashed(error) => Self {
                state: if claimed.crashes + 1 >= CRASHES_MAX {
                    "dead"
                } else {
                    again
                },
                wait: retry_after(claimed.attempt, rand::rng().random()),
                crashed: true,
                error: Some(shorten(error)),
                ..settled
            },
            Verdict::Fatal(error) => Self {
                state: "dead",
                error: Some(shorten(error)),
                ..settled
            },
            Verdict::Later(wait) => Self {
                wait,
                uncount: true,
                ..settled
            },
            Verdict::GivenBack => Self {
                uncount: true,
                ..settled
            },
        }
    }

    /// Whether it ends among the dead letters.
    pub fn is_dead(&self) -> bool {
        self.state == "dead"
    }
}

/// Exponential back-off with full jitter (`random` in 0..1): spreads retries of a thousand jobs that failed together.
fn retry_after(attempt: i32, random: f64) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    RETRY_FIRST
        .saturating_mul(1 << doublings)
        .min(RETRY_MAX)
        .mul_f64(random)
}

fn shorten(mut error: String) -> String {
    let end = (0..=ERROR_LEN_MAX.min(error.len()))
        .rev()
        .find(|at| error.is_char_boundary(*at))
        .unwrap_or(0);
    error.truncate(end);
    // Postgres refuses it in text.
    error.replace('\0', " ")
}

/// Writes verdicts; one on a claim that no longer holds changes nothing. One that a crash of the database undoes is a job
/// that is run again, as when its worker had died.
pub async fn settle(hub: &Hub, settled: &[Settled]) -> Result<()> {
    let tenants: Vec<_> = settled.iter().map(|one| one.tenant.uuid()).collect();
    let jobs: Vec<_> = settled.iter().map(|one| one.job.uuid()).collect();
    let attempts: Vec<_> = settled.iter().map(|one| one.attempt).collect();
    let states: Vec<_> = settled.iter().map(|one| one.state.to_owned()).collect();
    let waits: Vec<_> = settled.iter().map(|one| one.wait.as_secs_f64()).collect();
    let uncounts: Vec<_> = settled.iter().map(|one| i32::from(one.uncount)).collect();
    let crashes: Vec<_> = settled.iter().map(|one| i32::from(one.crashed)).collect();
    let errors: Vec<_> = settled
        .iter()
        .map(|one| one.error.clone().unwrap_or_default())
        .collect();
    let mut tx = hub.db.system_relaxed().await?;
    sqlx::query!(
        "UPDATE jobs SET state = s.state, attempts = attempts - s.uncount, crashes = crashes + s.crashed,
             run_at = CASE WHEN s.state = 'ready' THEN now() + s.wait * interval '1 second' ELSE run_at END,
             last_error = coalesce(nullif(s.error, ''), last_error),
             finished_at = CASE WHEN s.state <> 'ready' THEN now() END,
             worker = NULL, lease_until = NULL, dispatched_at = NULL
         FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::text[], $5::float8[], $6::int4[], $7::int4[], $8::text[])
             AS s (tenant_id, id, attempt, state, wait, uncount, crashed, error)
         WHERE jobs.tenant_id = s.tenant_id AND jobs.id = s.id AND jobs.state = 'running' AND jobs.worker = $9
             AND jobs.attempts = s.attempt",
        &tenants,
        &jobs,
        &attempts,
        &states,
        &waits,
        &uncounts,
        &crashes,
        &errors,
        &*hub.node
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_double_up_to_an_hour_and_are_spread_down_to_nothing() {
        assert_eq!(retry_after(1, 1.0), Duration::from_secs(2));
        assert_eq!(retry_after(4, 1.0), Duration::from_secs(16));
        assert_eq!(retry_after(40, 1.0), RETRY_MAX);
        assert_eq!(retry_after(4, 0.0), Duration::ZERO);
        assert_eq!(retry_after(0, 1.0), Duration::from_secs(2));
    }

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let cut = shorten("ä".repeat(ERROR_LEN_MAX));
        assert!(cut.len() <= ERROR_LEN_MAX && cut.ends_with('ä'));
        assert_eq!(shorten("a\0b".to_owned()), "a b");
    }
}
