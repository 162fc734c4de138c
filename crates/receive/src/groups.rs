//! Groups that batch jobs push, `/metrics/job/…`: what Pushgateway's clients send, kept until it is replaced or deleted, and
//! shown to the scrape loop again and again, as a target that never goes away would show it.
//!
//! What was answered is on disk: each group is a row of the ledger.

mod body;
mod key;

use crate::ReceiveError;
use crate::exposition::{Headers, unpacked};
use body::Families;
pub use key::{GroupKey, parse};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use watchfire_ledger::{Ledger, LedgerError};
use watchfire_model::time::Clock;
use watchfire_wire::exposition::write::Writer;
use watchfire_wire::exposition::{Format, utf8};

/// A group has at most so many bytes as text.
pub const MAX_GROUP_BYTES: usize = 8 << 20;
/// All groups together have at most so many.
pub const MAX_BYTES: usize = 64 << 20;
/// There are at most so many groups.
pub const MAX_GROUPS: usize = 10_000;

/// What becomes of what a group holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// All of it goes: `PUT`.
    All,
    /// Families that are sent again go: `POST`.
    Sent,
}

/// Why a group was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The request is wrong, or there is no room.
    #[error(transparent)]
    Refused(#[from] ReceiveError),
    /// It could not be kept; the same may go well later.
    #[error("the group could not be kept: {0}")]
    Ledger(#[from] LedgerError),
}

#[derive(Clone, Debug, Default)]
struct Group {
    families: Families,
    /// Milliseconds since the Unix epoch, 0 for never.
    pushed_ms: i64,
    failed_ms: i64,
}

impl Group {
    fn bytes(&self) -> usize {
        self.families.iter().map(|(name, text)| name.len() + text.len()).sum()
    }
}

/// Counts for our own metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupStats {
    /// How many groups there are.
    pub groups: usize,
    /// How many bytes of text they hold.
    pub bytes: usize,
    /// How many pushes were refused since the start.
    pub refused: u64,
}

/// All groups. Changes block for as long as the disk takes; reading does not.
pub struct Groups {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    groups: RwLock<BTreeMap<GroupKey, Group>>,
    /// Held by whoever changes a group, so that the ledger and memory change in one order.
    changing: Mutex<()>,
    refused: AtomicU64,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Groups {
    /// Reads back the groups that were pushed before.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn open(ledger: Ledger, clock: Arc<dyn Clock>) -> Result<Self, LedgerError> {
        let mut groups = BTreeMap::new();
        for row in ledger.read(|reading| reading.push_groups())? {
            let read = (serde_json::from_str(&row.key), serde_json::from_str(&row.families));
            let (Ok(key), Ok(families)) = read else {
                tracing::error!(key = row.key, "a pushed group cannot be read back and is left out");
                continue;
            };
            groups.insert(key, Group { families, pushed_ms: row.pushed_ms, failed_ms: row.failed_ms });
        }
        let (groups, changing) = (RwLock::new(groups), Mutex::new(()));
        Ok(Self { ledger, clock, groups, changing, refused: AtomicU64::new(0) })
    }

    /// Takes a push. Once it returns, the group is on disk.
    ///
    /// # Errors
    /// What is wrong with the request, and then the group tells when that was; or that nothing can be written now.
    pub fn push(
        &self,
        key: &GroupKey,
        replace: Replace,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Result<(), GroupError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.get(key);
        let outcome = read(key, headers, body).and_then(|pushed| self.merged(old.clone(), replace, pushed));
        let (group, outcome) = match outcome {
            Ok(mut group) => {
                group.pushed_ms = self.clock.now_ms();
                (group, Ok(()))
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                if old.is_none() && self.stats().groups >= MAX_GROUPS {
                    return Err(error.into());
                }
                (Group { failed_ms: self.clock.now_ms(), ..old.unwrap_or_default() }, Err(error))
            }
        };
        self.keep(key, group)?;
        Ok(outcome?)
    }

    /// Forgets a group; says whether there was one.
    ///
    /// # Errors
    /// Nothing can be written now.
    pub fn delete(&self, key: &GroupKey) -> Result<bool, GroupError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.get(key).is_none() {
            return Ok(false);
        }
        let row = row_key(key);
        self.ledger.write(|writing| writing.delete_push_group(&row))?;
        self.groups.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(true)
    }

    /// All groups in Prometheus's text format, with the times of their pushes.
    pub fn exposition(&self) -> String {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let mut writer = Writer::new(Format::Text);
        for (key, group) in &*groups {
            let [pushed, failed] = body::OWN;
            let help = "When the group was last pushed, in seconds since 1970; 0 for never.";
            body::own(&mut writer, key, pushed, help, group.pushed_ms);
            let help = "When a push of the group was last refused, in seconds since 1970; 0 for never.";
            body::own(&mut writer, key, failed, help, group.failed_ms);
        }
        let mut text = writer.finish();
        for group in groups.values() {
            group.families.values().for_each(|family| text.push_str(family));
        }
        text
    }

    /// How much there is.
    pub fn stats(&self) -> GroupStats {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = groups.values().map(Group::bytes).sum();
        GroupStats { groups: groups.len(), bytes, refused: self.refused.load(Ordering::Relaxed) }
    }

    fn get(&self, key: &GroupKey) -> Option<Group> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn merged(&self, old: Option<Group>, replace: Replace, pushed: Families) -> Result<Group, ReceiveError> {
        let full = |what: String| ReceiveError {
            status: 413,
            message: format!("{what}; delete groups that are over"),
        };
        let stats = self.stats();
        if old.is_none() && stats.groups >= MAX_GROUPS {
            return Err(full(format!("there are {MAX_GROUPS} groups already")));
        }
        let old = old.unwrap_or_default();
        let others = stats.bytes.saturating_sub(old.bytes());
        let mut group = old;
        match replace {
            Replace::All => group.families = pushed,
            Replace::Sent => group.families.extend(pushed),
        }
        if group.bytes() > MAX_GROUP_BYTES {
            return Err(full(format!("the group would have more than {MAX_GROUP_BYTES} bytes")));
        }
        if others + group.bytes() > MAX_BYTES {
            return Err(full(format!("all groups would have more than {MAX_BYTES} bytes")));
        }
        Ok(group)
    }

    fn keep(&self, key: &GroupKey, group: Group) -> Result<(), LedgerError> {
        let row = watchfire_ledger::PushGroup {
            key: row_key(key),
            families: serde_json::to_string(&group.families).unwrap_or_default(),
            pushed_ms: group.pushed_ms,
            failed_ms: group.failed_ms,
        };
        self.ledger.write(|writing| writing.put_push_group(&row))?;
        self.groups.write().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), group);
        Ok(())
    }
}

/// Maps of texts are always JSON.
fn row_key(key: &GroupKey) -> String {
    serde_json::to_string(key).unwrap_or_default()
}

fn read(key: &GroupKey, headers: Headers<'_>, body: &[u8]) -> Result<Families, ReceiveError> {
    let kind = headers.content_type.unwrap_or_default();
    if kind.starts_with("application/vnd.google.protobuf") {
        let message = "protocol buffers are not read here; let the client push the text format \
                       (Go: push.Format(expfmt.NewFormat(expfmt.TypeTextPlain)), Java: .format(Format.PROMETHEUS_TEXT))";
        return Err(ReceiveError { status: 415, message: message.to_owned() });
    }
    let body = unpacked(headers.content_encoding, body)?;
    let text = utf8(&body).map_err(|error| ReceiveError { status: 400, message: error.to_string() })?;
    let is_open = kind.starts_with("application/openmetrics-text");
    body::read(key, text, if is_open { Format::OpenMetrics } else { Format::Text })
}

#[cfg(test)]
mod tests;
