//! `label_replace` and `label_join`.

use crate::ast::StringLiteral;
use crate::engine::QueryError;
use crate::engine::column::{BoxOperator, Operator, SeriesKey, StepVector};
use crate::engine::context::Context;
use crate::engine::merge::Merged;
use crate::engine::usage::SAMPLE_BYTES;
use watchfire_model::matcher::anchored;
use watchfire_model::{Labels, METRIC_NAME};

/// A function from labels to labels; `None` where they stay.
type Relabel<'a> = Box<dyn Fn(&Labels) -> Result<Option<Labels>, QueryError> + 'a>;

/// No label value becomes longer: a few nested calls could make one that fills any memory.
const MAX_VALUE_BYTES: usize = 1 << 20;
/// Labels up to this size count as part of their samples; of larger ones the query bears the rest.
const USUAL_BYTES: usize = 1 << 10;

fn check_value(function: &str, bytes: usize) -> Result<(), QueryError> {
    if bytes <= MAX_VALUE_BYTES {
        return Ok(());
    }
    let words =
        format!("a label value made by {function}() could have {bytes} bytes, {MAX_VALUE_BYTES} are allowed");
    Err(QueryError::Execution(words))
}

/// Changes the labels of each series.
struct Relabelled<'a> {
    inner: BoxOperator<'a>,
    relabel: Relabel<'a>,
    /// The label written is the metric name: it is meant to stay.
    names: bool,
}

impl<'a> Operator<'a> for Relabelled<'a> {
    fn next(&mut self, cx: &mut Context<'a>, out: &mut StepVector) -> Result<Option<SeriesKey>, QueryError> {
        let Some(key) = self.inner.next(cx, out)? else { return Ok(None) };
        let Some(labels) = (self.relabel)(&key.labels)? else { return Ok(Some(key)) };
        cx.hold(labels.as_bytes().len().saturating_sub(USUAL_BYTES) / SAMPLE_BYTES)?;
        Ok(Some(SeriesKey { labels, drop_name: key.drop_name && !self.names }))
    }
}

fn operator<'a>(inner: BoxOperator<'a>, relabel: Relabel<'a>, target: &str) -> BoxOperator<'a> {
    let relabelled = Relabelled { inner, relabel, names: target == METRIC_NAME };
    Box::new(Merged::new(Box::new(relabelled)))
}

/// The label that is written: any UTF-8 but nothing.
fn target<'a>(texts: &[&'a StringLiteral], function: &str) -> Result<&'a str, QueryError> {
    match texts.first() {
        Some(target) if target.is_label_name() => Ok(target.as_str()),
        _ => {
            let words = format!(
                "invalid destination label name in {function}(): {}",
                texts.first().map_or("", |target| target.as_str())
            );
            Err(QueryError::Execution(words))
        }
    }
}

fn argument<'a>(texts: &[&'a StringLiteral], place: usize) -> Result<&'a str, QueryError> {
    texts
        .get(place)
        .map(|text| text.as_str())
        .ok_or_else(|| QueryError::Execution("a label function lacks an argument".to_owned()))
}

/// `label_replace(v, target, replacement, source, pattern)`; a label that does not match stays as it is.
pub(crate) fn replace<'a>(
    inner: BoxOperator<'a>,
    texts: &[&'a StringLiteral],
) -> Result<BoxOperator<'a>, QueryError> {
    let replacement = argument(texts, 1)?;
    let (source, pattern) = (argument(texts, 2)?, argument(texts, 3)?);
    let broken =
        || QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}"));
    if texts.get(3).is_some_and(|pattern| !pattern.is_utf8()) {
        return Err(broken());
    }
    let regex = anchored(pattern).map_err(|_| broken())?;
    let target = target(texts, "label_replace")?;
    let references = replacement.matches('$').count();
    let relabel = move |labels: &Labels| {
        let source = labels.get(source).unwrap_or("");
        let Some(captures) = regex.captures(source) else { return Ok(None) };
        check_value(
            "label_replace",
            replacement.len().saturating_add(references.saturating_mul(source.len())),
        )?;
        let mut value = String::new();
        captures.expand(replacement, &mut value);
        let mut builder = labels.to_builder();
        Ok(Some(builder.set(target, value).build()))
    };
    Ok(operator(inner, Box::new(relabel), target))
}

/// `label_join(v, target, separator, source…)`
pub(crate) fn join<'a>(
    inner: BoxOperator<'a>,
    texts: &[&'a StringLiteral],
) -> Result<BoxOperator<'a>, QueryError> {
    let target = target(texts, "label_join")?;
    let separator = argument(texts, 1)?;
    let sources = texts.get(2..).unwrap_or(&[]);
    if let Some(source) = sources.iter().find(|source| !source.is_label_name()) {
        let words = format!("invalid source label name in label_join(): {}", source.as_str());
        return Err(QueryError::Execution(words));
    }
    let sources: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
    let relabel = move |labels: &Labels| {
        let values: Vec<&str> = sources.iter().map(|source| labels.get(source).unwrap_or("")).collect();
        let separators = separator.len().saturating_mul(values.len().saturating_sub(1));
        check_value(
            "label_join",
            values.iter().map(|value| value.len()).sum::<usize>().saturating_add(separators),
        )?;
        let mut builder = labels.to_builder();
        Ok(Some(builder.set(target, values.join(separator)).build()))
    };
    Ok(operator(inner, Box::new(relabel), target))
}
