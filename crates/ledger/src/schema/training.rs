//! Training runs: what is known of them beside the values over time, which are telemetry and stand in the metric store.

/// Values are kept as the bits of the float, because SQLite turns NaN into NULL. Experiment 0 is there from the start, as in
/// MLflow, for runs that name none.
pub(super) const STEP: &str = "
CREATE TABLE training_experiments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    artifacts TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
INSERT INTO training_experiments (id, name, artifacts, created_ms, updated_ms) VALUES (0, 'Default', '', 0, 0);

CREATE TABLE training_experiment_tags (
    experiment INTEGER NOT NULL REFERENCES training_experiments (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE training_runs (
    id TEXT PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES training_experiments (id),
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    user TEXT NOT NULL,
    source TEXT NOT NULL,
    host TEXT NOT NULL,
    reporter TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    updated_ms INTEGER,
    deleted_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX training_runs_of ON training_runs (experiment, started_ms);

CREATE TABLE training_params (
    run TEXT NOT NULL REFERENCES training_runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX training_params_by_key ON training_params (key);

CREATE TABLE training_tags (
    run TEXT NOT NULL REFERENCES training_runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX training_tags_by_key ON training_tags (key);

CREATE TABLE training_metrics (
    run TEXT NOT NULL REFERENCES training_runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value_bits INTEGER NOT NULL,
    step INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    first_step INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    newest_ms INTEGER NOT NULL,
    min_bits INTEGER,
    max_bits INTEGER,
    has_nan INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX training_metrics_by_key ON training_metrics (key);

CREATE TABLE training_inputs (
    run TEXT NOT NULL REFERENCES training_runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (run, name, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE training_files (
    path TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES training_runs (id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    read_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The models that runs made: what their reporters say of them, no files.
pub(super) const MODELS_STEP: &str = "
CREATE TABLE training_models (
    id TEXT PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES training_experiments (id) ON DELETE CASCADE,
    run TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX training_models_of ON training_models (experiment, created_ms);
";
