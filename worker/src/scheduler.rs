//! Periodic work, by one leader.

use hub::Hub;

/// Leads when it can, until the soft stop.
pub async fn run(hub: Hub) -> anyhow::Result<()> {
    hub.tasks.stopping().await;
    Ok(())
}
