//! Operations on background jobs: how the queues stand, what was given up, and running it again.

use axum::extract::State;
use axum::http::StatusCode;
use hub::Hub;
use hub::cursor::{Page, PageQuery};
use hub::error::Result;
use hub::ids::JobId;
use hub::job::dead::{self, DeadJob, QueueStats};
use hub::principal::Principal;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Json, Path, Query};

/// This noun's operations.
pub(crate) fn routes() -> OpenApiRouter<Hub> {
    OpenApiRouter::new()
        .routes(routes!(list_dead))
        .routes(routes!(replay))
        .routes(routes!(discard))
        .routes(routes!(stats))
}

/// The jobs that were given up, latest first.
#[utoipa::path(get, path = "/jobs/dead", tag = "jobs", operation_id = "list_dead_jobs", params(PageQuery),
    responses((status = 200, body = Page<DeadJob>)))]
async fn list_dead(
    principal: Principal,
    State(hub): State<Hub>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DeadJob>>> {
    let cursor = page.cursor.as_deref();
    dead::list(&hub, principal.tenant(), page.limit(), cursor)
        .await
        .map(Json)
}

/// Runs a job that was given up again, as if it were new.
#[utoipa::path(post, path = "/jobs/{id}/replay", tag = "jobs", operation_id = "replay_job",
    params(("id" = JobId, Path)), responses((status = 202)))]
async fn replay(principal: Principal, State(hub): State<Hub>, Path(id): Path<JobId>) -> Result<StatusCode> {
    dead::replay(&hub, &principal, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Forgets a job that was given up: what it wanted will not be done.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", operation_id = "discard_job",
    params(("id" = JobId, Path)), responses((status = 204)))]
async fn discard(principal: Principal, State(hub): State<Hub>, Path(id): Path<JobId>) -> Result<StatusCode> {
    dead::discard(&hub, &principal, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How the tenant's queues stand: those that hold anything.
#[utoipa::path(get, path = "/jobs/stats", tag = "jobs", operation_id = "job_stats",
    responses((status = 200, body = Page<QueueStats>)))]
async fn stats(principal: Principal, State(hub): State<Hub>) -> Result<Json<Page<QueueStats>>> {
    let items = dead::stats(&hub, principal.tenant()).await?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}
