//! Tasks: named, tracked, told to stop softly, then hard. Nothing is spawned and forgotten.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Starts tasks and ends them together. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    supporters: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` until it returns or the hard stop cuts it. A panic ends this task only; it is counted and logged.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(&self.tracker, name, task);
    }

    /// The same for what only supports other tasks, such as a reader that hands messages on: a shutdown does not wait for
    /// it, and cuts it when the others have ended.
    pub fn spawn_supporter<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(&self.supporters, name, task);
    }

    fn start<F>(&self, tracker: &TaskTracker, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.hard.clone();
        // In the task itself rather than in a second one: sockets are many.
        let task = AssertUnwindSafe(task).catch_unwind();
        tracker.spawn(async move {
            tokio::select! {
                () = hard.cancelled() => {}
                ended = task => if ended.is_err() {
                    metrics::counter!("switchboard_task_panics_total", "task" => name).increment(1);
                    tracing::error!(task = name, "Task {name} panicked");
                },
            }
        });
    }

    /// Resolves when no new work is to be taken (SIGTERM).
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Whether the soft stop was given.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// The soft stop as a token, for code that selects on one.
    pub fn stop_token(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Asks everything to end; returns at once.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Asks everything to end, waits up to `limit`, then cuts what is left. Says whether all ended by themselves.
    pub async fn shut_down(&self, limit: Duration) -> bool {
        self.soft.cancel();
        self.tracker.close();
        let clean = tokio::time::timeout(limit, self.tracker.wait()).await.is_ok();
        self.hard.cancel();
        self.supporters.close();
        self.tracker.wait().await;
        self.supporters.wait().await;
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shutdown_waits_for_work_and_not_for_its_supporters() {
        let tasks = Tasks::new();
        let (done, mut finished) = tokio::sync::oneshot::channel();
        tasks.spawn_supporter("test.supporter", std::future::pending());
        let work = tasks.clone();
        tasks.spawn("test.work", async move {
            work.stopping().await;
            done.send(()).expect("the test waits for it");
        });
        assert!(tasks.shut_down(Duration::from_secs(30)).await);
        assert!(finished.try_recv().is_ok());
    }

    #[tokio::test]
    async fn what_does_not_end_in_time_is_cut() {
        let tasks = Tasks::new();
        tasks.spawn("test.stuck", std::future::pending());
        assert!(!tasks.shut_down(Duration::from_millis(1)).await);
    }
}
