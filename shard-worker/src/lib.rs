//! WhatsApp Web sessions: tenants are spread over shards, one worker at a time works each, and health is on port 3300.
//!
//! ```text
//! fleet.rs     which shards are ours: heartbeat, plan, claim, renew, hand over
//! minder.rs    one task a session: what a person wants, what is seen, and the way from one to the other
//! link.rs      one connection; the only part that knows the library
//! attention.rs what staff do at a chat, as the other side sees it
//! fetcher.rs   files that came with messages, each in its own time
//! sender.rs    what goes out, in order, each under the id that was chosen with its row
//! pacing.rs    how fast: as a person would write, and to how many strangers
//! ```

mod attention;
mod fetcher;
mod fleet;
mod held;
mod idle;
mod link;
mod minder;
mod pacing;
mod sender;
mod starts;

pub use link::import::import;

use anyhow::Context as _;
use hub::Hub;
use tokio::net::TcpListener;

/// Works sessions until the soft stop, with a listener of its own for health and metrics.
///
/// # Errors
/// When the listener fails.
pub async fn run(hub: Hub, listener: TcpListener) -> anyhow::Result<()> {
    let served = hub::serve::serve(
        hub::health::router(hub.clone()),
        listener,
        &hub.tasks,
        hub.config.listen.connections_max,
    );
    let (served, ()) = tokio::join!(served, work(hub.clone()));
    served.context("serve health and metrics")
}

/// Works sessions until the soft stop, then gives the shards away.
pub async fn work(hub: Hub) {
    fleet::Fleet::new(hub).run().await;
}
