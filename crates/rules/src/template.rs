//! Templates in labels and annotations: Go's `text/template` with Prometheus's functions.
//!
//! `$labels`, `$value`, `$externalLabels` and `$externalURL` are set before the text begins. A label that is not there
//! is an empty text, as in a Go `map[string]string` with `missingkey=zero`; a field that the data does not have is an
//! error.

mod functions;

use std::sync::{Arc, OnceLock, Weak};
use watchfire_model::Labels;
use watchfire_templates::value::{map, structure, text};
use watchfire_templates::{Dialect, Library, Value};

/// One sample that a template's `query` finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TemplateSample {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// Runs a query for a template, at the time of the rule's evaluation.
pub(crate) type TemplateQuery = Arc<dyn Fn(&str) -> Result<Vec<TemplateSample>, String> + Send + Sync>;

/// What is the same for all templates of one evaluation.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) external_labels: Labels,
    pub(crate) external_url: String,
    pub(crate) now_ms: i64,
    pub(crate) query: TemplateQuery,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateProblem {
    /// One line, in Go's words where there are such.
    pub(crate) message: String,
    /// The byte in the text where it was noticed, if known.
    pub(crate) offset: Option<usize>,
}

const PRELUDE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                       {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// A template ready to be executed many times.
pub(crate) enum Compiled {
    /// Without any action: the text itself.
    Plain(String),
    /// The library holds the text under the rule's name.
    Template(Arc<Library>),
}

impl Compiled {
    /// Reads a template of the rule named `rule`.
    pub(crate) fn new(rule: &str, text: &str, around: &Surroundings) -> Result<Self, TemplateProblem> {
        if !text.contains("{{") {
            return Ok(Self::Plain(text.to_owned()));
        }
        let slot = Arc::new(OnceLock::<Weak<Library>>::new());
        let mut functions = functions::all(around);
        functions.insert("tmpl".to_owned(), functions::tmpl(Arc::clone(&slot)));
        let mut library = Library::new(Dialect::Rules, functions);
        let name = name_of(rule);
        library.add(&name, &format!("{PRELUDE}{text}")).map_err(|problem| TemplateProblem {
            message: format!("error parsing template {name}: {}", problem.message),
            offset: problem.offset.and_then(|offset| offset.checked_sub(PRELUDE.len())),
        })?;
        let library = Arc::new(library);
        // Nobody else has seen the slot yet.
        let _ = slot.set(Arc::downgrade(&library));
        Ok(Self::Template(library))
    }

    /// Fills a template in.
    pub(crate) fn expand(&self, rule: &str, data: &Value) -> Result<String, String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Template(library) => {
                let name = name_of(rule);
                library.call(&name, data).map_err(|error| format!("error executing template {name}: {error}"))
            }
        }
    }
}

fn name_of(rule: &str) -> String {
    format!("__alert_{rule}")
}

/// Whether a text is a sound template; it is not executed.
pub(crate) fn check(rule: &str, text: &str) -> Result<(), TemplateProblem> {
    let around = Surroundings {
        external_labels: Labels::empty(),
        external_url: String::new(),
        now_ms: 0,
        query: Arc::new(|_| Ok(Vec::new())),
    };
    Compiled::new(rule, text, &around).map(drop)
}

/// The data of an alert's templates.
pub(crate) fn data(labels: &Labels, value: f64, around: &Surroundings) -> Value {
    structure(
        "template data",
        [
            ("Labels", labels_value(labels)),
            ("ExternalLabels", labels_value(&around.external_labels)),
            ("ExternalURL", text(&around.external_url)),
            ("Value", Value::Float(value)),
        ],
    )
}

fn labels_value(labels: &Labels) -> Value {
    map(labels.iter().map(|(name, value)| (name, Value::String(value.into()))))
}

#[cfg(test)]
mod tests;
