//! Traces to an OpenTelemetry collector over OTLP/HTTP (feature `otlp`, setting `log.otlp_url`).

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{Layer, Registry};

/// Spans leave in batches from a thread of their own; a collector that is away costs the spans, never a request.
pub(super) fn layer(url: &str) -> Option<impl Layer<Registry> + Send + Sync + use<>> {
    if url.is_empty() {
        return None;
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(5))
        .build()
        .ok()?;
    let resource = Resource::builder().with_service_name("switchboard").build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    Some(tracing_opentelemetry::layer().with_tracer(provider.tracer("switchboard")))
}
