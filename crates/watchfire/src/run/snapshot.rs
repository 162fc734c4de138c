//! A snapshot of everything: the metric store's files and the ledger.

use jiff::Timestamp;
use std::io;
use watchfire_ledger::Ledger;
use watchfire_metrics::{CompactError, Store};

/// The ledger's file in a data folder.
pub(crate) const LEDGER_FILE: &str = "ledger.db";

/// Makes a snapshot and returns its name: the time in UTC, to the millisecond, so that names sort by age.
pub(crate) fn make(
    store: &Store,
    ledger: &Ledger,
    now_ms: i64,
    skip_head: bool,
) -> Result<String, CompactError> {
    let name = name(now_ms);
    store.snapshot(&name, skip_head, |folder| {
        ledger.copy_to(&folder.join(LEDGER_FILE)).map_err(io::Error::other)
    })?;
    Ok(name)
}

/// `20260102T030405Z-006`.
pub(crate) fn name(now_ms: i64) -> String {
    let time = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{}-{:03}", time.strftime("%Y%m%dT%H%M%SZ"), now_ms.rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_sort_by_age() {
        assert_eq!(super::name(1_767_323_045_006), "20260102T030405Z-006");
    }
}
