//! `label_replace` and `label_join`.

use crate::engine::QueryError;
use crate::engine::annotations::quoted;
use crate::engine::column::{BoxOperator, Operator, SeriesKey, StepVector};
use crate::engine::context::Context;
use crate::engine::merge::Merged;
use watchfire_model::matcher::anchored;
use watchfire_model::{Labels, METRIC_NAME};

/// A function from labels to labels.
type Relabel<'a> = Box<dyn Fn(&Labels) -> Option<Labels> + 'a>;

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
        Ok(Some(match (self.relabel)(&key.labels) {
            Some(labels) => SeriesKey { labels, drop_name: key.drop_name && !self.names },
            None => key,
        }))
    }
}

fn operator<'a>(inner: BoxOperator<'a>, relabel: Relabel<'a>, target: &str) -> BoxOperator<'a> {
    let relabelled = Relabelled { inner, relabel, names: target == METRIC_NAME };
    Box::new(Merged::new(Box::new(relabelled)))
}

fn argument<'a>(texts: &[&'a str], place: usize) -> Result<&'a str, QueryError> {
    texts
        .get(place)
        .copied()
        .ok_or_else(|| QueryError::Execution("a label function lacks an argument".to_owned()))
}

/// `label_replace(v, target, replacement, source, pattern)`; a label that does not match stays as it is.
pub(crate) fn replace<'a>(inner: BoxOperator<'a>, texts: &[&'a str]) -> Result<BoxOperator<'a>, QueryError> {
    let (target, replacement) = (argument(texts, 0)?, argument(texts, 1)?);
    let (source, pattern) = (argument(texts, 2)?, argument(texts, 3)?);
    let regex = anchored(pattern).map_err(|_| {
        QueryError::Execution(format!("invalid regular expression in label_replace(): {pattern}"))
    })?;
    if target.is_empty() {
        return Err(QueryError::Execution(format!(
            "invalid destination label name in label_replace(): {target}"
        )));
    }
    let relabel = move |labels: &Labels| {
        let captures = regex.captures(labels.get(source).unwrap_or(""))?;
        let mut value = String::new();
        captures.expand(replacement, &mut value);
        let mut builder = labels.to_builder();
        Some(builder.set(target, value).build())
    };
    Ok(operator(inner, Box::new(relabel), target))
}

/// `label_join(v, target, separator, source…)`
pub(crate) fn join<'a>(inner: BoxOperator<'a>, texts: &[&'a str]) -> Result<BoxOperator<'a>, QueryError> {
    let (target, separator) = (argument(texts, 0)?, argument(texts, 1)?);
    let sources: Vec<&str> = texts.iter().skip(2).copied().collect();
    if target.is_empty() {
        return Err(QueryError::Execution(format!(
            "invalid destination label name in label_join(): {target}"
        )));
    }
    if let Some(source) = sources.iter().find(|source| source.is_empty()) {
        let words =
            format!("invalid source label name in label_join(): {}", quoted(source).trim_matches('"'));
        return Err(QueryError::Execution(words));
    }
    let relabel = move |labels: &Labels| {
        let values: Vec<&str> = sources.iter().map(|source| labels.get(source).unwrap_or("")).collect();
        let mut builder = labels.to_builder();
        Some(builder.set(target, values.join(separator)).build())
    };
    Ok(operator(inner, Box::new(relabel), target))
}
