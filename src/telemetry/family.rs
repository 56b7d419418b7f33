//! Families of metrics, as Prometheus and OpenTelemetry both have them.

use crate::histogram::HistogramSnapshot;

/// A metric with all its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// As Prometheus has it, without `cicerone_`.
    pub(crate) name: &'static str,
    pub(crate) kind: FamilyKind,
    pub(crate) help: &'static str,
    pub(crate) figures: Figures,
}

/// What the values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FamilyKind {
    Gauge,
    /// Grows from the start of the server on.
    Counter,
    /// Of durations in seconds.
    Histogram,
}

/// The values of a family.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Figures {
    One(u64),
    /// The name of a label, and its values with theirs.
    ByLabel(&'static str, Vec<(&'static str, u64)>),
    Durations(HistogramSnapshot),
}

impl FamilyKind {
    /// As Prometheus names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}
