//! Functions of histograms, native ones and classic ones with their `le` series.

use super::buckets::{Bucket, Cumulative};
use crate::ast::Span;
use crate::engine::QueryError;
use crate::engine::column::{BoxOperator, Held, HeldSeries, Operator, Point, SeriesKey, StepVector};
use crate::engine::context::{Context, Steps};
use crate::engine::format;
use crate::engine::scalar::{Scalar, ScalarColumn};
use std::collections::HashMap;
use watchfire_model::histogram::NanEffect;
use watchfire_model::{Histogram, Labels};

const BUCKET_LABEL: &str = "le";

/// The functions of native histograms alone.
pub(crate) fn find(name: &str) -> Option<fn(&Histogram) -> f64> {
    Some(match name {
        "histogram_count" => |histogram| histogram.count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_avg" => |histogram| histogram.sum / histogram.count,
        "histogram_stddev" => Histogram::stddev,
        "histogram_stdvar" => Histogram::stdvar,
        _ => return None,
    })
}

/// What is asked of each histogram.
enum Question<'a> {
    Quantiles { label: Option<&'a str>, span: &'a Span },
    Fraction,
}

/// `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`.
struct OfHistograms<'a> {
    inner: BoxOperator<'a>,
    scalars: Vec<Scalar<'a>>,
    question: Question<'a>,
    steps: Steps,
    /// Whether names are dropped at the end of the query only, so that remarks can tell them.
    names_stay: bool,
    span: &'a Span,
    result: Option<Held>,
}

/// The quantiles given; with a label, one series for each, told apart by it.
pub(crate) fn quantile<'a>(
    inner: BoxOperator<'a>,
    scalars: Vec<Scalar<'a>>,
    label: Option<&'a str>,
    steps: Steps,
    names_stay: bool,
    (quantile_span, span): (&'a Span, &'a Span),
) -> BoxOperator<'a> {
    let question = Question::Quantiles { label, span: quantile_span };
    Box::new(OfHistograms { inner, scalars, question, steps, names_stay, span, result: None })
}

/// The share between the two scalars.
pub(crate) fn fraction<'a>(
    inner: BoxOperator<'a>,
    scalars: Vec<Scalar<'a>>,
    steps: Steps,
    names_stay: bool,
    span: &'a Span,
) -> BoxOperator<'a> {
    let question = Question::Fraction;
    Box::new(OfHistograms { inner, scalars, question, steps, names_stay, span, result: None })
}

impl<'a> Operator<'a> for OfHistograms<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.result.is_none() {
            self.result = Some(Held::new(self.run(cx)?));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}

/// All series that differ only in `le`.
struct Group {
    key: SeriesKey,
    classic: Vec<(f64, StepVector)>,
    native: Vec<StepVector>,
}

impl<'a> OfHistograms<'a> {
    /// The metric's name for remarks.
    fn metric<'k>(&self, key: &'k SeriesKey) -> &'k str {
        if self.names_stay { key.labels.metric_name() } else { "" }
    }

    fn run(&mut self, cx: &mut Context<'a>) -> Result<Vec<HeldSeries>, QueryError> {
        let columns: Vec<ScalarColumn> = self
            .scalars
            .iter_mut()
            .map(|scalar| scalar.evaluate(cx, self.steps))
            .collect::<Result<_, _>>()?;
        if let Question::Quantiles { span, .. } = self.question {
            for column in &columns {
                for step in 0..self.steps.count {
                    cx.notes.invalid_quantile(span, column.get(step));
                }
            }
        }
        let groups = self.collect(cx)?;
        let mut result = Vec::new();
        for mut group in groups {
            // Sorted once, so that no step has to; the sort is stable, as that of each step is.
            group.classic.sort_by(|left, right| left.0.total_cmp(&right.0));
            cx.worked(self.steps.count.saturating_mul(group.classic.len().max(1)))?;
            self.answer(&group, &columns, &mut result, cx)?;
            let held = group.classic.len().saturating_add(group.native.len());
            cx.release(held.saturating_mul(self.steps.count));
        }
        Ok(result)
    }

    fn collect(&mut self, cx: &mut Context<'a>) -> Result<Vec<Group>, QueryError> {
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut vector = StepVector::default();
        while let Some(key) = self.inner.next(cx, &mut vector)? {
            let bound_text = key.labels.get(BUCKET_LABEL).unwrap_or("");
            let bound = parse_bound(bound_text);
            let floats = (0..vector.len()).any(|step| matches!(vector.get(step), Some(Point::Float(_))));
            if floats && bound.is_none() {
                cx.notes.bad_bucket_label(self.span, bound_text, self.metric(&key));
            }
            let labels = key.labels.without(|name| name == BUCKET_LABEL);
            let place = *places.entry(labels.clone()).or_insert_with(|| {
                let key = SeriesKey { labels, drop_name: true };
                groups.push(Group { key, classic: Vec::new(), native: Vec::new() });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(place) else { continue };
            cx.hold(vector.len())?;
            if vector.has_histograms() {
                group.native.push(vector.clone());
            }
            if let Some(bound) = bound.filter(|_| floats) {
                group.classic.push((bound, std::mem::take(&mut vector)));
            }
        }
        Ok(groups)
    }

    /// Answers for one histogram at all steps.
    fn answer(
        &self,
        group: &Group,
        columns: &[ScalarColumn],
        result: &mut Vec<HeldSeries>,
        cx: &mut Context<'a>,
    ) -> Result<(), QueryError> {
        let metric = self.metric(&group.key);
        let answers = if matches!(self.question, Question::Fraction) { 1 } else { columns.len() };
        let mut outs = vec![StepVector::absent(self.steps.count); answers];
        for (step, time_ms) in self.steps.times().enumerate() {
            let native = group.native.iter().find_map(|vector| match vector.get(step) {
                Some(Point::Histogram(histogram)) => Some(histogram),
                _ => None,
            });
            let mut buckets: Vec<Bucket> = Vec::with_capacity(group.classic.len());
            buckets.extend(group.classic.iter().filter_map(|(upper, vector)| match vector.get(step) {
                Some(Point::Float(count)) => Some(Bucket { upper: *upper, count }),
                _ => None,
            }));
            match (native, buckets.is_empty()) {
                (Some(_), false) => cx.notes.mixed_classic_and_native(self.span, metric),
                (Some(histogram), true) => self.ask_native(histogram, columns, step, metric, &mut outs, cx),
                (None, false) => self.ask_classic(buckets, columns, (step, time_ms), metric, &mut outs, cx),
                (None, true) => {}
            }
        }
        for (place, vector) in outs.into_iter().enumerate() {
            if !vector.any_present() {
                continue;
            }
            cx.hold(vector.len())?;
            let Question::Quantiles { label: Some(label), .. } = self.question else {
                result.push(HeldSeries { key: group.key.clone(), vector });
                continue;
            };
            if group.key.labels.get(label).is_some() {
                let words =
                    format!("label \"{label}\" of histogram_quantiles() is on the input series already");
                return Err(QueryError::Execution(words));
            }
            self.push_labelled(group, label, columns.get(place), vector, result);
        }
        Ok(())
    }

    /// Adds a quantile's series; a quantile that changes over time makes several.
    fn push_labelled(
        &self,
        group: &Group,
        label: &str,
        column: Option<&ScalarColumn>,
        vector: StepVector,
        result: &mut Vec<HeldSeries>,
    ) {
        let Some(column) = column else { return };
        let named = |quantile: f64| {
            let mut builder = group.key.labels.to_builder();
            let labels = builder.set(label, open_metrics_float(quantile)).build();
            SeriesKey { labels, drop_name: group.key.drop_name }
        };
        if let ScalarColumn::Constant(quantile) = column {
            result.push(HeldSeries { key: named(*quantile), vector });
            return;
        }
        let mut by_quantile: Vec<(u64, HeldSeries)> = Vec::new();
        for step in 0..vector.len() {
            let Some(Point::Float(value)) = vector.get(step) else { continue };
            let quantile = column.get(step);
            let known = by_quantile.iter().position(|(bits, _)| *bits == quantile.to_bits());
            let place = known.unwrap_or_else(|| {
                let vector = StepVector::absent(self.steps.count);
                by_quantile.push((quantile.to_bits(), HeldSeries { key: named(quantile), vector }));
                by_quantile.len() - 1
            });
            if let Some((_, series)) = by_quantile.get_mut(place) {
                series.vector.set_float(step, value);
            }
        }
        result.extend(by_quantile.into_iter().map(|(_, series)| series));
    }

    fn ask_native(
        &self,
        histogram: &Histogram,
        columns: &[ScalarColumn],
        step: usize,
        metric: &str,
        outs: &mut [StepVector],
        cx: &mut Context<'a>,
    ) {
        if let Question::Fraction = self.question {
            if histogram.has_nan_observations() {
                let effect = "which are excluded from all fractions";
                cx.notes.nan_observations(self.span, "histogram_fraction", effect, metric);
            }
            if let ([lower, upper], Some(out)) = (columns, outs.first_mut()) {
                out.set_float(step, histogram.fraction(lower.get(step), upper.get(step)));
            }
            return;
        }
        for (column, out) in columns.iter().zip(outs) {
            let quantile = histogram.quantile(column.get(step));
            let effect = match quantile.nan_effect {
                NanEffect::Result => "result is NaN",
                NanEffect::Skewed => "result is skewed higher",
                _ => "",
            };
            if !effect.is_empty() {
                cx.notes.nan_observations(self.span, "histogram_quantile", effect, metric);
            }
            out.set_float(step, quantile.value);
        }
    }

    fn ask_classic(
        &self,
        buckets: Vec<Bucket>,
        columns: &[ScalarColumn],
        (step, time_ms): (usize, i64),
        metric: &str,
        outs: &mut [StepVector],
        cx: &mut Context<'a>,
    ) {
        let cumulative = Cumulative::new(buckets);
        if let Question::Fraction = self.question {
            if let ([lower, upper], Some(out)) = (columns, outs.first_mut()) {
                out.set_float(step, cumulative.fraction(lower.get(step), upper.get(step)));
            }
            return;
        }
        let asked = |column: &ScalarColumn| (0.0..=1.0).contains(&column.get(step));
        if let Some(repair) = cumulative.repair
            && columns.iter().any(asked)
        {
            cx.notes.forced_monotonicity(self.span, metric, repair, time_ms);
        }
        for (column, out) in columns.iter().zip(outs) {
            out.set_float(step, cumulative.quantile(column.get(step)));
        }
    }
}

fn parse_bound(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { text.parse().ok() } else { None }
}

/// Floats as OpenMetrics writes them: whole numbers with `.0`.
fn open_metrics_float(value: f64) -> String {
    let text = format::general(value);
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if whole { format!("{text}.0") } else { text }
}
