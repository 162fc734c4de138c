//! PromQL's functions: names, argument types, results.

use crate::ast::ValueType;
use crate::ast::ValueType::{Matrix, Scalar, String, Vector};

/// What a function takes and gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments; the last one repeats or may be left out as `variadic` says.
    pub args: &'static [ValueType],
    /// 0: exactly `args`. `n > 0`: the last argument may be left out, or given up to `n` times. -1: any number of times.
    pub variadic: i32,
    /// The type of its result.
    pub returns: ValueType,
    /// Behind a feature flag in Prometheus.
    pub experimental: bool,
}

impl Function {
    const fn stable(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Self {
        Self { name, args, variadic: 0, returns, experimental: false }
    }

    const fn experimental(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Self {
        Self { name, args, variadic: 0, returns, experimental: true }
    }

    const fn variadic(mut self, variadic: i32) -> Self {
        self.variadic = variadic;
        self
    }

    /// How few arguments are enough.
    pub const fn min_args(&self) -> usize {
        if self.variadic == 0 { self.args.len() } else { self.args.len().saturating_sub(1) }
    }

    /// How many arguments are allowed; `None` when there is no limit.
    pub const fn max_args(&self) -> Option<usize> {
        match self.variadic {
            0 => Some(self.args.len()),
            limit if limit > 0 => Some(self.args.len().saturating_sub(1) + limit.unsigned_abs() as usize),
            _ => None,
        }
    }

    /// The type the argument at `index` must have; the last type stands for all after it.
    pub fn arg_type(&self, index: usize) -> Option<ValueType> {
        self.args.get(index).or(self.args.last()).copied()
    }
}

/// All functions, sorted by name.
pub static FUNCTIONS: &[Function] = &[
    Function::stable("abs", &[Vector], Vector),
    Function::stable("absent", &[Vector], Vector),
    Function::stable("absent_over_time", &[Matrix], Vector),
    Function::stable("acos", &[Vector], Vector),
    Function::stable("acosh", &[Vector], Vector),
    Function::stable("asin", &[Vector], Vector),
    Function::stable("asinh", &[Vector], Vector),
    Function::stable("atan", &[Vector], Vector),
    Function::stable("atanh", &[Vector], Vector),
    Function::stable("avg_over_time", &[Matrix], Vector),
    Function::stable("ceil", &[Vector], Vector),
    Function::stable("changes", &[Matrix], Vector),
    Function::stable("clamp", &[Vector, Scalar, Scalar], Vector),
    Function::stable("clamp_max", &[Vector, Scalar], Vector),
    Function::stable("clamp_min", &[Vector, Scalar], Vector),
    Function::stable("cos", &[Vector], Vector),
    Function::stable("cosh", &[Vector], Vector),
    Function::stable("count_over_time", &[Matrix], Vector),
    Function::stable("day_of_month", &[Vector], Vector).variadic(1),
    Function::stable("day_of_week", &[Vector], Vector).variadic(1),
    Function::stable("day_of_year", &[Vector], Vector).variadic(1),
    Function::stable("days_in_month", &[Vector], Vector).variadic(1),
    Function::stable("deg", &[Vector], Vector),
    Function::stable("delta", &[Matrix], Vector),
    Function::stable("deriv", &[Matrix], Vector),
    Function::experimental("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector),
    Function::experimental("end", &[], Scalar),
    Function::stable("exp", &[Vector], Vector),
    Function::stable("first_over_time", &[Matrix], Vector),
    Function::stable("floor", &[Vector], Vector),
    Function::stable("histogram_avg", &[Vector], Vector),
    Function::stable("histogram_count", &[Vector], Vector),
    Function::stable("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    Function::stable("histogram_quantile", &[Scalar, Vector], Vector),
    Function::experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], Vector).variadic(9),
    Function::stable("histogram_stddev", &[Vector], Vector),
    Function::stable("histogram_stdvar", &[Vector], Vector),
    Function::stable("histogram_sum", &[Vector], Vector),
    Function::stable("hour", &[Vector], Vector).variadic(1),
    Function::stable("idelta", &[Matrix], Vector),
    Function::stable("increase", &[Matrix], Vector),
    Function::experimental("info", &[Vector, Vector], Vector).variadic(1),
    Function::stable("irate", &[Matrix], Vector),
    Function::stable("label_join", &[Vector, String, String, String], Vector).variadic(-1),
    Function::stable("label_replace", &[Vector, String, String, String, String], Vector),
    Function::stable("last_over_time", &[Matrix], Vector),
    Function::stable("ln", &[Vector], Vector),
    Function::stable("log10", &[Vector], Vector),
    Function::stable("log2", &[Vector], Vector),
    Function::experimental("mad_over_time", &[Matrix], Vector),
    Function::experimental("max_of", &[Scalar, Scalar], Scalar),
    Function::stable("max_over_time", &[Matrix], Vector),
    Function::experimental("min_of", &[Scalar, Scalar], Scalar),
    Function::stable("min_over_time", &[Matrix], Vector),
    Function::stable("minute", &[Vector], Vector).variadic(1),
    Function::stable("month", &[Vector], Vector).variadic(1),
    Function::stable("pi", &[], Scalar),
    Function::stable("predict_linear", &[Matrix, Scalar], Vector),
    Function::stable("present_over_time", &[Matrix], Vector),
    Function::stable("quantile_over_time", &[Scalar, Matrix], Vector),
    Function::stable("rad", &[Vector], Vector),
    Function::experimental("range", &[], Scalar),
    Function::stable("rate", &[Matrix], Vector),
    Function::stable("resets", &[Matrix], Vector),
    Function::stable("round", &[Vector, Scalar], Vector).variadic(1),
    Function::stable("scalar", &[Vector], Scalar),
    Function::stable("sgn", &[Vector], Vector),
    Function::stable("sin", &[Vector], Vector),
    Function::stable("sinh", &[Vector], Vector),
    Function::stable("sort", &[Vector], Vector),
    Function::experimental("sort_by_label", &[Vector, String], Vector).variadic(-1),
    Function::experimental("sort_by_label_desc", &[Vector, String], Vector).variadic(-1),
    Function::stable("sort_desc", &[Vector], Vector),
    Function::stable("sqrt", &[Vector], Vector),
    Function::experimental("start", &[], Scalar),
    Function::experimental("start_timestamp", &[Vector], Vector),
    Function::stable("stddev_over_time", &[Matrix], Vector),
    Function::stable("stdvar_over_time", &[Matrix], Vector),
    Function::experimental("step", &[], Scalar),
    Function::stable("sum_over_time", &[Matrix], Vector),
    Function::stable("tan", &[Vector], Vector),
    Function::stable("tanh", &[Vector], Vector),
    Function::stable("time", &[], Scalar),
    Function::stable("timestamp", &[Vector], Vector),
    Function::experimental("ts_of_first_over_time", &[Matrix], Vector),
    Function::experimental("ts_of_last_over_time", &[Matrix], Vector),
    Function::experimental("ts_of_max_over_time", &[Matrix], Vector),
    Function::experimental("ts_of_min_over_time", &[Matrix], Vector),
    Function::stable("vector", &[Scalar], Vector),
    Function::stable("year", &[Vector], Vector).variadic(1),
];

/// Finds a function by name.
pub fn find(name: &str) -> Option<&'static Function> {
    let index = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    FUNCTIONS.get(index)
}

/// The function or aggregation whose name is closest to a misspelt one, if any is close.
pub fn nearest(name: &str) -> Option<&'static str> {
    // Farther apart, a guess would puzzle more than help.
    const FARTHEST: usize = 2;
    if name.len() > 40 {
        return None;
    }
    let aggregations = crate::ast::AggregateOp::ALL.iter().map(|op| op.as_str());
    let names = FUNCTIONS.iter().map(|function| function.name).chain(aggregations);
    names
        .map(|known| (edit_distance(name, known), known))
        .filter(|(distance, known)| *distance <= FARTHEST && *distance < known.len())
        // Of equally close names, one that only goes on is likelier than another word.
        .min_by_key(|(distance, known)| (*distance, !known.starts_with(name)))
        .map(|(_, known)| known)
}

/// How many letters must be changed, added or dropped to get from one word to the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.bytes().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(to.bytes()) {
            let changed = diagonal + usize::from(!letter.eq_ignore_ascii_case(&other));
            diagonal = *cell;
            left = changed.min(*cell + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}
