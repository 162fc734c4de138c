//! Calls of functions that give vectors.

use super::{Planned, Planner, literal, refused, text};
use crate::ast::{Call, Expr, ExprKind, RangeExtension, Span};
use crate::engine::QueryError;
use crate::engine::context::Steps;
use crate::engine::extended::{Anchored, Extended};
use crate::engine::functions::{absent, dates, histograms, info, labels, math, sort, vector};
use crate::engine::over_time;
use crate::engine::rate::{Extrapolated, Instantaneous, RateKind};
use crate::engine::regression;
use crate::engine::resets::{Changes, Resets};
use crate::engine::selector::Aspect;
use crate::engine::window::{RangeCall, RangeFunction};

fn argument(call: &Call, place: usize) -> Result<&Expr, QueryError> {
    call.args.get(place).ok_or_else(|| {
        refused(format!("expected at least {} argument(s) in call to \"{}\"", place + 1, call.function.name))
    })
}

impl Planner<'_> {
    pub(super) fn call<'a>(&self, call: &'a Call, span: &'a Span, steps: Steps) -> Planned<'a> {
        let name = call.function.name;
        let statistics = match name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => true,
            "histogram_quantile"
            | "histogram_quantiles"
            | "histogram_fraction"
            | "histogram_stddev"
            | "histogram_stdvar" => false,
            _ => self.statistics,
        };
        Self { statistics, ..*self }.call_planned(call, span, steps)
    }

    fn call_planned<'a>(&self, call: &'a Call, span: &'a Span, steps: Steps) -> Planned<'a> {
        let name = call.function.name;
        if let Some(planned) = self.range_call(call, steps)? {
            return Ok(planned);
        }
        match name {
            "absent" => {
                let expr = argument(call, 0)?;
                Ok(Box::new(absent::Absent::new(self.vector(expr, steps)?, expr, steps)))
            }
            "timestamp" | "start_timestamp" => self.timestamp(call, steps),
            "vector" => Ok(Box::new(vector::OfScalar::new(self.scalar(argument(call, 0)?, steps)?, steps))),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                let inner = self.vector(argument(call, 0)?, steps)?;
                let by = call.args.iter().skip(1).map(text).collect::<Result<Vec<_>, _>>()?;
                let order = sort::Order { descending: name.ends_with("_desc"), labels: by };
                let by_value = !name.starts_with("sort_by_label");
                Ok(Box::new(sort::Sorted::new(inner, order, by_value, steps.count <= 1, span)))
            }
            "label_replace" => {
                let texts = call.args.iter().skip(1).map(literal).collect::<Result<Vec<_>, _>>()?;
                labels::replace(self.vector(argument(call, 0)?, steps)?, &texts)
            }
            "label_join" => {
                let texts = call.args.iter().skip(1).map(literal).collect::<Result<Vec<_>, _>>()?;
                labels::join(self.vector(argument(call, 0)?, steps)?, &texts)
            }
            "info" => info::plan(self, call, span, steps),
            "histogram_quantile" => {
                let scalars = vec![self.scalar(argument(call, 0)?, steps)?];
                let expr = argument(call, 1)?;
                let spans = (argument(call, 0)?.bare_span(), expr.bare_span());
                Ok(histograms::quantile(
                    self.vector(expr, steps)?,
                    scalars,
                    None,
                    steps,
                    self.delayed_name_removal,
                    spans,
                ))
            }
            "histogram_quantiles" => {
                let expr = argument(call, 0)?;
                let label = text(argument(call, 1)?)?;
                let quantiles = call.args.get(2..).unwrap_or(&[]);
                let scalars = quantiles
                    .iter()
                    .map(|quantile| self.scalar(quantile, steps))
                    .collect::<Result<_, _>>()?;
                let spans = (argument(call, 2)?.bare_span(), expr.bare_span());
                Ok(histograms::quantile(
                    self.vector(expr, steps)?,
                    scalars,
                    Some(label),
                    steps,
                    self.delayed_name_removal,
                    spans,
                ))
            }
            "histogram_fraction" => {
                let scalars =
                    vec![self.scalar(argument(call, 0)?, steps)?, self.scalar(argument(call, 1)?, steps)?];
                let expr = argument(call, 2)?;
                Ok(histograms::fraction(
                    self.vector(expr, steps)?,
                    scalars,
                    steps,
                    self.delayed_name_removal,
                    expr.bare_span(),
                ))
            }
            _ => self.mapped(call, steps),
        }
    }

    /// Functions of one vector, sample by sample.
    fn mapped<'a>(&self, call: &'a Call, steps: Steps) -> Planned<'a> {
        let name = call.function.name;
        if let Some(date) = dates::find(name) {
            let inner = match call.args.first() {
                Some(expr) => self.vector(expr, steps)?,
                None => Box::new(vector::OfScalar::new(crate::engine::scalar::Scalar::Time, steps)),
            };
            return Ok(Box::new(math::Mapped::new(inner, Vec::new(), steps, math::Change::Float(date))));
        }
        let change = match math::find(name) {
            Some(change) => change,
            None => match histograms::find(name) {
                Some(of) => math::Change::Histogram(of),
                None => return Err(refused(format!("unknown function with name \"{name}\""))),
            },
        };
        let inner = self.vector(argument(call, 0)?, steps)?;
        let scalars =
            call.args.iter().skip(1).map(|expr| self.scalar(expr, steps)).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(math::Mapped::new(inner, scalars, steps, change)))
    }

    /// `timestamp` of a selector tells when its samples were taken; of anything else, the evaluation time.
    fn timestamp<'a>(&self, call: &'a Call, steps: Steps) -> Planned<'a> {
        let expr = argument(call, 0)?;
        let start = call.function.name == "start_timestamp";
        if let ExprKind::VectorSelector(selector) = &expr.unwrap_parens().kind {
            let aspect = if start { Aspect::StartTimestamp } else { Aspect::Timestamp };
            let (once, repeat) = if steps.count > 1 && selector.modifiers.at.is_some() {
                (Steps::once(steps.start_ms), true)
            } else {
                (steps, false)
            };
            let planner = if repeat { Self { scope: self.scope.once(), ..*self } } else { *self };
            let inner =
                planner.instant_selector(selector, expr.bare_span(), once, aspect, call.function.name)?;
            let inner: crate::engine::column::BoxOperator<'a> =
                if repeat { Box::new(crate::engine::repeat::Repeated { inner, steps }) } else { inner };
            return Ok(Box::new(math::Mapped::new(inner, Vec::new(), steps, math::Change::Same)));
        }
        let change = if start { math::Change::Nothing } else { math::Change::Time };
        Ok(Box::new(math::Mapped::new(self.vector(expr, steps)?, Vec::new(), steps, change)))
    }

    /// Functions of a range; `None` when it is not one.
    fn range_call<'a>(
        &self,
        call: &'a Call,
        steps: Steps,
    ) -> Result<Option<crate::engine::column::BoxOperator<'a>>, QueryError> {
        let name = call.function.name;
        let Some(place) = call.args.iter().position(|arg| arg.value_type() == crate::ast::ValueType::Matrix)
        else {
            return Ok(None);
        };
        let range = argument(call, place)?;
        let mut spec = self.range(range, steps, name)?;
        let extension = spec.extension;
        check_extension(name, extension)?;
        if name == "absent_over_time" {
            return Ok(Some(Box::new(absent::Absent::over_time(spec, range, steps))));
        }
        let first_scalar = if place == 0 { 1 } else { 0 };
        let first_span = call.args.get(first_scalar).map(Expr::bare_span);
        if let ("quantile_over_time", Some(span)) = (name, first_span) {
            // There Prometheus's remarks are about the first argument.
            spec.span = span;
        }
        let mut scalars = Vec::new();
        for (index, expr) in call.args.iter().enumerate() {
            if index != place {
                scalars.push(self.scalar(expr, steps)?);
            }
        }
        let use_starts =
            self.use_start_timestamps && matches!(range.unwrap_parens().kind, ExprKind::MatrixSelector(_));
        let make = move || -> Option<Box<dyn RangeFunction + 'a>> {
            let function = range_function(name, extension, use_starts)?;
            Some(match (name, first_span) {
                ("quantile_over_time", Some(span)) => {
                    Box::new(over_time::CheckedQuantile { inner: function, span })
                }
                _ => function,
            })
        };
        if make().is_none() {
            return Err(refused(format!("unknown function with name \"{name}\"")));
        }
        // Whether there is one depends on nothing that changes.
        let make = move || make().unwrap_or_else(over_time::present);
        Ok(Some(RangeCall::plan(spec, make, name, scalars)))
    }
}

/// The function of that name.
fn range_function(
    name: &str,
    extension: Option<RangeExtension>,
    use_starts: bool,
) -> Option<Box<dyn RangeFunction>> {
    let rate = |counter, per_second| -> Box<dyn RangeFunction> {
        let kind = RateKind { counter, per_second };
        match extension {
            None => Box::new(Extrapolated::new(kind, use_starts)),
            Some(extension) => Box::new(Extended { kind, smoothed: extension == RangeExtension::Smoothed }),
        }
    };
    Some(match name {
        "rate" => rate(true, true),
        "increase" => rate(true, false),
        "delta" => rate(false, false),
        "irate" => Box::new(Instantaneous::new(RateKind { counter: true, per_second: true }, use_starts)),
        "idelta" => Box::new(Instantaneous::new(RateKind { counter: false, per_second: false }, false)),
        "resets" if extension.is_some() => Box::new(Anchored { function: Resets::new(use_starts) }),
        "resets" => Box::new(Resets::new(use_starts)),
        "changes" if extension.is_some() => Box::new(Anchored { function: Changes::default() }),
        "changes" => Box::new(Changes::default()),
        _ => return over_time::find(name).or_else(|| regression::find(name)),
    })
}

/// `anchored` and `smoothed` go with few functions.
fn check_extension(name: &str, extension: Option<RangeExtension>) -> Result<(), QueryError> {
    let (word, allowed): (&str, &[&str]) = match extension {
        None => return Ok(()),
        Some(RangeExtension::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
        Some(RangeExtension::Smoothed) => ("smoothed", &["delta", "increase", "rate"]),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    Err(refused(format!("{word} modifier can only be used with: {} - not with {name}", allowed.join(", "))))
}
