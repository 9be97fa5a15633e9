//! Faults to Sentry (feature `sentry`, setting `log.sentry_dsn`): errors and panics, never message bodies or numbers.

use std::sync::OnceLock;

use tracing_subscriber::{Layer, Registry};

/// Lives as long as the process; dropping it would flush and stop.
static CLIENT: OnceLock<sentry::ClientInitGuard> = OnceLock::new();

pub(super) fn layer(dsn: &str) -> Option<impl Layer<Registry> + Send + Sync + use<>> {
    if dsn.is_empty() {
        return None;
    }
    CLIENT.get_or_init(|| {
        sentry::init(
            sentry::ClientOptions::new()
                .dsn(dsn)
                .maybe_release(sentry::release_name!()),
        )
    });
    Some(sentry::integrations::tracing::ErrorLayer::new())
}
