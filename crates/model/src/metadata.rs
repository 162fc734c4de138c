//! What a metric says about itself: type, unit, help.

/// The kinds of metric, by OpenMetrics' names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// A value that only grows, until it resets.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Counts by bucket.
    Histogram,
    /// Counts by bucket that may go down.
    GaugeHistogram,
    /// Quantiles computed by the source.
    Summary,
    /// Constant facts as labels.
    Info,
    /// One of several states.
    StateSet,
    /// Nobody said (`untyped` in the old text format).
    #[default]
    Unknown,
}

impl MetricType {
    /// OpenMetrics' word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }
}

/// What a metric family says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Its type.
    pub kind: MetricType,
    /// Its unit, a suffix of the name, or empty.
    pub unit: String,
    /// Its help text, unescaped, or empty.
    pub help: String,
}
