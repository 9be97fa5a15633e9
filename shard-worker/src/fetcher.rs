//! Files that came with messages: fetched over the session in its own time, beside everything else. A message never waits
//! for its file; a worker that dies leaves the order behind, and whoever has the session next goes on.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connectors::file_type::{HEAD_LEN, recognise};
use connectors::storage::Storage;
use futures_util::{StreamExt as _, TryStreamExt as _};
use hub::Hub;
use hub::message::Failure;
use hub::session::Hold;
use hub::session::media::{Due, Fetched};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::{Notify, Semaphore};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use crate::held::{chain, discreet};
use crate::link::Link;
use crate::link::files::Fault;

/// What nobody said a word about is looked for so often. The fleet sees within a second what is due, and wakes us.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// Files of one session that are fetched at a time: one that hangs does not hold up the others.
const TOGETHER: usize = 3;
/// Files of all sessions of a worker that are on their way at a time: each is on its disk until it is in the store.
pub(crate) const TOGETHER_OF_WORKER: usize = 24;
/// Tries of one file, some minutes in all: after that staff see that it failed, and may have it tried again.
const TRIES_MAX: i32 = 7;
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// What fetches a session's files.
pub(crate) struct Fetcher {
    pub(crate) hub: Hub,
    pub(crate) hold: Hold,
    pub(crate) link: Arc<Link>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
}

impl Fetcher {
    /// Fetches until it is to stop, or the session is not ours.
    pub(crate) async fn run(self) {
        loop {
            let round = tokio::select! {
                () = self.stop.cancelled() => return,
                round = self.round() => round,
            };
            match round {
                Ok(true) => continue,
                Ok(false) => {}
                Err(hub::Error::Stale) => return,
                Err(fault) => {
                    tracing::warn!(error = %chain(&fault), session.id = %self.hold.session, "Could not fetch files");
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Everything that is due; false when nothing was.
    async fn round(&self) -> hub::Result<bool> {
        let due = self.hold.files_due(&self.hub).await?;
        let is_any = !due.is_empty();
        let all = futures_util::stream::iter(due).map(|one| async move { self.see_to(&one).await });
        all.buffer_unordered(TOGETHER).try_collect::<()>().await?;
        Ok(is_any)
    }

    async fn see_to(&self, due: &Due) -> hub::Result<()> {
        // Never closed; without it there would be one limit less.
        let _place = self.places.acquire().await.ok();
        let fault = match self.bring(due).await {
            Ok(fetched) => {
                count("stored");
                return self.hold.file_stored(&self.hub, due, &fetched).await;
            }
            Err(fault) => fault,
        };
        if let Fault::Broken(cause) = &fault
            && due.tries + 1 < TRIES_MAX
        {
            count("again");
            tracing::info!(
                error = discreet(cause),
                attachment.id = %due.attachment,
                "The file {} could not be fetched yet",
                due.attachment
            );
            let doublings = u32::try_from(due.tries).unwrap_or_default();
            let wait = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(doublings));
            return self.hold.file_later(&self.hub, due, wait).await;
        }
        count("failed");
        let failure = failure(&fault);
        tracing::warn!(
            attachment.id = %due.attachment,
            code = failure.code,
            "The file {} could not be fetched: {}",
            due.attachment,
            failure.code
        );
        self.hold.file_failed(&self.hub, due, &failure).await
    }

    /// From the network to this machine's disk, decrypted and checked there, and from there to the store.
    async fn bring(&self, due: &Due) -> Result<Fetched, Fault> {
        let file = self.link.fetch(&due.reference).await?;
        let stored = async {
            let mut file = tokio::fs::File::from_std(file);
            let mut head = Vec::with_capacity(HEAD_LEN);
            (&mut file)
                .take(HEAD_LEN as u64)
                .read_to_end(&mut head)
                .await
                .context("read the file's beginning")?;
            file.rewind().await.context("read the file again")?;
            let storage = Storage::open(&self.hub.config.calls.storage)?;
            let pieces = ReaderStream::new(file).map_err(anyhow::Error::from);
            let size = storage.put_pieces(&due.object_key, pieces.boxed()).await?;
            anyhow::Ok(Fetched {
                media_type: recognise(&due.media_type, &head),
                size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            })
        };
        stored.await.map_err(Fault::Broken)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("switchboard_session_files_total", "outcome" => outcome).increment(1);
}

fn failure(fault: &Fault) -> Failure {
    let (code, help) = match fault {
        Fault::Gone => (
            "gone",
            "WhatsApp has this file no more. Ask the customer to send it again.",
        ),
        Fault::TooLarge => (
            "too_large",
            "The file is larger than 64 MB. Ask the customer for a smaller one, or for a link to it; it can be opened on \
             the phone.",
        ),
        Fault::Unreadable => (
            "unreadable",
            "The file cannot be opened: the message does not say how. Ask the customer to send it again.",
        ),
        Fault::Broken(_) => (
            "not_reachable",
            "The file could not be fetched from WhatsApp for some minutes. Try again.",
        ),
    };
    Failure {
        code: code.to_owned(),
        help: help.to_owned(),
    }
}
