//! Forgets files that staff have put in and no message took along.

use connectors::storage::Storage;
use hub::Hub;

/// The rows first: a file whose row is gone and that could not be removed is a file too many, not one too few.
pub(crate) async fn run(hub: Hub) -> anyhow::Result<()> {
    let keys = hub::upload::forget_stale(&hub).await?;
    if keys.is_empty() {
        return Ok(());
    }
    let storage = Storage::open(&hub.config.calls.storage)?;
    for key in keys {
        storage.delete(&key).await?;
    }
    Ok(())
}
