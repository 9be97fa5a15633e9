//! What a worker's sessions share. Starts of connections are paced: a worker that takes a thousand sessions over does not
//! knock a thousand times at once. Files on their way have a limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::fetcher::TOGETHER_OF_WORKER;

/// Between two starts of one process.
const GAP: Duration = Duration::from_millis(50);

/// Hands out turns. The queue is the lock's: fair, and as long as there are sessions.
pub(crate) struct Starts {
    next: Mutex<Option<Instant>>,
    /// Places for files on their way.
    pub(crate) files: Arc<Semaphore>,
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            next: Mutex::default(),
            files: Arc::new(Semaphore::new(TOGETHER_OF_WORKER)),
        }
    }
}

impl Starts {
    /// Waits for the next turn: at once when nothing was started lately.
    pub(crate) async fn turn(&self) {
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        // Half of the gap is by chance, so that workers that start together do not knock together.
        *next = Some(Instant::now() + GAP.mul_f64(0.5 + rand::random::<f64>()));
    }
}
