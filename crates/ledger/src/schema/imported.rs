//! What another Alertmanager had told when its log was imported.

/// Alerts are named by that log's own hashes, separated by blanks; who they are is known when they are heard of.
pub(super) const STEP: &str = "
CREATE TABLE imported_notices (
    group_key TEXT NOT NULL,
    receiver TEXT NOT NULL,
    integration INTEGER NOT NULL,
    firing TEXT NOT NULL,
    resolved TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (group_key, receiver, integration)
) STRICT, WITHOUT ROWID;
";
