//! Our spans, for an OpenTelemetry collector: what was received, and each attempt that was made for it.
//!
//! They are gathered and sent by a thread of the OpenTelemetry SDK, bounded; one that finds no room is dropped, and a
//! delivery never waits. The endpoint, its headers and its certificates come from the variables that every OpenTelemetry SDK
//! reads (`OTEL_EXPORTER_OTLP_ENDPOINT`, …); without an endpoint there is no thread.

use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor};
use scanrelay::TraceParent;
use sha2::{Digest as _, Sha256};
use tracing::{error, info};

use super::Span;

/// Either of them turns the export on.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// Where spans go to. Clones share it.
#[derive(Clone, Default)]
pub struct Spans(Option<Arc<Export>>);

struct Export {
    processor: BatchSpanProcessor,
    /// The store's id: deliveries of different stores have different traces.
    store: String,
}

impl Spans {
    /// For the store of that id.
    pub fn of(store: &str) -> Self {
        #[expect(clippy::disallowed_methods, reason = "OpenTelemetry's own variables, which its SDK reads by itself")]
        let endpoint = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let Some(endpoint) = endpoint else { return Self::default() };
        let exporter = match SpanExporter::builder().with_http().build() {
            Ok(exporter) => exporter,
            Err(error) => {
                error!(%error, "spans cannot be exported: check OTEL_EXPORTER_OTLP_ENDPOINT");
                return Self::default();
            }
        };
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        processor.set_resource(&Resource::builder().with_service_name("scanrelay").with_attribute(version).build());
        info!(endpoint, "spans are exported");
        Self(Some(Arc::new(Export { processor, store: store.to_owned() })))
    }

    /// What everything that is done for a delivery is a part of: its receiving, in the trace that its sender began or in
    /// one of its own. The ids follow from store and delivery, so that a retry after a restart finds them again.
    pub fn received(&self, delivery: i64, sent: Option<TraceParent>) -> Option<TraceParent> {
        let Some(export) = &self.0 else { return sent };
        let digest = Sha256::new().chain_update(&export.store).chain_update(delivery.to_be_bytes()).finalize();
        let (trace, span) = (first(&digest), u64::from_be_bytes(digest[16..24].try_into().unwrap_or([1; 8])));
        let span = NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN);
        let own = TraceParent::new(NonZeroU128::new(trace).unwrap_or(NonZeroU128::MIN), span, true);
        Some(sent.map_or(own, |sent| sent.child(span)))
    }

    pub fn ended(&self, span: Span<'_>) {
        if let Some(export) = &self.0
            && span.own.is_sampled()
        {
            export.processor.on_end(data(span));
        }
    }

    /// Sends what has gathered, and ends the thread.
    pub fn close(&self) {
        if let Some(export) = &self.0
            && let Err(error) = export.processor.shutdown()
        {
            error!(%error, "the last spans were not exported");
        }
    }
}

fn first(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn data(span: Span<'_>) -> SpanData {
    #[expect(clippy::disallowed_methods, reason = "a span is dated by the wall clock, for other people's systems")]
    let end_time = std::time::SystemTime::now();
    let flags = TraceFlags::new(u8::from(span.own.is_sampled()));
    let trace = TraceId::from_hex(&span.own.trace_id()).unwrap_or(TraceId::INVALID);
    let id = |trace: &TraceParent| SpanId::from_hex(&trace.span_id()).unwrap_or(SpanId::INVALID);
    let attributes = [
        Some(KeyValue::new("scanrelay.delivery", span.delivery)),
        Some(KeyValue::new("scanrelay.registry", span.registry.to_owned())),
        span.plugin.map(|plugin| KeyValue::new("scanrelay.plugin", plugin.to_owned())),
    ];
    SpanData {
        span_context: SpanContext::new(trace, id(&span.own), flags, false, TraceState::default()),
        parent_span_id: span.parent.as_ref().map_or(SpanId::INVALID, id),
        parent_span_is_remote: span.name == "receive",
        span_kind: match span.name {
            "receive" => SpanKind::Server,
            "run" => SpanKind::Internal,
            _ => SpanKind::Client,
        },
        name: span.name.into(),
        start_time: end_time.checked_sub(span.took).unwrap_or(end_time),
        end_time,
        attributes: attributes.into_iter().flatten().collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: span.failure.map_or(Status::Unset, |reason| Status::error(reason.to_owned())),
        instrumentation_scope: InstrumentationScope::builder("scanrelay").build(),
    }
}
