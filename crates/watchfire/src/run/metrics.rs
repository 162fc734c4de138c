//! The program's own metrics. Names that dashboards and alerts of Prometheus and Alertmanager use are kept.

mod bounds;
mod exemplars;
mod groups;
mod http;

use watchfire_api::App;
use watchfire_model::MetricType::{Counter, Gauge, Summary};
use watchfire_wire::exposition::write::{Family, Point, Writer};
use watchfire_wire::exposition::{Entry, Format, Parser};

/// All of them.
pub(crate) fn exposition(app: &App, format: Format) -> String {
    let mut writer = Writer::new(format);
    let families = program(app)
        .into_iter()
        .chain(crate::process::families())
        .chain(http::families(app))
        .chain(queries(app));
    for family in families
        .chain(scraping(app))
        .chain(storage(app))
        .chain(tiers(app))
        .chain(bounds::families(app))
        .chain(exemplars::families(app))
        .chain(groups::families(app))
        .chain(training(app))
    {
        writer.family(&family);
    }
    let mut text = String::new();
    app.rules.write_metrics(&mut text);
    app.alerting.write_metrics(&mut text);
    app.senders.write_metrics(&mut text);
    app.scrape.discovery().write_metrics(&mut text);
    app.heartbeat.write_metrics(&mut text);
    app.calendars.write_metrics(&mut text);
    copy(&text, &mut writer);
    writer.finish()
}

/// Writes what a room says about itself in the text format again, in the format that is asked for.
fn copy(text: &str, writer: &mut Writer) {
    let mut helped = (String::new(), String::new());
    for entry in Parser::new(text, Format::Text) {
        match entry {
            Ok(Entry::Help { family, help }) => helped = (family.into_owned(), help.into_owned()),
            Ok(Entry::Type { family, kind }) => {
                let help = if helped.0 == family { helped.1.as_str() } else { "" };
                writer.metadata(&family, kind, help);
            }
            Ok(Entry::Sample(sample)) => {
                writer.sample(&sample.to_labels(), sample.value, sample.timestamp_ms)
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "own metrics are not well formed"),
        }
    }
}

fn one(name: &'static str, kind: watchfire_model::MetricType, help: &'static str, value: f64) -> Family {
    let mut family = Family::new(name, kind, help);
    family.push([], value);
    family
}

fn program(app: &App) -> Vec<Family> {
    let (last_reload_ms, is_good) = app.control.last_reload();
    let mut build = Family::new("watchfire_build_info", Gauge, "What this binary is.");
    build.push([("version", app.build.version), ("revision", app.build.revision)], 1.0);
    let mut as_alertmanager =
        Family::new("alertmanager_build_info", Gauge, "What serves Alertmanager's API.");
    as_alertmanager.push([("version", app.build.version), ("revision", app.build.revision)], 1.0);
    vec![
        build,
        one(
            "watchfire_config_last_reload_successful",
            Gauge,
            "Whether the last reading of the configuration went well.",
            f64::from(u8::from(is_good)),
        ),
        one(
            "watchfire_config_last_reload_success_timestamp_seconds",
            Gauge,
            "When the configuration was last read well.",
            last_reload_ms as f64 / 1000.0,
        ),
        // The same reading takes the Alertmanager configuration, too.
        one(
            "alertmanager_config_last_reload_successful",
            Gauge,
            "Whether the last reading of the configuration went well.",
            f64::from(u8::from(is_good)),
        ),
        one(
            "alertmanager_config_last_reload_success_timestamp_seconds",
            Gauge,
            "When the configuration was last read well.",
            last_reload_ms as f64 / 1000.0,
        ),
        as_alertmanager,
    ]
}

fn training(app: &App) -> Vec<Family> {
    let (kept, refused) = app.training.counts();
    vec![
        one(
            "watchfire_training_values_total",
            Counter,
            "Values of training metrics that were taken in, those sent again among them.",
            kept as f64,
        ),
        one(
            "watchfire_training_samples_refused_total",
            Counter,
            "Samples of training metrics that the store refused.",
            refused as f64,
        ),
        one(
            "watchfire_training_event_file_faults_total",
            Counter,
            "Pieces of event files that were left out, because they are damaged or were refused.",
            app.training.faults() as f64,
        ),
    ]
}

/// Queries from outside; the rules' own are not among them.
fn queries(app: &App) -> Vec<Family> {
    let counts = app.query_metrics.snapshot();
    let mut durations = Family::new(
        "prometheus_engine_query_duration_seconds",
        Summary,
        "Seconds that queries waited for a slot (queue_time) and were evaluated (inner_eval).",
    );
    for (slice, seconds) in [("inner_eval", counts.evaluated_s), ("queue_time", counts.queued_s)] {
        for (suffix, value) in [("_sum", seconds), ("_count", counts.finished as f64)] {
            let labels = vec![("slice".into(), slice.to_owned())];
            durations.points.push(Point { suffix, labels, value, ..Point::default() });
        }
    }
    let cache = app.cache.counts();
    vec![
        one(
            "watchfire_query_cache_hits_total",
            Counter,
            "Range queries of which a part at least was kept.",
            cache.hits as f64,
        ),
        one(
            "watchfire_query_cache_misses_total",
            Counter,
            "Range queries that may be kept, and of which nothing was.",
            cache.misses as f64,
        ),
        one(
            "watchfire_query_cache_steps_total",
            Counter,
            "Steps of range queries that were kept and so not evaluated.",
            cache.steps as f64,
        ),
        one("watchfire_query_cache_bytes", Gauge, "Bytes that kept answers take.", cache.bytes as f64),
        one(
            "prometheus_engine_queries",
            Gauge,
            "Queries running or waiting for a slot.",
            counts.running as f64,
        ),
        one(
            "prometheus_engine_queries_concurrent_max",
            Gauge,
            "How many queries may run at once.",
            app.limits.concurrency as f64,
        ),
        one(
            "prometheus_engine_query_samples_total",
            Counter,
            "Samples that queries read.",
            counts.samples_read as f64,
        ),
        durations,
    ]
}

fn scraping(app: &App) -> Vec<Family> {
    let stats = app.scrape.stats();
    let counter = |name, help, value: u64| one(name, Counter, help, value as f64);
    vec![
        counter(
            "watchfire_scrape_missed_ticks_total",
            "Turns of the timetable that no scrape took.",
            stats.missed_ticks,
        ),
        counter("watchfire_scrapes_failed_total", "Scrapes that failed.", stats.failed),
        counter("watchfire_scrapes_timed_out_total", "Scrapes that took too long.", stats.timed_out),
        counter(
            "watchfire_scrapes_unparsable_total",
            "Scrapes whose body could not be read.",
            stats.unparsable,
        ),
        counter(
            "prometheus_target_scrapes_exceeded_body_size_limit_total",
            "Scrapes whose body was too large.",
            stats.exceeded_body_size_limit,
        ),
        counter(
            "prometheus_target_scrapes_exceeded_sample_limit_total",
            "Scrapes with too many samples.",
            stats.exceeded_sample_limit,
        ),
        counter(
            "prometheus_target_scrape_pool_exceeded_target_limit_total",
            "Scrapes not made because their job has too many targets.",
            stats.exceeded_target_limit,
        ),
        counter(
            "watchfire_scrapes_exceeded_label_limits_total",
            "Scrapes with too many or too long labels.",
            stats.exceeded_label_limits,
        ),
        counter(
            "watchfire_scrape_rows_accepted_total",
            "Scraped samples that were kept.",
            stats.accepted_rows,
        ),
        counter(
            "watchfire_scrape_rows_refused_total",
            "Scraped samples that were refused.",
            stats.refused_rows,
        ),
        counter(
            "watchfire_scrape_failed_writes_total",
            "Scrapes of which nothing was kept.",
            stats.failed_writes,
        ),
    ]
}

fn storage(app: &App) -> Vec<Family> {
    let stats = app.store.counters();
    let retention = app.store.retention();
    let counter = |name, help, value: u64| one(name, Counter, help, value as f64);
    let mut refused = Family::new(
        "watchfire_store_samples_refused_total",
        Counter,
        "Samples that were refused, by reason.",
    );
    for (reason, samples) in &stats.samples_refused {
        refused.push([("reason", *reason)], *samples as f64);
    }
    vec![
        counter(
            "prometheus_tsdb_head_samples_appended_total",
            "Samples that were kept.",
            stats.samples_appended,
        ),
        one("prometheus_tsdb_head_series", Gauge, "Series in memory.", stats.head_series as f64),
        refused,
        counter(
            "watchfire_store_log_written_bytes_total",
            "Bytes written to the log.",
            stats.log.bytes_written,
        ),
        counter("watchfire_store_log_syncs_total", "Syncs of the log.", stats.log.syncs),
        one(
            "watchfire_store_log_sync_seconds_total",
            Counter,
            "Time spent in syncs of the log.",
            stats.log.sync_time.as_secs_f64(),
        ),
        counter(
            "watchfire_store_log_failures_total",
            "Writes and syncs of the log that failed.",
            stats.log.failures,
        ),
        counter(
            "watchfire_store_compaction_failures_total",
            "Flushes and merges that failed; they are tried again.",
            stats.compaction_failures,
        ),
        counter(
            "prometheus_tsdb_time_retentions_total",
            "Times that parts were dropped because they were older than the retention time.",
            stats.time_retentions,
        ),
        counter(
            "prometheus_tsdb_size_retentions_total",
            "Times that a day was dropped because the store was larger than the retention size.",
            stats.size_retentions,
        ),
        one(
            "prometheus_tsdb_retention_limit_seconds",
            Gauge,
            "How long samples are kept; 0 without a bound.",
            if retention.time_ms == i64::MAX { 0.0 } else { retention.time_ms as f64 / 1000.0 },
        ),
        one(
            "prometheus_tsdb_retention_limit_bytes",
            Gauge,
            "Above how many bytes the oldest days are dropped; 0 without a bound.",
            retention.size_bytes.unwrap_or(0) as f64,
        ),
        one(
            "prometheus_tsdb_storage_blocks_bytes",
            Gauge,
            "Bytes in parts on disk.",
            stats.part_bytes as f64,
        ),
        one(
            "watchfire_store_deletions",
            Gauge,
            "Deletions of which samples are still on disk, hidden.",
            stats.deletions as f64,
        ),
        one("watchfire_store_parts", Gauge, "Parts on disk.", stats.parts as f64),
        one("watchfire_store_part_bytes", Gauge, "Bytes in parts on disk.", stats.part_bytes as f64),
        one("watchfire_store_part_samples", Gauge, "Samples in parts on disk.", stats.part_samples as f64),
        counter(
            "watchfire_store_corruptions_total",
            "Damaged places found in data files.",
            stats.corruptions,
        ),
        one(
            "watchfire_store_damaged_parts",
            Gauge,
            "Parts on disk that are damaged; they are not merged, and the rest of them answers.",
            stats.damaged_parts.len() as f64,
        ),
        counter(
            "watchfire_store_page_cache_hits_total",
            "Pages of parts asked for that were in memory.",
            stats.page_cache_hits,
        ),
        counter(
            "watchfire_store_page_cache_misses_total",
            "Pages of parts asked for that were read from disk.",
            stats.page_cache_misses,
        ),
        one(
            "watchfire_store_page_cache_bytes",
            Gauge,
            "Bytes of unpacked pages in memory.",
            stats.page_cache_bytes as f64,
        ),
        one(
            "watchfire_store_read_only",
            Gauge,
            "Whether writes are refused because the disk is full or failing.",
            f64::from(u8::from(stats.read_only.is_some())),
        ),
    ]
}

/// Downsampled tiers; nothing without any.
fn tiers(app: &App) -> Vec<Family> {
    let stats = app.store.tier_stats();
    if stats.tiers.is_empty() {
        return Vec::new();
    }
    let mut bytes = Family::new("watchfire_store_tier_bytes", Gauge, "Bytes of a downsampled tier on disk.");
    let mut windows =
        Family::new("watchfire_store_tier_windows", Gauge, "Windows of a downsampled tier on disk.");
    let mut waiting = Family::new(
        "watchfire_store_tier_waiting_days",
        Gauge,
        "Closed days of samples that a downsampled tier does not have yet.",
    );
    for tier in &stats.tiers {
        let labels = [("resolution", tier.resolution.as_str())];
        bytes.push(labels, tier.bytes as f64);
        windows.push(labels, tier.windows as f64);
        waiting.push(labels, tier.waiting_days as f64);
    }
    let counter = |name, help, value: u64| one(name, Counter, help, value as f64);
    let mut families = vec![
        bytes,
        windows,
        waiting,
        counter(
            "watchfire_store_tier_windows_made_total",
            "Windows of downsampled tiers that were made.",
            stats.windows_made,
        ),
        counter(
            "watchfire_store_tier_days_made_total",
            "Days of downsampled tiers that were made, or made again for late samples.",
            stats.days_made,
        ),
        counter(
            "watchfire_store_tier_selections_total",
            "Selections of series that read windows of downsampled tiers.",
            stats.selections,
        ),
    ];
    if let Some(seam_ms) = stats.seam_ms {
        families.push(one(
            "watchfire_store_tier_seam_timestamp_seconds",
            Gauge,
            "Until when downsampled tiers are read in place of samples.",
            seam_ms as f64 / 1000.0,
        ));
    }
    families
}
