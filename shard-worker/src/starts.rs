//! Starts of connections, paced: a worker that takes a thousand sessions over does not knock a thousand times at once.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Between two starts of one process.
const GAP: Duration = Duration::from_millis(50);

/// Hands out turns. The queue is the lock's: fair, and as long as there are sessions.
#[derive(Default)]
pub(crate) struct Starts(Mutex<Option<Instant>>);

impl Starts {
    /// Waits for the next turn: at once when nothing was started lately.
    pub(crate) async fn turn(&self) {
        let mut next = self.0.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        // Half of the gap is by chance, so that workers that start together do not knock together.
        *next = Some(Instant::now() + GAP.mul_f64(0.5 + rand::random::<f64>()));
    }
}
