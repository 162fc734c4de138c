//! PromQL's functions: names, argument types, results.

use crate::ast::ValueType;

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

/// All functions, sorted by name.
pub static FUNCTIONS: &[Function] = &[];

/// Finds a function by name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}
