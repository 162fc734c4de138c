//! Go's `text/template` and `html/template` for rules and notifications.
//!
//! Flows in: the texts of templates, their functions, and data. Flows out: texts. The engine is a library whose values
//! know no methods, no types and no times: here templates are rewritten before they run, so that every field access
//! becomes a call that knows what `time.Time`, label sets and lists of alerts can do, a missing label is an empty text,
//! a misspelt field is an error, and everything is printed as Go prints it. It promises that what does not exist is
//! told before a template runs, and that one that runs is bounded. It never reads files and knows no clock.

pub mod args;
mod compare;
pub mod duration;
mod engine;
mod fields;
pub mod humanize;
pub mod json;
mod layout;
mod printing;
mod rewrite;
mod text;
pub mod time;
pub mod value;

pub use engine::{Dialect, Library, Mode, Problem};
pub use gotmpl::{FuncMap, SafeKind, TemplateError, Value, ValueFunc, url_encode};
pub use printing::printed;
pub use text::{go_lower, go_upper, regex};
