//! The look at Postgres every second and a half, for all tenants and people with clients here at once: a publication that
//! was lost is noticed, a right that was taken away closes its sockets, though Redis be gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Live;
use super::fanout::apply;
use super::feed::Feed;
use super::line::Must;
use super::rows::{self, Sitting};
use super::stream::Input;
use crate::keys;

/// Between two looks; with the query's own time well within the two seconds promised for revocation.
const LOOK_EVERY: Duration = Duration::from_millis(1_500);
/// A look that takes longer is given up; the next one follows.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks that were asked for.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Joining a channel again, while Redis is slow.
const SUBSCRIBE_LIMIT: Duration = Duration::from_secs(1);
/// A feed without clients stays this long: most come back within it.
const LINGER: Duration = Duration::from_mins(1);

/// Runs until the soft stop.
pub(super) async fn run(live: Live) {
    let stop = live.tasks().stop_token();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = live.look_asked() => tokio::time::sleep(LOOK_PAUSE).await,
        }
        let feeds = live.feeds();
        if feeds.is_empty() {
            continue;
        }
        match tokio::time::timeout(LOOK_LIMIT, look(&live, &feeds)).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => {
                tracing::warn!(error = %fault, "Could not compare live feeds with the database");
            }
            Err(_) => tracing::warn!("Comparing live feeds with the database took too long"),
        }
        tidy(&live, &feeds).await;
    }
}

async fn look(live: &Live, feeds: &[Arc<Feed>]) -> crate::Result<()> {
    let asked: Vec<_> = feeds
        .iter()
        .filter_map(|feed| Some((Arc::clone(feed), feed.head()?)))
        .collect();
    let tenants: Vec<_> = asked.iter().map(|(feed, _)| feed.tenant).collect();
    let mut sitting: Vec<Sitting> = feeds.iter().flat_map(|feed| feed.sitting()).collect();
    sitting.sort_unstable();
    sitting.dedup();
    let mut found = rows::look(live.db(), &tenants, &sitting).await?;
    for (feed, asked_at) in asked {
        if let Some(standing) = found.standings.remove(&feed.tenant) {
            apply(live, &feed, Input::Stands { standing, asked_at });
        }
    }
    for (who, gone) in found.changed {
        if let Some(feed) = live.feed(who.tenant) {
            feed.order_sitting(who, if gone { Must::Leave } else { Must::Renew });
        }
    }
    for tenant in found.suspended {
        if let Some(feed) = live.feed(tenant) {
            feed.order_all(Must::Leave);
        }
    }
    live.poke();
    Ok(())
}

/// Joins channels that Redis did not let us join before; lets feeds go that nobody came back to. When Redis does not
/// answer one, the others wait for the next round: the look at Postgres must not.
async fn tidy(live: &Live, feeds: &[Arc<Feed>]) {
    let now = tokio::time::Instant::now().into_std();
    let mut answers = true;
    for feed in feeds {
        if live.close_if_idle(feed, now, LINGER) {
            answers = answers && leave(live, feed).await;
        } else if answers {
            answers = live.subscribe(feed, SUBSCRIBE_LIMIT).await;
        }
    }
}

/// False: Redis did not answer, and what still comes on the channel is dropped.
async fn leave(live: &Live, feed: &Feed) -> bool {
    let channel = keys::live_channel(feed.tenant);
    let left = tokio::time::timeout(SUBSCRIBE_LIMIT, live.kv().unsubscribe(&channel)).await;
    // Somebody may have come while we left: the feed of that moment joins again at the next look.
    if let Some(feed) = live.feed(feed.tenant) {
        feed.subscribed.store(false, Ordering::Relaxed);
    }
    matches!(left, Ok(Ok(())))
}
