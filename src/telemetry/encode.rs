//! Traces and figures as the messages of OTLP. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{
        AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};

use super::{
    family::{Family, FamilyKind, Figures},
    trace::{EndedTrace, SpanAttribute, TraceId, TraceSpan},
};
use crate::histogram::HistogramSnapshot;

/// Spans that were sampled: all are.
const SAMPLED: u32 = 1;

/// The server that telemetry is of.
#[derive(Debug)]
pub(super) struct ServerResource {
    resource: Resource,
    scope: InstrumentationScope,
    /// Since when it counts, in nanoseconds.
    started_at: u64,
}

impl ServerResource {
    pub(super) fn new(started_at: SystemTime) -> Self {
        let version = env!("CICERONE_VERSION");
        let attributes = vec![text("service.name", "cicerone"), text("service.version", version)];
        Self {
            resource: Resource { attributes, ..Resource::default() },
            scope: InstrumentationScope {
                name: "cicerone".to_owned(),
                version: version.to_owned(),
                ..InstrumentationScope::default()
            },
            started_at: nanos(started_at),
        }
    }
}

pub(super) fn traces(server: &ServerResource, traces: &[EndedTrace]) -> ExportTraceServiceRequest {
    let spans = traces.iter().flat_map(|it| it.spans.iter().map(|span| encoded(&it.id, span)));
    let scope_spans = vec![ScopeSpans {
        scope: Some(server.scope.clone()),
        spans: spans.collect(),
        ..ScopeSpans::default()
    }];
    let resource = Some(server.resource.clone());
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn encoded(trace: &TraceId, span: &TraceSpan) -> Span {
    let attribute = |(name, value): &(&str, SpanAttribute)| match value {
        SpanAttribute::Text(value) => text(name, value),
        SpanAttribute::Whole(value) => keyed(name, Value::IntValue(whole(*value))),
        SpanAttribute::Real(value) => keyed(name, Value::DoubleValue(*value)),
    };
    let code = if span.has_failed { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: trace.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(|id| id.to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name.to_string(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanos(span.from),
        // A clock that was set back meanwhile makes no span that ends before it begins.
        end_time_unix_nano: nanos(span.to.max(span.from)),
        attributes: span.attributes.iter().map(attribute).collect(),
        status: Some(Status { code: code.into(), ..Status::default() }),
        ..Span::default()
    }
}

pub(super) fn families(
    server: &ServerResource,
    families: &[Family],
    now: SystemTime,
) -> ExportMetricsServiceRequest {
    let times = (server.started_at, nanos(now));
    let scope_metrics = vec![ScopeMetrics {
        scope: Some(server.scope.clone()),
        metrics: families.iter().map(|family| metric(family, times)).collect(),
        ..ScopeMetrics::default()
    }];
    let resource = Some(server.resource.clone());
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource,
            scope_metrics,
            ..ResourceMetrics::default()
        }],
    }
}

/// A name without what Prometheus adds for the kind and the unit: collectors add that again.
fn metric(family: &Family, times: (u64, u64)) -> Metric {
    let is_counter = family.kind == FamilyKind::Counter;
    let name = family.name.strip_suffix("_total").unwrap_or(family.name);
    let (name, unit) = match name.strip_suffix("_seconds") {
        Some(name) => (name, "s"),
        None => (name, "1"),
    };
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match &family.figures {
        Figures::Durations(durations) => Data::Histogram(Histogram {
            data_points: vec![histogram(durations, times)],
            aggregation_temporality: cumulative,
        }),
        figures if is_counter => Data::Sum(Sum {
            data_points: points(figures, times),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        figures => Data::Gauge(Gauge { data_points: points(figures, times) }),
    };
    Metric {
        name: format!("cicerone.{name}"),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn points(figures: &Figures, (since, now): (u64, u64)) -> Vec<NumberDataPoint> {
    let point = |attributes, value| NumberDataPoint {
        attributes,
        start_time_unix_nano: since,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsInt(whole(value))),
        ..NumberDataPoint::default()
    };
    match figures {
        Figures::One(value) => vec![point(Vec::new(), *value)],
        Figures::ByLabel(label, values) => {
            values.iter().map(|(name, value)| point(vec![text(label, name)], *value)).collect()
        }
        Figures::Durations(_) => Vec::new(),
    }
}

fn histogram(durations: &HistogramSnapshot, (since, now): (u64, u64)) -> HistogramDataPoint {
    let ends = durations.buckets.iter().map(|(_, count)| *count).chain([durations.count]);
    let mut below = 0;
    let counts = ends.map(|count| count - std::mem::replace(&mut below, count));
    HistogramDataPoint {
        start_time_unix_nano: since,
        time_unix_nano: now,
        count: durations.count,
        sum: Some(durations.sum.as_secs_f64()),
        bucket_counts: counts.collect(),
        explicit_bounds: durations.buckets.iter().map(|(bound, _)| *bound).collect(),
        ..HistogramDataPoint::default()
    }
}

fn text(name: &str, value: &str) -> KeyValue {
    keyed(name, Value::StringValue(value.to_owned()))
}

fn keyed(name: &str, value: Value) -> KeyValue {
    let value = Some(AnyValue { value: Some(value) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_histogram_has_the_count_of_each_bucket_alone() {
        let bounds = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
        let counts = [1, 1, 3, 3, 3, 3, 3, 3, 3, 4];
        let mut buckets = [(0.0, 0); 10];
        buckets.iter_mut().zip(bounds.into_iter().zip(counts)).for_each(|(it, with)| *it = with);
        let durations = HistogramSnapshot { buckets, count: 6, sum: Duration::from_secs(9) };
        let point = histogram(&durations, (1, 2));
        assert_eq!(point.bucket_counts, [1, 0, 2, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(point.explicit_bounds, bounds);
        assert_eq!((point.count, point.sum), (6, Some(9.0)));
    }
}
