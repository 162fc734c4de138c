//! The last step: what the operators hand out becomes the query's value.

use super::column::{Point, SeriesKey, StepVector};
use super::context::{Context, Steps};
use super::crew::Helpers;
use super::extended;
use super::merge::same_labelset;
use super::plan::{Planner, text};
use super::queried::{Inside, Queried, Scope};
use super::shared::Shares;
use super::times::QueryTimes;
use super::usage::Account;
use super::{EngineOptions, Query, QueryError, millis};
use crate::ast::{Expr, ExprKind, ValueType};
use crate::source::Source;
use crate::value::{QueryResult, Value, VectorSample};
use std::collections::HashMap;
use std::sync::Arc;
use watchfire_model::{Labels, Samples, Series};

pub(super) fn evaluate(
    options: &EngineOptions,
    helpers: &Arc<Helpers>,
    query: &Query,
    source: &dyn Source,
) -> Result<QueryResult, QueryError> {
    // A query of one instant is an instant query if it has no step.
    let instant = query.step_ms <= 0;
    let steps = if instant {
        Steps::once(query.start_ms)
    } else {
        Steps::between(query.start_ms, query.end_ms, query.step_ms)
    };
    if steps.count > options.max_samples {
        return Err(QueryError::TooManySamples);
    }
    let times = QueryTimes {
        start_ms: query.start_ms,
        end_ms: if instant { query.start_ms } else { query.end_ms },
        step_ms: if instant { 0 } else { query.step_ms },
    };
    let (max_samples, max_bytes) = (options.max_samples, options.max_bytes);
    let account = Account { usage: &query.usage, max_samples, max_bytes };
    std::thread::scope(|room| {
        let mut cx = Context::new(options, query, source, account, (room, helpers));
        let (shares, inside) = (Shares::of(&query.expr), Inside::default());
        let planner = Planner {
            times,
            lookback_ms: cx.lookback_ms,
            default_subquery_step_ms: millis(options.default_subquery_step).max(1),
            max_steps: options.max_samples,
            use_start_timestamps: options.use_start_timestamps,
            delayed_name_removal: options.delayed_name_removal,
            statistics: false,
            shares: &shares,
            scope: Scope::Steps,
            inside: query.count_queried.then_some(&inside),
        };
        if query.count_queried {
            cx.queried = Queried::at(steps.count, &inside);
        }
        cx.check()?;
        let value = if instant {
            instant_value(&planner, &query.expr, steps, &mut cx)?
        } else {
            Value::Matrix(range_value(&planner, &query.expr, steps, &mut cx)?)
        };
        let (samples_read, coarse) = (cx.samples_read, std::mem::take(&mut cx.coarse));
        let peak_samples = cx.peak_samples();
        let (annotations, queried) = (cx.notes.finish(), cx.queried.finish());
        query.usage.looked_at(&queried.looked_at);
        Ok(QueryResult { value, annotations, samples_read, queried, peak_samples, coarse })
    })
}

fn instant_value<'a>(
    planner: &Planner<'_>,
    expr: &'a Expr,
    steps: Steps,
    cx: &mut Context<'a>,
) -> Result<Value, QueryError> {
    let timestamp_ms = steps.start_ms;
    match expr.value_type() {
        ValueType::Scalar => {
            let column = planner.scalar(expr, steps)?.evaluate(cx, steps)?;
            Ok(Value::Scalar { timestamp_ms, value: column.get(0) })
        }
        ValueType::String => Ok(Value::String { timestamp_ms, value: text(expr)?.to_owned() }),
        ValueType::Matrix => Ok(Value::Matrix(raw_samples(planner, expr, steps, cx)?)),
        ValueType::Vector | ValueType::None => {
            let mut operator = planner.vector(expr, steps)?;
            let mut vector = StepVector::default();
            let mut samples: Vec<VectorSample> = Vec::new();
            let mut seen: HashMap<Labels, ()> = HashMap::new();
            while let Some(key) = operator.next(cx, &mut vector)? {
                let Some(point) = vector.get(0) else { continue };
                let labels = key.shown();
                if seen.insert(labels.clone(), ()).is_some() {
                    return Err(same_labelset());
                }
                cx.hold(1)?;
                samples.push(VectorSample { labels, timestamp_ms, value: point.to_value() });
            }
            Ok(Value::Vector(samples))
        }
    }
}

/// A range vector as the value of an instant query: the samples themselves.
fn raw_samples<'a>(
    planner: &Planner<'_>,
    expr: &'a Expr,
    steps: Steps,
    cx: &mut Context<'a>,
) -> Result<Vec<Series>, QueryError> {
    let mut spec = planner.range(expr, steps, "")?;
    let end_ms = spec.reference.apply(steps.start_ms);
    let start_ms = end_ms.saturating_sub(spec.range_ms);
    let subquery = matches!(expr.unwrap_parens().kind, ExprKind::Subquery(_));
    let mut merged = MatrixBuilder::default();
    let mut samples = Samples::default();
    while let Some(key) = spec.input.next(cx, start_ms, end_ms, &mut samples)? {
        cx.queried.windows((spec.scope, subquery), steps, (spec.reference, spec.range_ms), &samples);
        let key = if subquery { key } else { SeriesKey { drop_name: false, ..key } };
        let inside = match spec.extension {
            Some(extension) => extended::with_edges(&samples, (start_ms, end_ms), extension)?,
            None => {
                samples.iter().filter(|(time, _)| start_ms < *time && *time <= end_ms).collect::<Vec<_>>()
            }
        };
        merged.add(key, inside, cx)?;
    }
    merged.finish()
}

fn range_value<'a>(
    planner: &Planner<'_>,
    expr: &'a Expr,
    steps: Steps,
    cx: &mut Context<'a>,
) -> Result<Vec<Series>, QueryError> {
    match expr.value_type() {
        ValueType::Scalar => {
            let column = planner.scalar(expr, steps)?.evaluate(cx, steps)?;
            cx.hold(steps.count)?;
            let mut samples = Samples::default();
            for (step, time_ms) in steps.times().enumerate() {
                samples.push_float(time_ms, column.get(step));
            }
            Ok(vec![Series { labels: Labels::empty(), samples }])
        }
        ValueType::Vector => {
            let mut operator = planner.vector(expr, steps)?;
            let mut vector = StepVector::default();
            let mut merged = MatrixBuilder::default();
            while let Some(key) = operator.next(cx, &mut vector)? {
                if vector.any_present() {
                    merged.add_vector(key, &vector, steps, cx)?;
                }
            }
            merged.finish()
        }
        other => {
            let words = format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                other.as_str()
            );
            Err(QueryError::Execution(words))
        }
    }
}

/// Collects series; those that share their labels once names are dropped become one.
#[derive(Default)]
struct MatrixBuilder {
    places: HashMap<Labels, usize>,
    series: Vec<Series>,
    repeated: bool,
}

impl MatrixBuilder {
    fn place(&mut self, labels: Labels) -> Option<&mut Samples> {
        let place = match self.places.get(&labels) {
            Some(place) => {
                self.repeated = true;
                *place
            }
            None => {
                self.places.insert(labels.clone(), self.series.len());
                self.series.push(Series { labels, samples: Samples::default() });
                self.series.len() - 1
            }
        };
        self.series.get_mut(place).map(|series| &mut series.samples)
    }

    fn add_vector(
        &mut self,
        key: SeriesKey,
        vector: &StepVector,
        steps: Steps,
        cx: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        let count = vector.present_count();
        cx.hold(count + super::selector::beyond_samples(&vector.histograms))?;
        let Some(samples) = self.place(key.shown()) else { return Ok(()) };
        samples.timestamps_ms.reserve(count);
        samples.floats.reserve(count);
        for (step, time_ms) in steps.times().enumerate() {
            match vector.get(step) {
                Some(Point::Float(value)) => samples.push_float(time_ms, value),
                Some(Point::Histogram(histogram)) => samples.push_histogram(time_ms, Arc::clone(histogram)),
                None => {}
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        key: SeriesKey,
        points: Vec<(i64, watchfire_model::SampleValue)>,
        cx: &mut Context<'_>,
    ) -> Result<(), QueryError> {
        if points.is_empty() {
            return Ok(());
        }
        cx.hold(points.len())?;
        let Some(samples) = self.place(key.shown()) else { return Ok(()) };
        for (time_ms, value) in points {
            samples.push(time_ms, value);
        }
        Ok(())
    }

    /// The series in label order; an error when two that became one have a sample at the same time.
    fn finish(mut self) -> Result<Vec<Series>, QueryError> {
        if self.repeated {
            for series in &mut self.series {
                restore_order(&mut series.samples)?;
            }
        }
        self.series.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(self.series)
    }
}

/// Sorts samples that were put one behind the other from several series.
fn restore_order(samples: &mut Samples) -> Result<(), QueryError> {
    if samples.timestamps_ms.is_sorted_by(|before, after| before < after) {
        return Ok(());
    }
    let mut points: Vec<_> = samples.iter().collect();
    points.sort_by_key(|(time, _)| *time);
    if points.windows(2).any(|pair| matches!(pair, [before, after] if before.0 == after.0)) {
        return Err(same_labelset());
    }
    samples.clear();
    for (time, value) in points {
        samples.push(time, value);
    }
    Ok(())
}
