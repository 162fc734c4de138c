//! PromQL: text in, vectors out.
//!
//! Flows in: a query, an evaluation time or range, and a [`Source`] of series. Flows out: a value, warnings and infos,
//! all with byte positions into the query. It promises Prometheus 3's answers, down to the last bit where Prometheus
//! is deterministic, and that every query is bounded in samples and time. It never knows how series are stored.

pub mod ast;
pub mod cache;
pub mod engine;
pub mod parser;
pub mod printer;
pub mod source;
pub mod testing;
pub mod value;

pub use ast::Expr;
pub use cache::{CacheCounts, QueryCache};
pub use engine::{Engine, EngineOptions, Query, QueryError};
pub use parser::{ParseError, ParseOptions, parse};
pub use printer::{pretty, to_json};
pub use source::{SelectHints, SeriesStream, Source, SourceError, Split};
pub use value::{Annotation, Annotations, QueryResult, Value};
