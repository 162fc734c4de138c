//! `query_exemplars`: the exemplars of the series that a query selects.

use crate::app::App;
use crate::error::ApiError;
use crate::format::{float_text, push_labels, push_string, push_timestamp};
use crate::params::Params;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use watchfire_metrics::Exemplar;
use watchfire_model::{Labels, Matcher};
use watchfire_promql::Expr;
use watchfire_promql::ast::ExprKind;

pub(crate) async fn query(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let Some(range) = params.range()? else {
        return Err(ApiError::bad_data("end timestamp must not be before start timestamp"));
    };
    let text = params.get("query").unwrap_or_default();
    let expr =
        watchfire_promql::parse(text, app.parse).map_err(|error| ApiError::bad_data(error.to_string()))?;
    let mut selectors = Vec::new();
    collect(&expr, &mut selectors);
    if selectors.is_empty() {
        // As Prometheus answers a query that is about no series.
        return Ok(crate::format::json(b"{\"status\":\"success\"}".to_vec()));
    }
    app.blocking(move |app| {
        let progress = app.store.replay_progress();
        let found = app.store.exemplars(&selectors, range);
        Ok(crate::format::json(answer(&found, !progress.done)))
    })
    .await
}

/// The conditions of every selector in an expression.
fn collect(expr: &Expr, selectors: &mut Vec<Vec<Matcher>>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
        ExprKind::VectorSelector(selector) => selectors.push(selector.matchers.clone()),
        ExprKind::MatrixSelector(matrix) => selectors.push(matrix.selector.matchers.clone()),
        ExprKind::Subquery(subquery) => collect(&subquery.expr, selectors),
        ExprKind::Call(call) => call.args.iter().for_each(|arg| collect(arg, selectors)),
        ExprKind::Aggregate(aggregate) => {
            collect(&aggregate.expr, selectors);
            if let Some(param) = &aggregate.param {
                collect(param, selectors);
            }
        }
        ExprKind::Binary(binary) => {
            collect(&binary.left, selectors);
            collect(&binary.right, selectors);
        }
        ExprKind::Unary(unary) => collect(&unary.expr, selectors),
        ExprKind::Paren(inner) => collect(inner, selectors),
    }
}

/// `[{"seriesLabels":{…},"exemplars":[{"labels":{…},"value":"…","timestamp":…}]}]`
fn answer(found: &[(Labels, Vec<Exemplar>)], partial: bool) -> Vec<u8> {
    let mut out = b"{\"status\":\"success\",\"data\":[".to_vec();
    for (index, (series, exemplars)) in found.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"seriesLabels\":" } else { b"{\"seriesLabels\":" });
        push_labels(&mut out, series);
        out.extend_from_slice(b",\"exemplars\":[");
        for (index, exemplar) in exemplars.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",{\"labels\":" } else { b"{\"labels\":" });
            push_labels(&mut out, &exemplar.labels);
            out.extend_from_slice(b",\"value\":");
            push_string(&mut out, &float_text(exemplar.value));
            out.extend_from_slice(b",\"timestamp\":");
            push_timestamp(&mut out, exemplar.timestamp_ms);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b']');
    if partial {
        out.extend_from_slice(b",\"warnings\":[\"the log is still being read back after a start\"]");
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(query: &str) -> Vec<String> {
        let expr = watchfire_promql::parse(query, watchfire_promql::ParseOptions::default()).unwrap();
        let mut found = Vec::new();
        collect(&expr, &mut found);
        let shown = found.iter().map(|matchers| matchers.iter().map(ToString::to_string).collect::<Vec<_>>());
        shown.map(|matchers| matchers.join(",")).collect()
    }

    #[test]
    fn every_selector_of_a_query_counts_wherever_it_stands() {
        let query = "histogram_quantile(0.9, sum by (le) (rate(a{x=\"1\"}[5m]))) + -(topk(scalar(b), c)) > max_over_time(d[1h:5m])";
        let found = selectors(query);
        assert_eq!(found.len(), 4, "{found:?}");
        for metric in ["a", "b", "c", "d"] {
            let name = format!("__name__=\"{metric}\"");
            assert_eq!(found.iter().filter(|found| found.contains(&name)).count(), 1, "{found:?}");
        }
        assert_eq!(selectors("1 + time()"), [""; 0]);
    }

    #[test]
    fn the_answer_has_prometheus_shape() {
        let exemplar = |value, timestamp_ms| Exemplar {
            labels: Labels::from_pairs([("traceID", "EpTxMJ40fUus7aGY")]),
            value,
            timestamp_ms,
        };
        let series = Labels::from_pairs([("__name__", "m"), ("job", "a\"b")]);
        let found =
            [(series, vec![exemplar(6.0, 1_600_096_945_479), exemplar(f64::INFINITY, 1_600_096_946_000)])];
        assert_text(
            &answer(&found, false),
            r#"{"status":"success","data":[{"seriesLabels":{"__name__":"m","job":"a\"b"},"exemplars":[{"labels":{"traceID":"EpTxMJ40fUus7aGY"},"value":"6","timestamp":1600096945.479},{"labels":{"traceID":"EpTxMJ40fUus7aGY"},"value":"+Inf","timestamp":1600096946}]}]}"#,
        );
        assert_text(
            &answer(&[], true),
            r#"{"status":"success","data":[],"warnings":["the log is still being read back after a start"]}"#,
        );
    }

    fn assert_text(found: &[u8], expected: &str) {
        assert_eq!(std::str::from_utf8(found).unwrap(), expected);
    }
}
