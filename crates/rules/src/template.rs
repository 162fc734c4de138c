//! Templates in labels and annotations: Go's `text/template` with Prometheus's functions.
//!
//! `$labels`, `$value`, `$externalLabels` and `$externalURL` are set before the text begins. A label that is not there
//! is an empty text, as in a Go `map[string]string` with `missingkey=zero`; a field that the data does not have is an
//! error. Both come from a rewrite of the syntax tree, because the template engine's own maps know only one of them.

mod duration;
mod functions;
mod humanize;
mod printing;
mod rewrite;

use gotmpl::{FuncMap, Template, TemplateError, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use watchfire_model::Labels;

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

/// Templates whose ranges go on longer than this are cut off with an error.
const MAX_RANGE_ITERATIONS: u64 = 1_000_000;

/// A template ready to be executed many times.
pub(crate) enum Compiled {
    /// Without any action: the text itself.
    Plain(String),
    Template(Arc<Template>),
}

impl Compiled {
    /// Reads a template of the rule named `rule`.
    pub(crate) fn new(rule: &str, text: &str, around: &Surroundings) -> Result<Self, TemplateProblem> {
        if !text.contains("{{") {
            return Ok(Self::Plain(text.to_owned()));
        }
        let slot = Arc::new(OnceLock::<Weak<Template>>::new());
        let mut funcs: FuncMap = functions::all(around);
        funcs.insert("tmpl".to_owned(), functions::tmpl(Arc::clone(&slot)));
        let template = Arc::new(compile(rule, text, funcs)?);
        // Nobody else has seen the slot yet.
        let _ = slot.set(Arc::downgrade(&template));
        Ok(Self::Template(template))
    }

    /// Fills a template in.
    pub(crate) fn expand(&self, rule: &str, data: &Value) -> Result<String, String> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Template(template) => template
                .execute_template_to_string(template.name(), data)
                .map_err(|error| format!("error executing template {}: {error}", name_of(rule))),
        }
    }
}

fn name_of(rule: &str) -> String {
    format!("__alert_{rule}")
}

fn compile(rule: &str, text: &str, funcs: FuncMap) -> Result<Template, TemplateProblem> {
    let name = name_of(rule);
    let source = format!("{PRELUDE}{text}");
    let problem = |error: &TemplateError| {
        let offset = match error {
            TemplateError::Parse { line, col, .. } | TemplateError::Lex { line, col, .. } => {
                offset_of(&source, *line, *col).and_then(|offset| offset.checked_sub(PRELUDE.len()))
            }
            _ => None,
        };
        TemplateProblem { message: format!("error parsing template {name}: {error}"), offset }
    };
    let known: Vec<String> = funcs.keys().cloned().collect();
    Template::new(&name).parse(&source).map_err(|error| problem(&error))?;
    let parsed = Template::new(&name)
        .max_range_iters(MAX_RANGE_ITERATIONS)
        .funcs(funcs)
        .parse(&format!("{source}{}", rewrite::LAST))
        .map_err(|error| problem(&error))?;
    rewrite::rewrite(parsed, &known).map_err(|unknown| TemplateProblem {
        message: format!("error parsing template {name}: template: {name}: {}", unknown.message),
        offset: unknown.offset.checked_sub(PRELUDE.len()),
    })
}

fn offset_of(source: &str, line: usize, column: usize) -> Option<usize> {
    let mut start = 0;
    for (index, text) in source.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let chars = column.saturating_sub(1);
            return Some(start + text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte));
        }
        start += text.len();
    }
    None
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
    let entries = [
        ("Labels", labels_value(labels)),
        ("ExternalLabels", labels_value(&around.external_labels)),
        ("ExternalURL", Value::String(around.external_url.as_str().into())),
        ("Value", Value::Float(value)),
    ];
    map_value(entries)
}

fn labels_value(labels: &Labels) -> Value {
    map_value(labels.iter().map(|(name, value)| (name, Value::String(value.into()))))
}

fn map_value<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let map: BTreeMap<Arc<str>, Value> =
        entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Value::Map(Arc::new(map))
}

#[cfg(test)]
mod tests;
