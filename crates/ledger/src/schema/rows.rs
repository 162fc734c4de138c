//! Rows in the order in which they come.

/// A fingerprint is as good as random: rows that are kept by it lie all over the file, and a few hundred new alerts change
/// as many pages. Alerts, and those that history knows, are kept in the order in which they came instead, so that what is
/// new stands together. History finds an alert's changes by the number of its identity. And what a job tells has a row of
/// its own: where the job stands changes several times, what it tells does not.
pub(super) const STEP: &str = "
CREATE TABLE new_alerts (
    id INTEGER PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    starts_ms INTEGER NOT NULL,
    ends_ms INTEGER,
    by_timeout INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    generator_url TEXT NOT NULL
) STRICT;
INSERT INTO new_alerts (fingerprint, labels, annotations, starts_ms, ends_ms, by_timeout, updated_ms, generator_url)
    SELECT fingerprint, labels, annotations, starts_ms, ends_ms, by_timeout, updated_ms, generator_url FROM alerts
    ORDER BY updated_ms;
DROP TABLE alerts;
ALTER TABLE new_alerts RENAME TO alerts;

CREATE TABLE new_identities (
    id INTEGER PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    labels TEXT NOT NULL,
    rule TEXT NOT NULL,
    rule_group TEXT NOT NULL,
    rule_file TEXT NOT NULL,
    last_kind INTEGER NOT NULL
) STRICT;
INSERT INTO new_identities (fingerprint, labels, rule, rule_group, rule_file, last_kind)
    SELECT fingerprint, labels, rule, rule_group, rule_file, last_kind FROM alert_identities;
DROP TABLE alert_identities;
ALTER TABLE new_identities RENAME TO alert_identities;
CREATE UNIQUE INDEX alert_identities_of ON alert_identities (fingerprint);
CREATE INDEX alert_identities_firing ON alert_identities (id) WHERE last_kind = 1;

ALTER TABLE alert_events ADD COLUMN alert INTEGER;
UPDATE alert_events SET alert =
    (SELECT id FROM alert_identities WHERE alert_identities.fingerprint = alert_events.fingerprint);
DROP INDEX alert_events_of;
CREATE INDEX alert_events_of ON alert_events (alert, id);

CREATE TABLE outbox_payloads (
    job INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    payload TEXT NOT NULL
) STRICT;
INSERT INTO outbox_payloads (job, payload) SELECT id, payload FROM outbox;
ALTER TABLE outbox DROP COLUMN payload;
";
