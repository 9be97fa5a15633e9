//! Logs and metrics: one subscriber, one recorder, per process.

mod discretion;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "sentry")]
mod sentry;

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::combinator::And;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Log, LogFormat};
use discretion::Discretion;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;
type Level = And<EnvFilter, Discretion, Registry>;

/// Starts logging and, where the features and settings say so, the export of traces and faults. `RUST_LOG` chooses the
/// level, `info` without it. A second call changes nothing.
pub fn start(log: &Log) {
    metrics();
    let level = || {
        let chosen =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,fred=warn,sqlx=warn"));
        let discretion = Discretion::unless_named_in(&chosen.to_string());
        chosen.and(discretion)
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: BoxedLayer = match log.format {
        LogFormat::Pretty => lines.with_target(false).with_filter(level()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(level()).boxed(),
    };
    let mut layers = vec![lines];
    layers.extend(exporters(log, &level));
    if tracing_subscriber::registry().with(layers).try_init().is_err() {
        tracing::debug!("Logging was started before");
    }
}

/// The layers of the compiled-in exporters that have an address.
#[cfg_attr(
    not(any(feature = "otlp", feature = "sentry")),
    expect(unused_mut, unused_variables, reason = "the plain build exports nothing")
)]
fn exporters(log: &Log, level: &dyn Fn() -> Level) -> Vec<BoxedLayer> {
    let mut layers = Vec::new();
    #[cfg(feature = "otlp")]
    layers.extend(otlp::layer(&log.otlp_url).map(|layer| layer.with_filter(level()).boxed()));
    #[cfg(feature = "sentry")]
    layers.extend(sentry::layer(&log.sentry_dsn).map(|layer| layer.with_filter(level()).boxed()));
    layers
}

/// The process's metrics; installed on first use, so that tests that start many roles share one recorder.
pub fn metrics() -> &'static PrometheusHandle {
    METRICS.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&[
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ])
            .expect("the list of buckets is not empty")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("Another metrics recorder was installed first; /metrics stays empty");
        }
        handle
    })
}
