//! `info`: labels of info metrics, found by `instance` and `job`, are added to series.

use crate::ast::{Call, Expr, ExprKind, Span};
use crate::engine::QueryError;
use crate::engine::column::{BoxOperator, Held, HeldSeries, Operator, Point, SeriesKey, StepVector};
use crate::engine::context::{Context, Steps};
use crate::engine::plan::{Planned, Planner, refused};
use crate::engine::selector::{Aspect, InstantSelector, SourceSeries};
use crate::engine::times::Reference;
use crate::source::SelectHints;
use std::borrow::Cow;
use std::collections::HashMap;
use watchfire_model::{Labels, METRIC_NAME, MatchOp, Matcher, Samples};

/// The labels by which a series and an info series belong together.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

const DEFAULT_INFO_METRIC: &str = "target_info";

/// Which names are info metrics where a selector only says which are not.
const ANY_INFO_METRIC: &str = ".+_info";

pub(crate) fn plan<'a>(planner: &Planner<'_>, call: &'a Call, span: &'a Span, steps: Steps) -> Planned<'a> {
    let Some(base) = call.args.first() else {
        return Err(refused("expected at least 1 argument(s) in call to \"info\""));
    };
    let (mut names, mut data): (Vec<Matcher>, Vec<Matcher>) = (Vec::new(), Vec::new());
    if let Some(argument) = call.args.get(1) {
        let ExprKind::VectorSelector(selector) = &argument.unwrap_parens().kind else {
            return Err(refused("expected label selectors only"));
        };
        let matchers = selector.matchers.iter().cloned();
        (names, data) = matchers.partition(|matcher| matcher.name == METRIC_NAME);
    }
    if names.is_empty() {
        names.push(Matcher::equal(METRIC_NAME, DEFAULT_INFO_METRIC));
    } else if !names.iter().any(is_positive) {
        let any = Matcher::new(METRIC_NAME, MatchOp::Regex, ANY_INFO_METRIC);
        names.push(any.map_err(|error| refused(error.to_string()))?);
    }
    let mut reference = Reference { at_ms: None, offset_ms: 0 };
    look_for_reference(planner, base, &mut reference)?;
    let matchers: Vec<Matcher> = names.iter().chain(&data).cloned().collect();
    let hints =
        SelectHints { step_ms: planner.times.step_ms, range_ms: 0, function: "info", labels_only: false };
    let selector = InstantSelector {
        series: SourceSeries::new(Cow::Owned(matchers), hints, planner.lookback_ms, 0),
        span,
        steps,
        reference,
        aspect: Aspect::Value,
        extension: None,
        samples: Samples::default(),
        detect_resets: false,
        scope: planner.scope,
    };
    Ok(Box::new(Info { inner: planner.vector(base, steps)?, selector, names, data, steps, result: None }))
}

const fn is_positive(matcher: &Matcher) -> bool {
    matches!(matcher.op, MatchOp::Equal | MatchOp::Regex)
}

/// The time at which the first selector of an expression looks: info series are looked up at the same time. Says
/// whether there is a selector.
fn look_for_reference(
    planner: &Planner<'_>,
    expr: &Expr,
    reference: &mut Reference,
) -> Result<bool, QueryError> {
    let found = match &expr.kind {
        ExprKind::VectorSelector(selector) => {
            reference.narrow(Reference::new(&selector.modifiers, &planner.times)?);
            true
        }
        ExprKind::MatrixSelector(matrix) => {
            reference.narrow(Reference::new(&matrix.selector.modifiers, &planner.times)?);
            true
        }
        ExprKind::Subquery(subquery) => {
            let outside = *reference;
            reference.narrow(Reference::new(&subquery.modifiers, &planner.times)?);
            let found = look_for_reference(planner, &subquery.expr, reference)?;
            if !found {
                *reference = outside;
            }
            found
        }
        ExprKind::Call(call) => {
            for argument in &call.args {
                if look_for_reference(planner, argument, reference)? {
                    return Ok(true);
                }
            }
            false
        }
        ExprKind::Aggregate(aggregate) => look_for_reference(planner, &aggregate.expr, reference)?,
        ExprKind::Binary(binary) => {
            look_for_reference(planner, &binary.left, reference)?
                || look_for_reference(planner, &binary.right, reference)?
        }
        ExprKind::Unary(unary) => look_for_reference(planner, &unary.expr, reference)?,
        ExprKind::Paren(inner) => look_for_reference(planner, inner, reference)?,
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => false,
    };
    Ok(found)
}

/// The operator of `info`.
struct Info<'a> {
    inner: BoxOperator<'a>,
    selector: InstantSelector<'a>,
    names: Vec<Matcher>,
    data: Vec<Matcher>,
    steps: Steps,
    result: Option<Held>,
}

/// An info series: when its sample was taken, in seconds, at each step where it has one.
struct InfoSeries {
    labels: Labels,
    taken: StepVector,
}

/// The info series that share identifying labels.
type BySignature = HashMap<Labels, Vec<InfoSeries>>;

fn signature(labels: &Labels) -> Labels {
    labels.without(|name| !IDENTIFYING.contains(&name))
}

impl<'a> Operator<'a> for Info<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.result.is_none() {
            let infos = self.read_infos(cx)?;
            let mut result = Vec::new();
            while let Some(key) = self.inner.next(cx, out)? {
                self.enrich(&key, out, &infos, &mut result, cx)?;
            }
            self.result = Some(Held::new(result));
        }
        Ok(self.result.as_mut().and_then(|held| held.next(cx, out)))
    }
}

impl<'a> Info<'a> {
    fn read_infos(&mut self, cx: &mut Context<'a>) -> Result<BySignature, QueryError> {
        let mut infos = BySignature::new();
        let mut vector = StepVector::default();
        self.selector.aspect = Aspect::Value;
        while let Some(key) = self.selector.next(cx, &mut vector)? {
            if vector.has_histograms() {
                let words = format!("this should be an info metric, with float samples: {}", key.labels);
                return Err(QueryError::Execution(words));
            }
            let mut taken = StepVector::absent(self.steps.count);
            self.selector.look_back(cx.lookback_ms, Aspect::Timestamp, &mut taken);
            cx.hold(self.steps.count)?;
            infos.entry(signature(&key.labels)).or_default().push(InfoSeries { labels: key.labels, taken });
        }
        Ok(infos)
    }

    /// Whether a series is an info series of this call itself.
    fn is_info(&self, labels: &Labels) -> bool {
        self.names.iter().all(|matcher| matcher.matches_labels(labels))
    }

    fn enrich(
        &self,
        key: &SeriesKey,
        vector: &StepVector,
        infos: &BySignature,
        result: &mut Vec<HeldSeries>,
        cx: &mut Context<'a>,
    ) -> Result<(), QueryError> {
        let signature = signature(&key.labels);
        let candidates =
            if signature.is_empty() { &[] } else { infos.get(&signature).map_or(&[][..], Vec::as_slice) };
        if self.is_info(&key.labels) {
            cx.hold(vector.len())?;
            result.push(HeldSeries { key: key.clone(), vector: vector.clone() });
            return Ok(());
        }
        let optional = self.data.iter().all(Matcher::matches_empty);
        let first = result.len();
        // Which info series are current changes rarely: the place of the result is remembered.
        let mut known: Option<(Vec<usize>, usize)> = None;
        for step in 0..vector.len() {
            let Some(point) = vector.get(step) else { continue };
            let current = current_infos(candidates, step)?;
            if current.is_empty() && !optional {
                continue;
            }
            let place = match &known {
                Some((infos, place)) if *infos == current => *place,
                _ => {
                    let labels = self.labels(key, candidates, &current)?;
                    let tail = result.get(first..).unwrap_or(&[]);
                    match tail.iter().position(|series| series.key.labels == labels) {
                        Some(place) => first + place,
                        None => {
                            cx.hold(vector.len())?;
                            let key = SeriesKey { labels, drop_name: key.drop_name };
                            result.push(HeldSeries { key, vector: StepVector::absent(vector.len()) });
                            result.len() - 1
                        }
                    }
                }
            };
            known = Some((current, place));
            if let Some(series) = result.get_mut(place) {
                match point {
                    Point::Float(value) => series.vector.set_float(step, value),
                    Point::Histogram(_) => series.vector.set(step, point.to_value()),
                }
            }
        }
        Ok(())
    }

    /// The series' labels with those of its info series.
    fn labels(
        &self,
        key: &SeriesKey,
        candidates: &[InfoSeries],
        current: &[usize],
    ) -> Result<Labels, QueryError> {
        let wanted =
            |name: &str| self.data.is_empty() || self.data.iter().any(|matcher| matcher.name == name);
        let mut added: Vec<(&str, &str)> = Vec::new();
        for info in current.iter().filter_map(|place| candidates.get(*place)) {
            for (name, value) in &info.labels {
                let passed_over = name == METRIC_NAME || IDENTIFYING.contains(&name) || !wanted(name);
                if passed_over || key.labels.get(name).is_some() {
                    continue;
                }
                match added.iter().find(|(other, _)| *other == name) {
                    Some((_, other)) if *other != value => {
                        return Err(QueryError::Execution(format!("conflicting label: {name}")));
                    }
                    Some(_) => {}
                    None => added.push((name, value)),
                }
            }
        }
        Ok(key.labels.iter().chain(added).collect())
    }
}

/// The places of the info series that are current at a step: of each info metric the one sampled last.
fn current_infos(candidates: &[InfoSeries], step: usize) -> Result<Vec<usize>, QueryError> {
    let mut current: Vec<(usize, f64)> = Vec::new();
    for (place, info) in candidates.iter().enumerate() {
        let Some(Point::Float(taken)) = info.taken.get(step) else { continue };
        let name = info.labels.metric_name();
        let same = |(other, _): &&mut (usize, f64)| {
            candidates.get(*other).is_some_and(|other| other.labels.metric_name() == name)
        };
        match current.iter_mut().find(same) {
            Some((other, other_taken)) if *other_taken == taken => {
                let existing =
                    candidates.get(*other).map(|other| other.labels.to_string()).unwrap_or_default();
                let time_ms = (taken * 1_000.0) as i64;
                return Err(QueryError::Execution(format!(
                    "found duplicate series for info metric: existing {existing} @ {time_ms}, new {} @ {time_ms}",
                    info.labels
                )));
            }
            Some(slot) if slot.1 < taken => *slot = (place, taken),
            Some(_) => {}
            None => current.push((place, taken)),
        }
    }
    Ok(current.into_iter().map(|(place, _)| place).collect())
}
