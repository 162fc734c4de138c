//! Scripts run: each query asked in every way that must give the same answer.

use super::script::{Command, Eval, Expected, When};
use super::storage::MemorySource;
use super::{Failure, FileScore, compare, engine_options, pin};
use crate::engine::{Engine, EngineOptions, Query};
use crate::value::{QueryResult, Value, VectorSample};
use crate::{Expr, ParseOptions, parse};
use std::panic::{AssertUnwindSafe, catch_unwind};

const MINUTE_MS: i64 = 60_000;

/// Runs the commands in order.
pub(super) fn run(commands: &[Command]) -> FileScore {
    let engine = Engine::new(engine_options());
    let helped = Engine::new(EngineOptions { threads: 3, eager_threads: true, ..engine_options() });
    let mut source = MemorySource::new();
    let mut score = FileScore::default();
    for command in commands {
        match command {
            Command::Clear => source = MemorySource::new(),
            Command::Load(load) => source.load(load),
            Command::Eval(eval) => {
                score.evals += 1;
                match (Runner { engine: &engine, helped: &helped, source: &source, eval }).run() {
                    Ok(()) => score.passed += 1,
                    Err(reason) => {
                        score.failures.push(Failure { line: eval.line, expr: eval.expr.clone(), reason });
                    }
                }
            }
        }
    }
    score
}

struct Runner<'a> {
    engine: &'a Engine,
    /// The same with several threads, which must answer to the last bit the same.
    helped: &'a Engine,
    source: &'a MemorySource,
    eval: &'a Eval,
}

impl Runner<'_> {
    fn run(&self) -> Result<(), String> {
        let parsed = guarded(|| parse(&self.eval.expr, ParseOptions::default()))?;
        let expr = match parsed {
            Ok(expr) => expr,
            Err(error) => return self.failed(&error.message),
        };
        match self.eval.when {
            When::Instant(at_ms) => self.instant_in_every_way(&expr, at_ms),
            When::Range { start_ms, end_ms, step_ms } => {
                let query = Query::range(expr, start_ms, end_ms, step_ms);
                let Some(result) = self.ask(&query)? else { return Ok(()) };
                match (&self.eval.value, &result.value) {
                    (Expected::Series(series), Value::Matrix(found)) => {
                        compare::matrix(series, start_ms, step_ms, found)
                    }
                    // A scalar over time is one series without labels.
                    (_, found) => Err(mismatch(&self.eval.value, found)),
                }
            }
        }
    }

    fn instant_in_every_way(&self, expr: &Expr, at_ms: i64) -> Result<(), String> {
        let dependence = pin::dependence(expr);
        self.instant(expr, at_ms, dependence)?;
        if dependence.evaluation_time || dependence.query_times {
            return Ok(());
        }
        let pinned = pin::pinned(expr, at_ms);
        let times: &[i64] =
            if at_ms == 0 { &[-1000, 0, 1000] } else { &[-10 * at_ms, 0, at_ms / 5, at_ms, 10 * at_ms] };
        for &time_ms in times {
            self.instant(&pinned, time_ms, dependence)
                .map_err(|reason| format!("with @ {at_ms}ms, asked at {time_ms}ms: {reason}"))?;
        }
        Ok(())
    }

    fn instant(&self, expr: &Expr, at_ms: i64, dependence: pin::Dependence) -> Result<(), String> {
        let Some(result) = self.ask(&Query::instant(expr.clone(), at_ms))? else { return Ok(()) };
        let eval = self.eval;
        match (&eval.value, &result.value) {
            (Expected::String(expected), Value::String { value, .. }) => {
                return if expected == value {
                    Ok(())
                } else {
                    Err(format!("{value:?}; expected {expected:?}"))
                };
            }
            (Expected::RangeVector { start_ms, step_ms, series }, Value::Matrix(found)) => {
                return compare::matrix(series, *start_ms, *step_ms, found);
            }
            (Expected::Scalar(expected), Value::Scalar { value, .. }) => scalar(*expected, *value)?,
            (Expected::Series(series), Value::Vector(found)) => compare::vector(series, eval.ordered, found)?,
            (expected, found) => return Err(mismatch(expected, found)),
        }
        if eval.ordered || dependence.query_times {
            return Ok(());
        }
        self.as_middle_of_range(expr, at_ms).map_err(|reason| format!("as a range query: {reason}"))
    }

    /// Asks the same as a range query of three steps and looks at the one in the middle.
    fn as_middle_of_range(&self, expr: &Expr, at_ms: i64) -> Result<(), String> {
        let query = Query::range(expr.clone(), at_ms - MINUTE_MS, at_ms + MINUTE_MS, MINUTE_MS);
        let result = self.evaluate(&query)?.map_err(|error| format!("the error {error:?}"))?;
        let Value::Matrix(found) = &result.value else {
            return Err(format!("a {}; expected a range vector", result.value.value_type().as_str()));
        };
        compare::sorted(found)?;
        let mut middle = Vec::new();
        for series in found {
            if let Some((timestamp_ms, value)) = series.samples.iter().find(|(time, _)| *time == at_ms) {
                middle.push(VectorSample { labels: series.labels.clone(), timestamp_ms, value });
            }
        }
        match &self.eval.value {
            Expected::Series(series) => compare::vector(series, false, &middle),
            Expected::Scalar(expected) => match middle.as_slice() {
                [VectorSample { value: watchfire_model::SampleValue::Float(value), .. }] => {
                    scalar(*expected, *value)
                }
                _ => Err(format!("{} series; expected one", middle.len())),
            },
            expected => Err(mismatch(expected, &result.value)),
        }
    }

    /// Asks once and checks errors and annotations; `None` when it failed and was meant to.
    fn ask(&self, query: &Query) -> Result<Option<QueryResult>, String> {
        let result = match self.evaluate(query)? {
            Ok(result) => result,
            Err(error) => return self.failed(&error).map(|()| None),
        };
        if self.eval.fail.is_some() {
            return Err("an answer; expected an error".to_owned());
        }
        let (warnings, infos) = result.annotations.render(&self.eval.expr);
        compare::annotations(&self.eval.warnings, "warning", &warnings)?;
        compare::annotations(&self.eval.infos, "info", &infos)?;
        Ok(Some(result))
    }

    /// The engine's answer or error; a panic is the outer error.
    fn evaluate(&self, query: &Query) -> Result<Result<QueryResult, String>, String> {
        let ask = |engine: &Engine| {
            let mut answer = engine.evaluate(query, self.source).map_err(|error| error.to_string());
            // Several threads hold more at once.
            answer.iter_mut().for_each(|result| result.peak_samples = 0);
            answer
        };
        let alone = guarded(|| ask(self.engine))?;
        let helped = guarded(|| ask(self.helped))?;
        let (shown, also) = (format!("{alone:?}"), format!("{helped:?}"));
        if shown == also { Ok(alone) } else { Err(format!("{also} with several threads; {shown} with one")) }
    }

    fn failed(&self, error: &str) -> Result<(), String> {
        match &self.eval.fail {
            None => Err(format!("the error {error:?}")),
            Some(patterns) => match patterns.iter().find(|pattern| !pattern.matches(error)) {
                Some(pattern) => Err(format!("the error {error:?}; expected {pattern:?}")),
                None => Ok(()),
            },
        }
    }
}

fn scalar(expected: f64, found: f64) -> Result<(), String> {
    if compare::floats_match(expected, found) { Ok(()) } else { Err(format!("{found}; expected {expected}")) }
}

fn mismatch(expected: &Expected, found: &Value) -> String {
    let expected = match expected {
        Expected::Series(series) if series.is_empty() => "an empty vector",
        Expected::Series(_) => "a vector",
        Expected::RangeVector { .. } => "a range vector",
        Expected::Scalar(_) => "a scalar",
        Expected::String(_) => "a string",
    };
    format!("a {}; expected {expected}", found.value_type().as_str())
}

/// Runs code under test; a panic becomes a reason.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without a text");
        format!("a panic: {text}")
    })
}
