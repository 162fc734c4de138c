//! The route table: everything that answers, what it asks of its caller, and how much it reads.

use crate::alerting::{backtest, explain, history, routes as tree, trial};
use crate::alertmanager::{alerts as am_alerts, general, silences};
use crate::app::App;
use crate::origin::Origin;
use crate::params::QueryParams;
use crate::people::{hooks, incidents, schedules};
use crate::prometheus::{
    admin, exemplars, features, federate, notifications, openapi, query, read, rules, search, self_metrics,
    series, status, targets,
};
use crate::route::{PUSH_LIMIT_BYTES, Route};
use crate::ui::{alerts, boot, cardinality, dashboards, queries, query as batch};
use crate::{ci, manage, pages, probes, push, training};
use axum::body::Bytes;
use axum::extract::{RawPathParams, State};
use http::HeaderMap;
use std::sync::Arc;
use watchfire_ci::ReportKind;
use watchfire_guard::Permission::{Admin, Open, Read, Signed, Write};
use watchfire_training::mlflow::Endpoint;

/// Bodies of those who are let in by a signature, which is over the whole body: anybody can make us read so much.
const HOOK_LIMIT_BYTES: usize = 1 << 20;

/// All routes.
pub fn routes() -> Vec<Route> {
    let mut table = vec![
        // Management, as in Prometheus.
        Route::get("/-/healthy", Open, manage::healthy),
        Route::get("/-/ready", Open, manage::ready),
        Route::post("/-/reload", Admin, manage::reload),
        Route::put("/-/reload", Admin, manage::reload),
        Route::get("/-/reload", Open, manage::only_post_or_put),
        Route::get("/-/quit", Open, manage::only_post_or_put),
        Route::post("/-/quit", Admin, manage::quit),
        Route::put("/-/quit", Admin, manage::quit),
        Route::get("/metrics", Read, manage::metrics),
        Route::get("/federate", Read, federate::federate),
        Route::get("/version", Read, status::version),
        // blackbox_exporter's.
        Route::get("/probe", Read, probes::probe),
        // Prometheus's HTTP API.
        Route::get("/api/v1/query", Read, query::instant),
        Route::post("/api/v1/query", Read, query::instant),
        Route::get("/api/v1/query_range", Read, query::range),
        Route::post("/api/v1/query_range", Read, query::range),
        Route::get("/api/v1/format_query", Read, query::format_query),
        Route::post("/api/v1/format_query", Read, query::format_query),
        Route::get("/api/v1/parse_query", Read, query::parse_query),
        Route::post("/api/v1/parse_query", Read, query::parse_query),
        Route::get("/api/v1/query_exemplars", Read, exemplars::query),
        Route::post("/api/v1/query_exemplars", Read, exemplars::query),
        Route::get("/api/v1/series", Read, series::series),
        Route::post("/api/v1/series", Read, series::series),
        Route::get("/api/v1/labels", Read, series::labels),
        Route::post("/api/v1/labels", Read, series::labels),
        Route::get("/api/v1/label/{name}/values", Read, series::label_values),
        Route::get("/api/v1/search/metric_names", Read, search::metric_names),
        Route::post("/api/v1/search/metric_names", Read, search::metric_names),
        Route::get("/api/v1/search/label_names", Read, search::label_names),
        Route::post("/api/v1/search/label_names", Read, search::label_names),
        Route::get("/api/v1/search/label_values", Read, search::label_values),
        Route::post("/api/v1/search/label_values", Read, search::label_values),
        Route::get("/api/v1/metadata", Read, targets::metadata),
        Route::get("/api/v1/targets", Read, targets::targets),
        Route::get("/api/v1/targets/metadata", Read, targets::target_metadata),
        Route::get("/api/v1/targets/relabel_steps", Read, targets::relabel_steps),
        Route::get("/api/v1/scrape_pools", Read, targets::scrape_pools),
        Route::get("/api/v1/rules", Read, rules::rules),
        Route::get("/api/v1/alerts", Read, rules::alerts),
        // Incidents, and who is on call.
        Route::get("/api/v1/incidents", Read, incidents::list),
        Route::get("/api/v1/incidents/{id}", Read, incidents::one),
        Route::post("/api/v1/incidents/{id}/acknowledge", Write, incidents::acknowledge),
        Route::post("/api/v1/incidents/{id}/unacknowledge", Write, incidents::unacknowledge),
        Route::post("/api/v1/incidents/{id}/note", Write, incidents::note),
        Route::post("/api/v1/incidents/{id}/escalate", Write, incidents::escalate),
        Route::get("/api/v1/schedules", Read, schedules::list),
        Route::get("/api/v1/schedules/{name}", Read, schedules::one),
        Route::get("/api/v1/schedules/{name}/calendar.ics", Read, schedules::calendar),
        Route::post("/api/v1/schedules/{name}/overrides", Write, schedules::add_override),
        Route::delete("/api/v1/schedules/{name}/overrides/{id}", Write, schedules::remove_override),
        Route::post("/hooks/pagerduty", Signed, hooks::pagerduty).with_body_limit(HOOK_LIMIT_BYTES),
        Route::post("/hooks/slack", Signed, hooks::slack).with_body_limit(HOOK_LIMIT_BYTES),
        Route::get("/api/v1/alertmanagers", Read, targets::alertmanagers),
        Route::get("/api/v1/status/config", Read, status::config),
        Route::get("/api/v1/status/flags", Read, status::flags),
        Route::get("/api/v1/status/runtimeinfo", Read, status::runtimeinfo),
        Route::get("/api/v1/status/buildinfo", Read, status::buildinfo),
        Route::get("/api/v1/status/walreplay", Read, status::walreplay),
        Route::get("/api/v1/status/tsdb", Read, status::tsdb),
        Route::get("/api/v1/status/tsdb/blocks", Read, status::blocks),
        Route::get("/api/v1/status/self_metrics", Read, self_metrics::list),
        Route::get("/api/v1/features", Read, features::features),
        Route::get("/api/v1/notifications", Read, notifications::list),
        Route::get("/api/v1/notifications/live", Read, notifications::live),
        Route::get("/api/v1/openapi.yaml", Read, openapi::document),
        Route::post("/api/v1/read", Read, read::read).with_body_limit(PUSH_LIMIT_BYTES),
        Route::post("/api/v1/admin/tsdb/compact", Admin, admin::compact),
        Route::post("/api/v1/admin/tsdb/delete_series", Admin, admin::delete_series),
        Route::put("/api/v1/admin/tsdb/delete_series", Admin, admin::delete_series),
        Route::post("/api/v1/admin/tsdb/clean_tombstones", Admin, admin::clean_tombstones),
        Route::put("/api/v1/admin/tsdb/clean_tombstones", Admin, admin::clean_tombstones),
        Route::post("/api/v1/admin/tsdb/snapshot", Admin, admin::snapshot),
        Route::put("/api/v1/admin/tsdb/snapshot", Admin, admin::snapshot),
        Route::post("/api/v1/write", Write, push::remote_write).with_body_limit(PUSH_LIMIT_BYTES),
        Route::post("/api/v1/import/prometheus", Write, push::exposition).with_body_limit(PUSH_LIMIT_BYTES),
        // Pushgateway's.
        Route::put("/metrics/{*group}", Write, push::put_group).with_body_limit(PUSH_LIMIT_BYTES),
        Route::post("/metrics/{*group}", Write, push::post_group).with_body_limit(PUSH_LIMIT_BYTES),
        Route::delete("/metrics/{*group}", Write, push::delete_group),
        // Alerting beyond Prometheus and Alertmanager.
        Route::get("/api/v1/alerts/history", Read, history::history),
        Route::get("/api/v1/alerts/statistics", Read, history::statistics),
        Route::get("/api/v1/alerts/explain", Read, explain::explain),
        Route::post("/api/v1/receivers/test", Admin, trial::trial),
        Route::get("/api/v1/routes", Read, tree::tree),
        Route::post("/api/v1/rules/backtest", Read, backtest::backtest),
        Route::get("/api/v1/routes/test", Read, tree::test),
        Route::post("/api/v1/routes/test", Read, tree::test_posted),
        // Builds, tests and deployments.
        report("/api/v1/ci/junit", ReportKind::Junit),
        report("/api/v1/ci/cobertura", ReportKind::Cobertura),
        report("/api/v1/ci/lcov", ReportKind::Lcov),
        Route::post("/hooks/github", Signed, ci::github),
        Route::post("/hooks/gitlab", Signed, ci::gitlab),
        // Training runs.
        Route::get("/api/v1/training/experiments", Read, training::runs::experiments),
        Route::get("/api/v1/training/runs", Read, training::runs::list),
        Route::get("/api/v1/training/runs/{id}", Read, training::runs::one),
        Route::post("/api/v1/training/runs/{id}", Write, training::runs::change),
        Route::delete("/api/v1/training/runs/{id}", Write, training::runs::delete),
        Route::post("/api/v1/training/runs/{id}/restore", Write, training::runs::restore),
        Route::get("/api/v1/training/runs/{id}/metrics", Read, training::lines::of_run),
        Route::get("/api/v1/training/compare", Read, training::lines::compare),
        // Our own API, for the web UI.
        Route::get("/api/ui/v1/boot", Read, boot::boot),
        Route::get("/api/ui/v1/targets", Read, targets::detailed_targets),
        Route::get("/api/ui/v1/status/runtimeinfo", Read, status::detailed_runtimeinfo),
        Route::get("/api/ui/v1/status/buildinfo", Read, status::detailed_buildinfo),
        Route::get("/api/ui/v1/dashboards", Read, dashboards::list),
        Route::get("/api/ui/v1/dashboards/{uid}", Read, dashboards::one),
        Route::post("/api/ui/v1/query", Read, batch::query),
        Route::get("/api/ui/v1/queries", Read, queries::list),
        Route::post("/api/ui/v1/queries/{id}/kill", Admin, queries::kill),
        Route::get("/api/ui/v1/cardinality", Read, cardinality::cardinality),
        Route::get("/api/ui/v1/deliveries", Read, alerts::deliveries),
        Route::get("/api/ui/v1/alerts/count", Read, alerts::count),
        // The web UI's files. They hold no telemetry.
        Route::get("/assets/{*path}", Open, pages::asset),
        Route::get("/favicon.svg", Open, pages::icon),
        Route::get("/graph", Open, pages::graph),
        Route::get("/watchfire.py", Open, pages::python_helper),
    ];
    // Alertmanager's HTTP API, as if it were this server and as if it were mounted on it.
    macro_rules! alertmanager {
        ($($prefix:literal),*) => {
            [$(
                Route::get(concat!($prefix, "/api/v2/status"), Read, general::status),
                Route::get(concat!($prefix, "/api/v2/receivers"), Read, general::receivers),
                Route::get(concat!($prefix, "/api/v2/alerts"), Read, am_alerts::list),
                Route::post(concat!($prefix, "/api/v2/alerts"), Write, am_alerts::post)
                    .with_body_limit(PUSH_LIMIT_BYTES),
                Route::get(concat!($prefix, "/api/v2/alerts/groups"), Read, am_alerts::groups),
                Route::get(concat!($prefix, "/api/v2/silences"), Read, silences::list),
                Route::post(concat!($prefix, "/api/v2/silences"), Write, silences::post),
                Route::get(concat!($prefix, "/api/v2/silence/{id}"), Read, silences::one),
                Route::delete(concat!($prefix, "/api/v2/silence/{id}"), Write, silences::expire),
            )*]
        };
    }
    table.extend(alertmanager!("", "/alertmanager"));
    table.extend([
        Route::get("/alertmanager/api/v1/{*path}", Read, general::gone),
        Route::post("/alertmanager/api/v1/{*path}", Write, general::gone),
        Route::delete("/alertmanager/api/v1/{*path}", Write, general::gone),
        Route::get("/alertmanager/-/healthy", Open, manage::healthy),
        Route::get("/alertmanager/-/ready", Open, manage::ready),
        Route::post("/alertmanager/-/reload", Admin, manage::reload),
        Route::get("/alertmanager/metrics", Read, manage::metrics),
    ]);
    table.extend(mlflow());
    // Its pages, each of which starts from the same file.
    for page in [
        "/",
        "/d/{uid}",
        "/d/{uid}/{slug}",
        "/dashboards",
        "/explore",
        "/alerts",
        "/alerts/deliveries",
        "/alerts/explain",
        "/alerts/history",
        "/alerts/incidents",
        "/alerts/incidents/{id}",
        "/alerts/routing",
        "/alerts/schedules",
        "/alerts/silences",
        "/alerts/silences/{id}",
        "/alerts/silences/{id}/edit",
        "/rules",
        "/rules/backtest",
        "/targets",
        "/training",
        "/training/compare",
        "/training/runs/{id}",
        "/queries",
        "/storage",
        "/status",
    ] {
        table.push(Route::get(page, Open, pages::index));
    }
    table
}

/// A report of tests or coverage.
fn report(path: &'static str, kind: ReportKind) -> Route {
    let handler = move |app: State<Arc<App>>, params: QueryParams, headers: HeaderMap, body: Bytes| {
        ci::upload(kind, app, params, headers, body)
    };
    Route::post(path, Write, handler).with_body_limit(PUSH_LIMIT_BYTES)
}

/// MLflow's tracking protocol.
fn mlflow() -> Vec<Route> {
    macro_rules! endpoints {
        ($($method:ident $path:literal $permission:ident $endpoint:ident,)*) => {
            vec![$(Route::$method(
                concat!("/api/2.0/mlflow/", $path),
                $permission,
                |app: State<Arc<App>>, named: RawPathParams, params: QueryParams, origin: Origin, body: Bytes| {
                    training::mlflow::serve(Endpoint::$endpoint, app, named, params, origin, body)
                },
            ),)*]
        };
    }
    let mut table = endpoints! {
        post "experiments/create" Write ExperimentsCreate,
        get "experiments/get" Read ExperimentsGet,
        get "experiments/get-by-name" Read ExperimentsGetByName,
        get "experiments/list" Read ExperimentsSearch,
        get "experiments/search" Read ExperimentsSearch,
        post "experiments/search" Read ExperimentsSearch,
        post "experiments/update" Write ExperimentsUpdate,
        post "experiments/delete" Write ExperimentsDelete,
        post "experiments/restore" Write ExperimentsRestore,
        post "experiments/set-experiment-tag" Write ExperimentsSetTag,
        post "experiments/delete-experiment-tag" Write ExperimentsDeleteTag,
        post "runs/create" Write RunsCreate,
        get "runs/get" Read RunsGet,
        post "runs/update" Write RunsUpdate,
        post "runs/delete" Write RunsDelete,
        post "runs/restore" Write RunsRestore,
        post "runs/search" Read RunsSearch,
        post "runs/log-metric" Write RunsLogMetric,
        post "runs/log-batch" Write RunsLogBatch,
        post "runs/log-parameter" Write RunsLogParameter,
        post "runs/log-inputs" Write RunsLogInputs,
        post "runs/log-model" Write RunsLogModel,
        post "runs/set-tag" Write RunsSetTag,
        post "runs/delete-tag" Write RunsDeleteTag,
        post "runs/outputs" Write RunsLogOutputs,
        post "logged-models" Write ModelsCreate,
        post "logged-models/search" Read ModelsSearch,
        get "logged-models/{model_id}" Read ModelsGet,
        patch "logged-models/{model_id}" Write ModelsFinalize,
        delete "logged-models/{model_id}" Write ModelsDelete,
        post "logged-models/{model_id}/params" Write ModelsLogParams,
        patch "logged-models/{model_id}/tags" Write ModelsSetTags,
        delete "logged-models/{model_id}/tags/{tag_key}" Write ModelsDeleteTag,
        get "logged-models/{model_id}/artifacts/directories" Read ModelsFiles,
        get "metrics/get-history" Read MetricsGetHistory,
        get "metrics/get-history-bulk" Read MetricsGetHistoryBulk,
        get "artifacts/list" Read ArtifactsList,
    };
    macro_rules! missing {
        ($($path:literal),*) => {
            [$(
                Route::get($path, Read, training::mlflow::missing),
                Route::post($path, Write, training::mlflow::missing),
                Route::put($path, Write, training::mlflow::missing).with_body_limit(PUSH_LIMIT_BYTES),
            )*]
        };
    }
    table.push(Route::get("/api/2.0/mlflow-artifacts/artifacts", Read, training::mlflow::no_files));
    table.extend(missing!(
        "/api/2.0/mlflow/{*path}",
        "/api/2.0/mlflow-artifacts/{*path}",
        "/api/3.0/mlflow/{*path}"
    ));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use watchfire_guard::Permission;

    #[test]
    fn every_route_declares_a_permission_that_fits_what_it_does() {
        let mut seen = BTreeSet::new();
        for route in routes() {
            assert!(seen.insert(format!("{} {}", route.method, route.path)), "{route:?} stands twice");
            let path = route.path.strip_prefix("/alertmanager").unwrap_or(route.path);
            let telemetry = path.starts_with("/api/")
                // What batch jobs push.
                || path.starts_with("/metrics/")
                || matches!(path, "/metrics" | "/federate" | "/version" | "/probe");
            assert_eq!(
                telemetry,
                !matches!(route.permission, Permission::Open | Permission::Signed)
                    && !path.starts_with("/-/"),
                "{route:?}"
            );
            let manages = path == "/-/reload" || path == "/-/quit";
            if path.starts_with("/api/v1/admin/") || manages && !route.method.is_safe() {
                assert_eq!(route.permission, Permission::Admin, "{route:?}");
            }
            if route.permission >= Permission::Write {
                assert!(!route.method.is_safe(), "{route:?} changes something");
            }
            assert!((1..=PUSH_LIMIT_BYTES).contains(&route.body_limit_bytes), "{route:?}");
        }
        assert!(seen.len() > 30);
    }
}
