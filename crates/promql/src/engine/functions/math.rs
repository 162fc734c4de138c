//! Functions of one sample at a time: mathematics, trigonometry, clamps, rounding.

use crate::engine::QueryError;
use crate::engine::column::{BoxOperator, Operator, Point, SeriesKey, StepVector};
use crate::engine::context::{Context, Steps};
use crate::engine::scalar::{Scalar, ScalarColumn};
use std::f64::consts::LN_2;
use watchfire_model::Histogram;

/// What happens to a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// A function of floats; histograms disappear.
    Float(fn(f64) -> f64),
    /// A function of floats and the scalar arguments; `None` takes the sample away.
    FloatWith(fn(f64, [Option<f64>; 2]) -> Option<f64>),
    /// A function of histograms; floats disappear.
    Histogram(fn(&Histogram) -> f64),
    /// The evaluation time in seconds.
    Time,
    /// The sample stays.
    Same,
    /// No sample stays.
    Nothing,
}

/// Beyond this, `asinh` and `acosh` are the logarithm of the double to the last bit, and the double may overflow.
const LARGE: f64 = (1_u64 << 28) as f64;

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<Change> {
    Some(Change::Float(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => |value| {
            if value.abs() > LARGE { (value.abs().ln() + LN_2).copysign(value) } else { value.asinh() }
        },
        "acosh" => |value| if value > LARGE { value.ln() + LN_2 } else { value.acosh() },
        "atanh" => f64::atanh,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "sgn" => sign,
        "clamp" => return Some(Change::FloatWith(clamp)),
        "clamp_min" => {
            return Some(Change::FloatWith(|value, [min, _]| Some(larger(value, min.unwrap_or(value)))));
        }
        "clamp_max" => {
            return Some(Change::FloatWith(|value, [max, _]| Some(smaller(value, max.unwrap_or(value)))));
        }
        "round" => return Some(Change::FloatWith(round)),
        _ => return None,
    }))
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Like Go's `math.Max`: infinity wins, then NaN, and zero is more than minus zero.
pub(crate) fn larger(left: f64, right: f64) -> f64 {
    if left == f64::INFINITY || right == f64::INFINITY {
        f64::INFINITY
    } else if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if left == right {
        if left.is_sign_negative() { right } else { left }
    } else if left > right {
        left
    } else {
        right
    }
}

/// Like Go's `math.Min`: minus infinity wins, then NaN, and minus zero is less than zero.
pub(crate) fn smaller(left: f64, right: f64) -> f64 {
    -larger(-left, -right)
}

fn clamp(value: f64, [min, max]: [Option<f64>; 2]) -> Option<f64> {
    let (min, max) = (min?, max?);
    if max < min { None } else { Some(larger(min, smaller(max, value))) }
}

/// Rounds to the nearest multiple; ties go up.
fn round(value: f64, [nearest, _]: [Option<f64>; 2]) -> Option<f64> {
    // Dividing by the inverse keeps results such as 0.3 exact.
    let inverse = 1.0 / nearest.unwrap_or(1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}

/// The operator of all of them.
pub(crate) struct Mapped<'a> {
    inner: BoxOperator<'a>,
    scalars: Vec<Scalar<'a>>,
    columns: Option<Vec<ScalarColumn>>,
    steps: Steps,
    change: Change,
}

impl<'a> Mapped<'a> {
    pub(crate) fn new(
        inner: BoxOperator<'a>,
        scalars: Vec<Scalar<'a>>,
        steps: Steps,
        change: Change,
    ) -> Self {
        Self { inner, scalars, columns: None, steps, change }
    }
}

impl<'a> Operator<'a> for Mapped<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        if self.columns.is_none() {
            let columns = self
                .scalars
                .iter_mut()
                .map(|scalar| scalar.evaluate(cx, self.steps))
                .collect::<Result<_, _>>()?;
            self.columns = Some(columns);
        }
        loop {
            let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
            self.apply(out);
            if out.any_present() {
                return Ok(Some(key.nameless()));
            }
        }
    }
}

impl Mapped<'_> {
    fn apply(&self, out: &mut StepVector) {
        match self.change {
            Change::Float(of) => out.map_floats(of),
            Change::FloatWith(of) => {
                out.drop_histograms();
                let columns = self.columns.as_deref().unwrap_or(&[]);
                let argument = |place: usize, step: usize| columns.get(place).map(|column| column.get(step));
                for (step, (value, present)) in out.values.iter_mut().zip(&mut out.present).enumerate() {
                    if *present {
                        match of(*value, [argument(0, step), argument(1, step)]) {
                            Some(result) => *value = result,
                            None => *present = false,
                        }
                    }
                }
            }
            Change::Histogram(of) => {
                for step in 0..out.len() {
                    match out.get(step) {
                        Some(Point::Histogram(histogram)) => {
                            let value = of(histogram);
                            out.set_float(step, value);
                        }
                        Some(Point::Float(_)) => out.clear_at(step),
                        None => {}
                    }
                }
                out.histograms.clear();
            }
            Change::Time => {
                out.histograms.clear();
                for (value, time_ms) in out.values.iter_mut().zip(self.steps.times()) {
                    *value = time_ms as f64 / 1_000.0;
                }
            }
            Change::Same => {}
            Change::Nothing => out.reset(out.len()),
        }
    }
}

#[cfg(test)]
mod tests;
