//! What a worker's sessions share. Starts of connections are paced: a worker that takes a thousand sessions over does not
//! knock a thousand times at once, neither at WhatsApp nor at Postgres. Files on their way have a limit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::fetcher::TOGETHER_OF_WORKER;

/// Between two starts of one process, on average.
pub(crate) const GAP: Duration = Duration::from_millis(10);
/// Sessions that are taken on at the same time: one transaction each.
const ADOPTING_MAX: usize = 8;
/// Sessions that are on their way at the same time.
const COMING_MAX: usize = 32;
/// A session that is on its way for longer makes room for others all the same.
pub(crate) const COMING_LIMIT: Duration = Duration::from_secs(5);

/// Hands out turns. The queues are fair, and as long as there are sessions.
pub(crate) struct Starts {
    next: Mutex<Option<Instant>>,
    coming: Arc<Semaphore>,
    adopting: Semaphore,
    /// Places for files on their way.
    pub(crate) files: Arc<Semaphore>,
}

/// A session's turn to connect, until it is dropped.
pub(crate) struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            next: Mutex::default(),
            coming: Arc::new(Semaphore::new(COMING_MAX)),
            adopting: Semaphore::new(ADOPTING_MAX),
            files: Arc::new(Semaphore::new(TOGETHER_OF_WORKER)),
        }
    }
}

impl Starts {
    /// Does what takes a session on when there is room for it.
    pub(crate) async fn adopting<T>(&self, adopt: impl Future<Output = T>) -> T {
        // It is never closed; if it were, nobody would have to wait.
        let _place = self.adopting.acquire().await;
        adopt.await
    }

    /// Waits for the next turn: at once when nothing was started lately.
    pub(crate) async fn turn(&self) -> Turn {
        let place = Arc::clone(&self.coming).acquire_owned().await;
        let mut next = self.next.lock().await;
        if let Some(at) = *next {
            tokio::time::sleep_until(at).await;
        }
        // Half of the gap is by chance, so that workers that start together do not knock together.
        *next = Some(Instant::now() + GAP.mul_f64(0.5 + rand::random::<f64>()));
        Turn { _place: place.ok() }
    }
}
