//! The tables, and how a file of an older release becomes a file of this one.

mod ci;
mod history;
mod imported;
mod push;
mod rows;
mod training;

use crate::LedgerError;
use rusqlite::Connection;
use std::path::Path;

/// The newest schema version this release writes; kept in SQLite's `user_version`.
pub const SCHEMA_VERSION: u32 = 10;

/// `WFLG`, kept in SQLite's `application_id`, so that a wrong file is noticed before anything is written to it.
const APPLICATION_ID: u32 = 0x5746_4c47;

/// One step per version: `MIGRATIONS[n]` leads from version `n` to version `n + 1`.
pub(crate) const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    VERSION_1,
    VERSION_2,
    VERSION_3,
    history::STEP,
    imported::STEP,
    training::STEP,
    ci::STEP,
    training::MODELS_STEP,
    rows::STEP,
    push::STEP,
];

// Label sets and annotations are JSON objects with sorted keys, so that equal sets are equal texts. Values are kept as
// the bits of the float, because SQLite turns NaN into NULL. Fingerprints are the unsigned number's bits.
const VERSION_1: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_state (
    rule TEXT PRIMARY KEY,
    evaluated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_instances (
    rule TEXT NOT NULL REFERENCES rule_state (rule) ON DELETE CASCADE,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    state INTEGER NOT NULL,
    value_bits INTEGER NOT NULL,
    active_ms INTEGER NOT NULL,
    fired_ms INTEGER,
    resolved_ms INTEGER,
    keep_firing_since_ms INTEGER,
    PRIMARY KEY (rule, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    fingerprint INTEGER PRIMARY KEY,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    starts_ms INTEGER NOT NULL,
    ends_ms INTEGER,
    updated_ms INTEGER NOT NULL,
    generator_url TEXT NOT NULL
) STRICT;

CREATE TABLE alert_groups (
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    labels TEXT NOT NULL,
    options TEXT NOT NULL,
    members TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    next_flush_ms INTEGER NOT NULL,
    PRIMARY KEY (group_key, receiver)
) STRICT, WITHOUT ROWID;

CREATE TABLE notified (
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration INTEGER NOT NULL,
    firing TEXT NOT NULL,
    resolved TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    confirmed_firing INTEGER NOT NULL,
    PRIMARY KEY (group_key, receiver, integration)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration INTEGER NOT NULL,
    state INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload TEXT NOT NULL,
    firing TEXT NOT NULL,
    resolved TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    next_try_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    finished_ms INTEGER,
    last_error TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_open ON outbox (group_key, receiver, integration) WHERE state = 0;
CREATE INDEX outbox_finished ON outbox (finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    status INTEGER,
    latency_ms INTEGER,
    error TEXT
) STRICT;
CREATE INDEX deliveries_of_job ON deliveries (job);
";

/// The first schema, for tests of what becomes of its files.
#[cfg(test)]
pub(crate) const FIRST: &str = VERSION_1;

// Silences; alerts from outside, which end when nobody speaks of them any more; and which ends each destination is owed.
const VERSION_2: &str = "
CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    matchers TEXT NOT NULL,
    starts_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    comment TEXT NOT NULL,
    annotations TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE alerts ADD COLUMN by_timeout INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notified ADD COLUMN open TEXT NOT NULL DEFAULT '';
ALTER TABLE notified ADD COLUMN receiver_data TEXT NOT NULL DEFAULT '';
UPDATE notified SET open = firing WHERE confirmed_firing <> 0;
ALTER TABLE notified DROP COLUMN confirmed_firing;
";

// Incidents: what people see of a group, from its first notification until everything in it is over. The acknowledgement,
// where the escalation stands and whom it reached are JSON; what is looked for has columns.
const VERSION_3: &str = "
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    labels TEXT NOT NULL,
    severity INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    resolved_ms INTEGER,
    updated_ms INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    acknowledgement TEXT,
    escalation TEXT,
    paged TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX incidents_open ON incidents (group_key, receiver) WHERE resolved_ms IS NULL;
CREATE INDEX incidents_of_group ON incidents (group_key, receiver, id);
CREATE INDEX incidents_resolved ON incidents (resolved_ms) WHERE resolved_ms IS NOT NULL;

CREATE TABLE incident_alerts (
    incident INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    fingerprint INTEGER NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    generator_url TEXT NOT NULL,
    starts_ms INTEGER NOT NULL,
    ends_ms INTEGER,
    PRIMARY KEY (incident, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT,
    text TEXT NOT NULL,
    alerts TEXT NOT NULL
) STRICT;
CREATE INDEX incident_events_of ON incident_events (incident, id);

CREATE TABLE schedule_overrides (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    people TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

ALTER TABLE outbox ADD COLUMN incident INTEGER;
CREATE INDEX outbox_of_incident ON outbox (incident) WHERE incident IS NOT NULL;
";

/// Brings a file to [`SCHEMA_VERSION`], or refuses it.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application_id: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && (tables > 0 || application_id != 0) {
        return Err(LedgerError::Foreign { path: path.to_owned(), application_id });
    }
    if found > SCHEMA_VERSION {
        return Err(LedgerError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    for (version, step) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.execute_batch(&format!(
            "PRAGMA user_version = {}; PRAGMA application_id = {APPLICATION_ID};",
            version + 1
        ))?;
        transaction.commit()?;
        tracing::info!(path = %path.display(), version = version + 1, "ledger migrated");
    }
    Ok(())
}
