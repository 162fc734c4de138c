//! `series`, `labels`, `label/<name>/values`.

use crate::answer::{Packing, Page};
use crate::app::App;
use crate::error::ApiError;
use crate::format::{success, success_with_warnings, texts_response};
use crate::params::Params;
use axum::extract::{Path, State};
use axum::response::Response;
use std::collections::BTreeSet;
use std::sync::Arc;
use watchfire_model::{Labels, Matcher, Samples, TimeRange};
use watchfire_promql::{SelectHints, SourceError};

pub(crate) async fn series(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    // An empty selector is a faulty one, not an absent one.
    if params.all("match[]").next().is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let (limit, range, selectors) = (params.limit()?, params.range()?, params.matchers()?);
    let Some(range) = range else { return Ok(success(&[(); 0])) };
    app.blocking(move |app| {
        let mut found = BTreeSet::new();
        let mut warnings = Vec::new();
        let hints = SelectHints { labels_only: true, ..SelectHints::default() };
        for matchers in &selectors {
            let mut stream = app.source.select(matchers, range, &hints)?;
            let mut samples = Samples::default();
            while let Some(labels) = stream.next(&mut samples)? {
                found.insert(labels);
                if found.len() > limit {
                    break;
                }
            }
            warnings.extend(stream.warnings());
        }
        if found.len() > limit {
            warnings.push(TRUNCATED.to_owned());
        }
        let list: Vec<LabelMap<'_>> = found.iter().take(limit).map(LabelMap).collect();
        Ok(success_with_warnings(&list, &warnings))
    })
    .await
}

pub(crate) async fn labels(
    State(app): State<Arc<App>>,
    packing: Packing,
    params: Params,
) -> Result<Response, ApiError> {
    names(app, packing, params, |app, matchers, range| app.source.label_names(matchers, range)).await
}

pub(crate) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    packing: Packing,
    params: Params,
) -> Result<Response, ApiError> {
    let name = unescape_label_name(&name)?;
    names(app, packing, params, move |app, matchers, range| app.source.label_values(&name, matchers, range))
        .await
}

async fn names(
    app: Arc<App>,
    packing: Packing,
    params: Params,
    read: impl Fn(&App, &[Matcher], TimeRange) -> Result<Vec<String>, SourceError> + Send + 'static,
) -> Result<Response, ApiError> {
    let (limit, range, selectors) = (params.limit()?, params.range()?, params.matchers()?);
    let Some(range) = range else { return Ok(success(&[(); 0])) };
    app.written(packing, move |app| {
        let mut found = match selectors.as_slice() {
            [] => read(app, &[], range)?,
            selectors => {
                let mut all = BTreeSet::new();
                for matchers in selectors {
                    all.extend(read(app, matchers, range)?);
                }
                all.into_iter().collect()
            }
        };
        let mut warnings = Vec::new();
        if found.len() > limit {
            found.truncate(limit);
            warnings.push(TRUNCATED.to_owned());
        }
        Ok(move |page: &mut Page| texts_response(page, &found, &warnings))
    })
    .await
}

const TRUNCATED: &str = "results truncated due to limit";

/// A label name in a path: `U__` begins one whose unusual characters are written `_HEX_` (Prometheus's "values" escaping).
fn unescape_label_name(name: &str) -> Result<String, ApiError> {
    let invalid = || ApiError::bad_data(format!("invalid label name: {name:?}"));
    let Some(escaped) = name.strip_prefix("U__") else {
        return if name.is_empty() { Err(invalid()) } else { Ok(name.to_owned()) };
    };
    let mut out = String::new();
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('_') {
        out.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let (hex, after) = after.split_once('_').ok_or_else(invalid)?;
        let code = u32::from_str_radix(hex, 16).map_err(|_| invalid())?;
        out.push(char::from_u32(code).ok_or_else(invalid)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Labels as a JSON object.
pub(crate) struct LabelMap<'a>(pub(crate) &'a Labels);

impl serde::Serialize for LabelMap<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_label_names_are_read() {
        assert_eq!(unescape_label_name("job").unwrap(), "job");
        assert_eq!(unescape_label_name("U__http_2e_status_3a_sum").unwrap(), "http.status:sum");
        assert_eq!(unescape_label_name("U__a__b").unwrap(), "a_b");
        assert!(unescape_label_name("U__a_zz_").is_err());
    }
}
