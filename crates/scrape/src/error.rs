//! Why a scrape failed. The words are those that Prometheus shows, because people search for them.

use watchfire_wire::exposition::ParseError;

/// Why a scrape failed; the target is then down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The target could not be reached, or hung up.
    #[error("Get {url:?}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong, innermost cause last.
        reason: String,
    },
    /// The answer did not come, or did not end, in time.
    #[error("Get {url:?}: context deadline exceeded")]
    Timeout {
        /// What was asked.
        url: String,
    },
    /// The answer was no success.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The uncompressed body is larger than allowed.
    #[error("body size limit exceeded: the body has more than {limit_bytes} bytes")]
    BodyTooLarge {
        /// `body_size_limit`, or the hard bound.
        limit_bytes: u64,
    },
    /// A file with credentials cannot be read.
    #[error("unable to read {what}: {reason}")]
    Credentials {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// The answer does not say what it is.
    #[error(
        "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target"
    )]
    BlankContentType,
    /// The answer is no exposition.
    #[error("received unsupported Content-Type {0:?} and no fallback_scrape_protocol specified for target")]
    UnsupportedContentType(String),
    /// The body breaks the format's grammar.
    #[error("body:{0}")]
    Parse(#[from] ParseError),
    /// A sample has no metric name left.
    #[error("missing metric name (__name__ label)")]
    MissingName,
    /// A sample has a name that the configuration does not allow.
    #[error("invalid metric name or label names: {0}")]
    InvalidNames(String),
    /// A sample names a label twice.
    #[error("label name {label:?} is not unique: invalid sample {series:?}")]
    DuplicateLabel {
        /// The label.
        label: String,
        /// The sample, shortened.
        series: String,
    },
    /// `sample_limit`.
    #[error("sample limit exceeded")]
    SampleLimit,
    /// `label_limit`.
    #[error("label_limit exceeded (metric: {metric}, number of labels: {found}, limit: {limit})")]
    LabelLimit {
        /// The metric, shortened.
        metric: String,
        /// How many labels it has.
        found: usize,
        /// How many it may have.
        limit: u64,
    },
    /// `label_name_length_limit`.
    #[error(
        "label_name_length_limit exceeded (metric: {metric}, label name: {label}, length: {found}, limit: {limit})"
    )]
    LabelNameLength {
        /// The metric, shortened.
        metric: String,
        /// The label, shortened.
        label: String,
        /// Its bytes.
        found: usize,
        /// How many it may have.
        limit: u64,
    },
    /// `label_value_length_limit`.
    #[error(
        "label_value_length_limit exceeded (metric: {metric}, label name: {label}, value: {value:?}, length: {found}, limit: {limit})"
    )]
    LabelValueLength {
        /// The metric, shortened.
        metric: String,
        /// The label, shortened.
        label: String,
        /// Its value, shortened.
        value: String,
        /// The value's bytes.
        found: usize,
        /// How many it may have.
        limit: u64,
    },
    /// `target_limit`: no target of the job is asked.
    #[error("target_limit exceeded (number of targets: {found}, limit: {limit})")]
    TargetLimit {
        /// How many targets were found.
        found: usize,
        /// How many there may be.
        limit: u64,
    },
    /// A gatherer inside this program failed.
    #[error("gathering failed: {0}")]
    Local(String),
}
