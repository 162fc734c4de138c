//! Native histograms: exponential buckets, or custom bounds.

/// Schema of a histogram whose bucket bounds are listed, not computed ("native histogram with custom buckets").
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What is known about a counter reset between a histogram and the sample before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing is known; compare to find out.
    #[default]
    Unknown,
    /// A reset happened just before this sample.
    Reset,
    /// No reset happened.
    NoReset,
    /// A gauge: it may go down without a reset.
    Gauge,
}

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Gap to the end of the span before, or, in the first span, the index of its first bucket.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// A native histogram with float counts (Prometheus `FloatHistogram`). Bucket counts are absolute, not deltas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// What is known about a counter reset before this sample.
    pub reset_hint: ResetHint,
    /// Resolution: bucket bounds grow by `2^(2^-schema)`, schema -4 to 8; or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Width of the bucket around zero.
    pub zero_threshold: f64,
    /// Observations in the bucket around zero.
    pub zero_count: f64,
    /// Observations in all.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// Counts of the positive buckets, one per place in the spans.
    pub positive_buckets: Vec<f64>,
    /// Counts of the negative buckets, one per place in the spans.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of the buckets, only for [`CUSTOM_BUCKETS_SCHEMA`]; the last bucket ends at +Inf.
    pub custom_values: Vec<f64>,
}
