//! Where series come from: the one narrow door between queries and stores.

use watchfire_model::{Coarse, Digest, Labels, Matcher, Samples, TimeRange};

/// What the engine is going to do with the series. A source may use it to read less; it may ignore it too.
#[derive(Clone, Debug, Default)]
pub struct SelectHints {
    /// Step of the query in milliseconds, 0 for an instant query.
    pub step_ms: i64,
    /// The range of the enclosing range selector in milliseconds, 0 for an instant selector.
    pub range_ms: i64,
    /// The function applied directly, such as `rate`, or an empty string.
    pub function: &'static str,
    /// Only labels are wanted; samples may be left out.
    pub labels_only: bool,
}

impl SelectHints {
    /// What is wanted where only windows of samples are kept.
    pub fn digest(&self) -> Digest {
        match self.function {
            "sum_over_time" | "count_over_time" | "avg_over_time" => Digest::Totals,
            "min_over_time" | "ts_of_min_over_time" => Digest::Smallest,
            "max_over_time" | "ts_of_max_over_time" => Digest::Largest,
            "quantile_over_time" | "stddev_over_time" | "stdvar_over_time" | "mad_over_time" => {
                Digest::Spread
            }
            _ => Digest::Edges,
        }
    }
}

/// Why series could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The store said so.
    #[error("{0}")]
    Storage(String),
    /// The query was cancelled or ran out of time while reading.
    #[error("query was cancelled while reading series")]
    Cancelled,
}

/// Anything that keeps series: the embedded store, a remote engine, a test.
pub trait Source: Send + Sync {
    /// The series that satisfy all matchers, in label order, each once, with their samples inside `range`.
    ///
    /// Stale markers are handed out as they are. Without any matching series the stream is empty. At least one
    /// matcher is given. Where only windows of samples are kept the stream hands out what [`SelectHints::digest`] asks
    /// for, of one window more on either side, and says so by [`SeriesStream::coarse`].
    fn select(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        hints: &SelectHints,
    ) -> Result<Box<dyn SeriesStream + '_>, SourceError>;

    /// A number that is another one whenever what [`Source::select`] gives for a range of time may be: after a late sample,
    /// a deletion, or when old samples go. `None` where that is not known, as of a range from which samples go soon; then
    /// no answer is kept. A change that has become visible may show in the number a little later, but before whoever
    /// made it is told that it is done.
    fn changes(&self, range: TimeRange) -> Option<u64> {
        let _ = range;
        None
    }

    /// The names of labels on series that satisfy all matchers and have samples about `range`, sorted. No matchers:
    /// all series.
    fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, SourceError>;

    /// The values of one label, as [`Source::label_names`].
    fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, SourceError>;
}

/// Series, one after the other. The caller owns the buffer, so that a million series cost no million allocations.
pub trait SeriesStream: Send {
    /// Moves to the next series: clears `samples`, fills it, and returns the labels; `None` at the end.
    fn next(&mut self, samples: &mut Samples) -> Result<Option<Labels>, SourceError>;

    /// The stretches of time for which this stream hands out windows in place of samples, in order; the last ends where
    /// samples as they were measured begin. None by default.
    fn coarse(&self) -> &[Coarse] {
        &[]
    }

    /// Takes the next series out of this stream, `max` at most and one at least, as a stream of their own that can be read
    /// on another thread while this one goes on.
    fn split(&mut self, max: usize) -> Split {
        let _ = max;
        Split::Inseparable
    }

    /// No more series than this are to come; `usize::MAX` where that is not known, or the stream cannot be split.
    fn most(&self) -> usize {
        usize::MAX
    }

    /// What the reader should know about these series, such as damaged data that was left out. Complete at the end.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What [`SeriesStream::split`] gives.
pub enum Split {
    /// There are no more series.
    End,
    /// The next of them.
    Batch(Box<dyn SeriesStream>),
    /// This stream gives its series one after the other only.
    Inseparable,
}

impl std::fmt::Debug for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::End => "End",
            Self::Batch(_) => "Batch",
            Self::Inseparable => "Inseparable",
        })
    }
}
