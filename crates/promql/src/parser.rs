//! Text to syntax tree.

pub mod functions;

use crate::ast::{Expr, Span};

/// Which experimental syntax is allowed. Everything, by default.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions {
    /// Functions and aggregations marked experimental.
    pub experimental: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { experimental: true }
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
}

/// Reads and type-checks a query.
pub fn parse(query: &str, options: ParseOptions) -> Result<Expr, ParseError> {
    let _ = options;
    Err(ParseError { message: "unexpected end of input".to_owned(), span: 0..0, query: query.to_owned() })
}
