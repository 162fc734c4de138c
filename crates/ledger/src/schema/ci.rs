//! What builds and deployments need to know of those before them.

/// A fact is a time under a name: of a commit, or since when an environment is broken.
pub(super) const STEP: &str = "
CREATE TABLE ci_facts (
    key TEXT PRIMARY KEY,
    value_ms INTEGER NOT NULL,
    noted_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ci_facts_noted ON ci_facts (noted_ms);
";
