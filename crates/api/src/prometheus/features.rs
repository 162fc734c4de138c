//! `features`: what this server can do, by area, as clients ask before they offer it.

use crate::app::App;
use crate::format::success;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use watchfire_promql::ast::AggregateOp;
use watchfire_promql::parser::functions::FUNCTIONS;

pub(crate) async fn features(State(app): State<Arc<App>>) -> Response {
    success(&list(&app))
}

fn list(app: &App) -> Value {
    let parse = app.parse;
    let functions: Map<String, Value> = FUNCTIONS
        .iter()
        .map(|function| (function.name.to_owned(), json!(!function.experimental || parse.functions)))
        .collect();
    let symbols = [
        "!=", "!~", "%", "*", "+", "-", "/", "<", "</", "<=", "==", "=~", ">", ">/", ">=", "@", "^", "and",
        "atan2", "or", "unless",
    ];
    let operators: Map<String, Value> = AggregateOp::ALL
        .iter()
        .map(|op| {
            let experimental = matches!(op, AggregateOp::Limitk | AggregateOp::LimitRatio);
            (op.as_str().to_owned(), json!(!experimental || parse.functions))
        })
        .chain(symbols.iter().map(|symbol| ((*symbol).to_owned(), json!(true))))
        .collect();
    json!({
        "api": {
            "admin": app.admin_enabled,
            "exclude_alerts": true,
            "label_values_match": true,
            "lifecycle": true,
            "openapi_3.1": true,
            "openapi_3.2": true,
            "otlp_write_receiver": false,
            "query_stats": true,
            "query_warnings": true,
            "remote_write_receiver": true,
            "search": app.search_enabled,
            "search_fuzz_alg_jarowinkler": true,
            "search_fuzz_alg_subsequence": true,
            "time_range_labels": true,
            "time_range_series": true,
        },
        "promql": {
            "anchored": parse.range_extensions,
            "at_modifier": true,
            "bool": true,
            "by": true,
            "delayed_name_removal": app.engine.options().delayed_name_removal,
            "duration_expr": true,
            "fill": parse.fill_modifiers,
            "fill_left": parse.fill_modifiers,
            "fill_right": parse.fill_modifiers,
            "group_left": true,
            "group_right": true,
            "ignoring": true,
            "negative_offset": true,
            "offset": true,
            "on": true,
            "per_query_lookback_delta": true,
            "per_step_stats": app.engine.options().per_step_stats,
            "smoothed": parse.range_extensions,
            "subqueries": true,
            "use_start_timestamps": app.engine.options().use_start_timestamps,
            "without": true,
        },
        "promql_functions": functions,
        "promql_operators": operators,
        "rules": {
            "concurrent_rule_eval": true,
            "keep_firing_for": true,
            "query_offset": true,
        },
        "service_discovery_providers": { "file": true, "static": true },
        "tsdb": {
            "exemplars": true,
            "native_histograms": true,
            "out_of_order_ingestion": true,
            "start_timestamps": true,
        },
    })
}
