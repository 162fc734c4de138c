//! Groups that batch jobs pushed.

/// The key is the group's labels as JSON; its families are JSON, too, and may be megabytes.
pub(super) const STEP: &str = "
CREATE TABLE push_groups (
    key TEXT PRIMARY KEY,
    families TEXT NOT NULL,
    pushed_ms INTEGER NOT NULL,
    failed_ms INTEGER NOT NULL
) STRICT;
";
