//! Remarks about an answer, in Prometheus's words.

use crate::ast::Span;
use crate::value::{Annotation, Annotations};
use std::collections::HashSet;

impl Annotation {
    /// The text of the HTTP API: with the place as `(line:column)`, counted from one in bytes.
    pub fn render(&self, kind: AnnotationKind, query: &str) -> String {
        let Some(span) = &self.span else { return self.message.clone() };
        format!("PromQL {}: {} ({})", kind.as_str(), self.message, place(query, span.start))
    }
}

/// Whether a remark warns or informs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKind {
    /// The answer may be wrong.
    Warning,
    /// The answer may surprise.
    Info,
}

impl AnnotationKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Annotations {
    /// The warnings and the infos as the HTTP API prints them.
    pub fn render(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let warnings = self.warnings.iter().map(|note| note.render(AnnotationKind::Warning, query)).collect();
        let infos = self.infos.iter().map(|note| note.render(AnnotationKind::Info, query)).collect();
        (warnings, infos)
    }
}

fn place(query: &str, offset: usize) -> String {
    let Some(before) = query.as_bytes().get(..offset) else { return "unknown position".to_owned() };
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("{line}:{column}")
}

/// How non-monotonic the buckets of one metric were, over a whole query.
#[derive(Clone, Debug)]
struct Monotonicity {
    message: String,
    span: Span,
    first_ms: i64,
    last_ms: i64,
    min_bucket: f64,
    max_bucket: f64,
    max_diff: f64,
    count: u64,
}

impl Monotonicity {
    fn extend(&mut self, other: &Self) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.min_bucket = self.min_bucket.min(other.min_bucket);
        self.max_bucket = self.max_bucket.max(other.max_bucket);
        self.max_diff = self.max_diff.max(other.max_diff);
        self.count += other.count;
    }
}

/// What was repaired in one classic histogram to make its buckets monotonic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repair {
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
}

/// Collects remarks. Two with the same words are one, wherever they stand, as in Prometheus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    collected: Annotations,
    seen: HashSet<String>,
    repairs: Vec<Monotonicity>,
}

impl Notes {
    pub(crate) fn warn(&mut self, span: &Span, message: String) {
        if self.seen.insert(message.clone()) {
            self.collected.warnings.push(Annotation { message, span: Some(span.clone()) });
        }
    }

    pub(crate) fn info(&mut self, span: &Span, message: String) {
        if self.seen.insert(message.clone()) {
            self.collected.infos.push(Annotation { message, span: Some(span.clone()) });
        }
    }

    pub(crate) fn source_warning(&mut self, message: String) {
        if self.seen.insert(message.clone()) {
            self.collected.warnings.push(Annotation { message, span: None });
        }
    }

    pub(crate) fn invalid_quantile(&mut self, span: &Span, quantile: f64) {
        if quantile.is_nan() || !(0.0..=1.0).contains(&quantile) {
            let shown = super::format::general(quantile);
            self.warn(span, format!("quantile value should be between 0 and 1, got {shown}"));
        }
    }

    pub(crate) fn mixed_floats_and_histograms(&mut self, span: &Span, metric: &str) {
        self.warn(
            span,
            format!("encountered a mix of histograms and floats for metric name {}", quoted(metric)),
        );
    }

    pub(crate) fn mixed_aggregation(&mut self, span: &Span) {
        self.warn(span, "encountered a mix of histograms and floats for aggregation".to_owned());
    }

    pub(crate) fn mixed_schemas(&mut self, span: &Span, metric: &str) {
        let words = "vector contains a mix of histograms with exponential and custom buckets schemas";
        self.warn(span, format!("{words}{}", for_metric(metric)));
    }

    pub(crate) fn mixed_classic_and_native(&mut self, span: &Span, metric: &str) {
        self.warn(
            span,
            format!("vector contains a mix of classic and native histograms{}", for_metric(metric)),
        );
    }

    pub(crate) fn bad_bucket_label(&mut self, span: &Span, value: &str, metric: &str) {
        let words = format!("bucket label \"le\" is missing or has a malformed value of {}", quoted(value));
        self.warn(span, format!("{words}{}", for_metric(metric)));
    }

    pub(crate) fn not_a_counter(&mut self, span: &Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a counter: {}", quoted(metric)));
    }

    pub(crate) fn not_a_gauge(&mut self, span: &Span, metric: &str) {
        self.warn(span, format!("this native histogram metric is not a gauge: {}", quoted(metric)));
    }

    pub(crate) fn possibly_no_counter(&mut self, span: &Span, metric: &str) {
        let words = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket";
        self.info(span, format!("{words}: {}", quoted(metric)));
    }

    pub(crate) fn overlapping_start(&mut self, span: &Span, metric: &str) {
        let words = "sample has start time that overlaps with previous sample timestamp for metric";
        self.warn(span, format!("{words} {}", quoted(metric)));
    }

    pub(crate) fn ignored_in_aggregation(&mut self, span: &Span, aggregation: &str) {
        self.info(span, format!("ignored histogram in {aggregation} aggregation"));
    }

    pub(crate) fn ignored_in_mixed_range(&mut self, span: &Span, metric: &str) {
        let words = "ignored histograms in a range containing both floats and histograms";
        self.info(span, format!("{words}{}", for_metric(metric)));
    }

    pub(crate) fn reconciled_buckets(&mut self, span: &Span, operation: &str) {
        self.info(span, format!("mismatched custom buckets were reconciled during {operation}"));
    }

    pub(crate) fn reset_collision(&mut self, span: &Span, operation: &str) {
        self.warn(span, format!("conflicting counter resets during histogram {operation}"));
    }

    pub(crate) fn incompatible_types(&mut self, span: &Span, operator: &str, left: &str, right: &str) {
        let words = "incompatible sample types encountered for binary operator";
        self.info(span, format!("{words} \"{operator}\": {left} {operator} {right}"));
    }

    pub(crate) fn incompatible_layout(&mut self, span: &Span, operator: &str) {
        self.warn(span, format!("incompatible bucket layout encountered for binary operator {operator}"));
    }

    pub(crate) fn nan_observations(&mut self, span: &Span, function: &str, effect: &str, metric: &str) {
        self.info(span, format!("input to {function} has NaN observations, {effect}{}", for_metric(metric)));
    }

    /// Buckets were made monotonic; told once per metric, with what was done to it over the whole query.
    pub(crate) fn forced_monotonicity(&mut self, span: &Span, metric: &str, repair: Repair, time_ms: i64) {
        let message = format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see {}){}",
            "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile",
            for_metric(metric)
        );
        let repair = Monotonicity {
            message,
            span: span.clone(),
            first_ms: time_ms,
            last_ms: time_ms,
            min_bucket: repair.min_bucket,
            max_bucket: repair.max_bucket,
            max_diff: repair.max_diff,
            count: 1,
        };
        match self.repairs.iter_mut().find(|known| known.message == repair.message) {
            Some(known) => known.extend(&repair),
            None => self.repairs.push(repair),
        }
    }

    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.collected.warnings.is_empty() && self.collected.infos.is_empty() && self.repairs.is_empty()
    }

    /// Adds what was said elsewhere.
    pub(crate) fn absorb(&mut self, other: Self) {
        for note in other.collected.warnings {
            if self.seen.insert(note.message.clone()) {
                self.collected.warnings.push(note);
            }
        }
        for note in other.collected.infos {
            if self.seen.insert(note.message.clone()) {
                self.collected.infos.push(note);
            }
        }
        for repair in other.repairs {
            match self.repairs.iter_mut().find(|known| known.message == repair.message) {
                Some(known) => known.extend(&repair),
                None => self.repairs.push(repair),
            }
        }
    }

    /// Everything that was said.
    pub(crate) fn finish(self) -> Annotations {
        let mut collected = self.collected;
        for repair in self.repairs {
            let message = format!(
                "{}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
                repair.message,
                super::format::general(repair.min_bucket),
                super::format::general(repair.max_bucket),
                super::format::general_precision(repair.max_diff, 2),
                repair.count,
                rfc3339(repair.first_ms),
                rfc3339(repair.last_ms),
            );
            collected.infos.push(Annotation { message, span: Some(repair.span) });
        }
        collected
    }
}

pub(crate) fn rfc3339(time_ms: i64) -> String {
    jiff::Timestamp::from_second(time_ms.div_euclid(1_000))
        .map_or_else(|_| time_ms.to_string(), |time| time.to_string())
}

fn for_metric(metric: &str) -> String {
    if metric.is_empty() { String::new() } else { format!(" for metric name {}", quoted(metric)) }
}

/// Quotes as Go's `%q` does for the texts that occur in metric names and labels.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
