//! What became of alerts: every change of state, and who was told of which rule.

/// Alerts by fingerprint with their changes; values are the bits of the float. An alert whose last change is `firing`
/// (1) is one whose end has still to be written. Notices count confirmed and refused notifications by rule: they outlive
/// the outbox.
pub(super) const STEP: &str = "
CREATE TABLE alert_identities (
    fingerprint INTEGER PRIMARY KEY,
    labels TEXT NOT NULL,
    rule TEXT NOT NULL,
    rule_group TEXT NOT NULL,
    rule_file TEXT NOT NULL,
    last_kind INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_identities_firing ON alert_identities (fingerprint) WHERE last_kind = 1;

CREATE TABLE alert_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value_bits INTEGER,
    active_ms INTEGER,
    fired_ms INTEGER,
    annotations TEXT,
    detail TEXT
) STRICT;
CREATE INDEX alert_events_at ON alert_events (at_ms, id);
CREATE INDEX alert_events_of ON alert_events (fingerprint, id);

CREATE TABLE alert_notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    rule TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration INTEGER NOT NULL,
    job INTEGER NOT NULL,
    firing INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    delivered INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_notices_at ON alert_notices (at_ms);

CREATE INDEX outbox_of_group ON outbox (group_key, receiver);
";
