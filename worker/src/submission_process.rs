//! Works what came in from outside into contact, conversation and message.

use hub::Hub;
use hub::submission::{self, ProcessSubmission};

use crate::registry::{Job, Outcome};

/// A second run finds the submission done.
pub(crate) async fn run(hub: Hub, job: Job<ProcessSubmission>) -> anyhow::Result<Outcome> {
    submission::process(&hub, job.tenant, job.payload.submission).await?;
    Ok(Outcome::Done)
}
