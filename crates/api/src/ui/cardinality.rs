//! What the store holds, against its limits: memory, series and churn by owner, refusals with the label that exploded.

use crate::app::App;
use crate::error::ApiError;
use crate::format::json;
use crate::params::Params;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use watchfire_metrics::{AdmissionCounters, Cardinality, Holder, RefusedCount, StoreStats};

/// Entries of each list, unless the request says otherwise.
const LISTED: usize = 20;

pub(crate) async fn cardinality(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let limit = params.count("limit")?.filter(|limit| *limit > 0).unwrap_or(LISTED).min(10_000);
    app.blocking(move |app| {
        let report = app.store.cardinality(limit);
        let (admission, stats) = (app.store.admission(), app.store.stats(limit));
        Ok(json(body(&report, &admission, &stats, app.clock.now_ms()).to_string().into_bytes()))
    })
    .await
}

fn body(report: &Cardinality, admission: &AdmissionCounters, stats: &StoreStats, now_ms: i64) -> Value {
    let (memory, limits) = (report.memory, &report.limits);
    json!({
        "now_ms": now_ms,
        "memory": {
            "pressure": memory.pressure.as_str(),
            "ceiling_bytes": memory.ceiling_bytes,
            "used_bytes": memory.used_bytes,
            "live_bytes": memory.live_bytes,
            "flush_bytes": memory.flush_bytes,
            "overhead_bytes": memory.overhead_bytes,
            "resident_bytes": memory.resident_bytes,
            "soft_bytes": memory.soft_bytes,
            "hard_bytes": memory.hard_bytes,
            "head_bytes": stats.head_bytes,
        },
        "limits": {
            "series": limits.series,
            "series_per_target": limits.series_per_target,
            "series_per_job": limits.series_per_job,
            "series_per_tenant": limits.series_per_tenant,
            "tenant_label": limits.tenant_label,
        },
        "total": holder(&report.total),
        "made": admission.made,
        "forgotten": admission.forgotten,
        "counts": {
            "targets": report.target_count,
            "jobs": report.job_count,
            "tenants": report.tenant_count,
            "label_pairs": stats.label_pairs,
            "chunks": stats.head_chunks,
        },
        "targets": holders(&report.targets),
        "jobs": holders(&report.jobs),
        "tenants": holders(&report.tenants),
        "churning": holders(&report.churning),
        "refused": holders(&report.refused),
        "refused_counts": report.refused_counts.iter().map(refused_count).collect::<Vec<_>>(),
        "metrics": counts(&stats.series_by_metric),
        "labels": counts(&stats.values_by_label),
        "label_bytes": counts(&stats.bytes_by_label),
        "pairs": counts(&stats.series_by_pair),
        "samples": {
            "appended": stats.samples_appended,
            "refused": stats.samples_refused.iter().map(|(reason, samples)| json!({"reason": reason, "samples": samples})).collect::<Vec<_>>(),
        },
        "parts": {
            "count": stats.parts,
            "bytes": stats.part_bytes,
            "samples": stats.part_samples,
            "min_ms": stats.min_ms,
            "max_ms": stats.max_ms,
        },
        "corruptions": stats.corruptions,
        "compaction_failures": stats.compaction_failures,
        "read_only": stats.read_only,
    })
}

fn holders(holders: &[Holder]) -> Vec<Value> {
    holders.iter().map(holder).collect()
}

fn holder(holder: &Holder) -> Value {
    json!({
        "scope": holder.scope.as_str(),
        "name": holder.name,
        "instance": holder.instance,
        "series": holder.series,
        "limit": holder.limit,
        "made_per_hour": holder.made_per_hour,
        "forgotten_per_hour": holder.forgotten_per_hour,
        "refused_per_hour": holder.refused_per_hour,
        "last_refused_ms": holder.last_refused_ms,
        "culprit": holder.culprit.as_ref().map(|culprit| json!({
            "label": culprit.label,
            "values": culprit.values,
            "series": culprit.series,
            "is_exact": culprit.is_exact,
        })),
        "reason": holder.reason,
    })
}

fn refused_count(count: &RefusedCount) -> Value {
    json!({"scope": count.scope.as_str(), "job": count.job, "label": count.label, "refused": count.refused})
}

fn counts(list: &[(String, u64)]) -> Vec<Value> {
    list.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}
