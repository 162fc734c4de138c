//! Text to syntax tree.
//!
//! A query is read in one pass: [`lexer`] makes tokens on demand, [`expression`] and its siblings build the tree by
//! precedence climbing, and [`check`] then verifies types, as Prometheus does. The first error found is the first
//! that Prometheus reports, in its words and at its place. Depth and length are bounded, so that no text can exhaust
//! the stack, neither here nor in whatever walks the tree later.

mod call;
mod check;
mod duration;
mod expression;
pub mod functions;
mod lexer;
mod matching;
mod number;
mod postfix;
pub(crate) mod quote;
pub(crate) mod selector;
pub mod series;
pub(crate) mod token;

#[cfg(test)]
mod tests;

use crate::ast::{Expr, Span};
use expression::Parser;
use std::fmt;
use watchfire_model::{Labels, Matcher};

pub use series::{SequenceItem, SeriesDescription, parse_series};

/// The longest query that is read, in bytes.
pub const MAX_QUERY_BYTES: usize = 1 << 20;

/// How deeply parentheses, calls and signs may nest.
pub const MAX_NESTING: usize = 160;

/// How high a syntax tree may be. A chain such as `a + b + c` is as high as it has operators.
pub const MAX_HEIGHT: usize = 600;

/// Which experimental syntax is understood. Everything, by default; a server asks for less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// Functions and aggregations marked experimental (`promql-experimental-functions`).
    pub functions: bool,
    /// `anchored` and `smoothed` (`promql-extended-range-selectors`).
    pub range_extensions: bool,
    /// `fill`, `fill_left` and `fill_right` (`promql-binop-fill-modifiers`).
    pub fill_modifiers: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { functions: true, range_extensions: true, fill_modifiers: true }
    }
}

impl ParseOptions {
    /// What Prometheus understands when these features are enabled, by their names there (`--enable-feature`). Names of
    /// other things are passed over.
    pub fn of_features(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|found| found == name);
        Self {
            functions: has("promql-experimental-functions"),
            range_extensions: has("promql-extended-range-selectors"),
            fill_modifiers: has("promql-binop-fill-modifiers"),
        }
    }
}

/// Why a query is not PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Prometheus's text for it, without the place.
    pub message: String,
    /// The place.
    pub span: Span,
    /// The query, for the place in words.
    pub query: String,
    /// What may have been meant, such as `did you mean "rate"?`.
    pub hint: Option<String>,
}

impl ParseError {
    /// Line and column of the place, both from 1; the column counts bytes.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.query.as_bytes().get(..self.span.start).unwrap_or(self.query.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        // Prometheus counts the column of a place right at the end of `before` from 1.
        (line, before.len() - line_start + 1)
    }
}

/// As Prometheus's HTTP API prints it: `1:5: parse error: unexpected end of input`.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.query.is_empty() {
            return write!(f, "unknown position: parse error: {}", self.message);
        }
        let (line, column) = self.line_and_column();
        write!(f, "{line}:{column}: parse error: {}", self.message)
    }
}

impl std::error::Error for ParseError {}

/// Reads and type-checks a query.
pub fn parse(query: &str, options: ParseOptions) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query, options);
    let parsed = parser.whole_expression().and_then(|mut expr| {
        check::check(&mut expr, query)?;
        Ok(expr)
    });
    parsed.map_err(|fault| fault.into_error(query))
}

/// As [`parse`], of bytes that may not be UTF-8. Such bytes are allowed in comments only.
pub fn parse_bytes(query: &[u8], options: ParseOptions) -> Result<Expr, ParseError> {
    parse(&String::from_utf8_lossy(query), options)
}

/// Reads one series selector, such as a `match[]` parameter of the HTTP API: `metric{label=~"x.*"}`.
pub fn parse_metric_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let mut parser = Parser::new(text, ParseOptions::default());
    let parsed = parser.whole_selector().and_then(|expr| {
        check::check_selector(&expr.0, &expr.1)?;
        Ok(expr.0.matchers)
    });
    parsed.map_err(|fault| fault.into_error(text))
}

/// Reads the name and labels of one series: `metric{label="x"}`.
pub fn parse_metric(text: &str) -> Result<Labels, ParseError> {
    Parser::new(text, ParseOptions::default()).whole_metric().map_err(|fault| fault.into_error(text))
}

/// An error on its way out of the parser.
#[derive(Debug)]
struct Fault {
    message: String,
    span: Span,
    hint: Option<String>,
    /// An unexpected token, which the nearest enclosing construct that knows what it wanted may explain.
    unexplained: bool,
}

impl Fault {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), span, hint: None, unexplained: false }
    }

    /// Says in which construct an unexpected token was found, unless an inner one has said so.
    fn within(mut self, construct: &str, expected: &str) -> Self {
        if self.unexplained {
            self.unexplained = false;
            self.message.push_str(" in ");
            self.message.push_str(construct);
            if !expected.is_empty() {
                self.message.push_str(", expected ");
                self.message.push_str(expected);
            }
        }
        self
    }

    fn into_error(self, query: &str) -> ParseError {
        let query = if query.len() > MAX_QUERY_BYTES { String::new() } else { query.to_owned() };
        ParseError { message: self.message, span: self.span, query, hint: self.hint }
    }
}

impl From<lexer::LexError> for Fault {
    fn from(error: lexer::LexError) -> Self {
        Self::new(error.start..error.start, error.message)
    }
}
