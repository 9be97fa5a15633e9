//! Once a second each worker looks for due rows of its queues that nobody was hinted at. Cheap, jittered, and never more
//! than a twentieth of the time, whatever the backlog.

use std::time::{Duration, Instant};

use hub::Hub;
use hub::job::{Queue, sweep};

const PAUSE: Duration = Duration::from_secs(1);
/// A pause is at least this many times the sweep before it.
const REST: u32 = 20;

/// Sweeps until the soft stop.
pub(crate) async fn run(hub: &Hub, queues: &[Queue]) {
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = hub.tasks.stopping() => return,
            () = tokio::time::sleep(jittered(pause)) => {}
        }
        let started = Instant::now();
        for queue in queues {
            match sweep::sweep(hub, *queue).await {
                Ok(0) => {}
                Ok(swept) => {
                    metrics::counter!("switchboard_jobs_swept_total", "queue" => queue.as_str())
                        .increment(u64::try_from(swept).unwrap_or(0));
                    tracing::debug!(
                        queue = queue.as_str(),
                        "{swept} due jobs were handed out by the sweeper"
                    );
                }
                // Redis is away: the lines poll meanwhile. The database is away: nothing can be done.
                Err(fault) => tracing::debug!(
                    queue = queue.as_str(),
                    error = format!("{fault:#}"),
                    "Could not sweep"
                ),
            }
        }
        pause = PAUSE.max(started.elapsed() * REST).min(PAUSE * 30);
    }
}

/// 80 to 120 %: workers that started together do not sweep together.
fn jittered(pause: Duration) -> Duration {
    let random = hub::ids::random_bytes(1).first().copied().unwrap_or(0);
    pause.mul_f64(0.8 + 0.4 * f64::from(random) / 255.0)
}
