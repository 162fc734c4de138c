//! What is still to be sent, and the record of every attempt.

use crate::LedgerError;
use crate::alerts::{Fingerprint, damaged, read_fingerprints};
use rusqlite::Row;
use std::collections::BTreeSet;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// To be sent, now or at its next try.
    Open,
    /// The destination confirmed it.
    Done,
    /// Given up: the destination refused it for good. Kept for people to see.
    Dead,
}

impl JobState {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Done => 1,
            Self::Dead => 2,
        }
    }

    /// A word for interfaces and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

/// All jobs with what they tell.
pub(crate) const JOBS: &str = "SELECT outbox.*, coalesce(outbox_payloads.payload, '') AS payload FROM outbox \
     LEFT JOIN outbox_payloads ON outbox_payloads.job = outbox.id";

/// A notification that a destination is owed. At most one is open for each group and destination: a newer state of
/// the group replaces the content of the open one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub id: i64,
    /// The group it speaks of.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations, from 0.
    pub integration: u32,
    /// Where it stands.
    pub state: JobState,
    /// How often its content was replaced.
    pub generation: u32,
    /// Why it is sent, in Alertmanager's words.
    pub reason: String,
    /// What is sent.
    pub payload: String,
    /// The alerts it tells as firing.
    pub firing: BTreeSet<Fingerprint>,
    /// The alerts it tells as resolved.
    pub resolved: BTreeSet<Fingerprint>,
    /// When it was first written, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Not to be sent before, in milliseconds since the Unix epoch.
    pub next_try_ms: i64,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When it was done or given up, in milliseconds since the Unix epoch.
    pub finished_ms: Option<i64>,
    /// What the last failed attempt said.
    pub last_error: Option<String>,
    /// The incident it belongs to.
    pub incident: Option<i64>,
}

/// A notification to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDraft {
    /// The group it speaks of.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations, from 0.
    pub integration: u32,
    /// Why it is sent.
    pub reason: String,
    /// What is sent.
    pub payload: String,
    /// The alerts it tells as firing.
    pub firing: BTreeSet<Fingerprint>,
    /// The alerts it tells as resolved.
    pub resolved: BTreeSet<Fingerprint>,
    /// The incident it belongs to.
    pub incident: Option<i64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Begun, and nothing is known: it is under way, or the process ended in the middle.
    Started,
    /// The destination confirmed it.
    Delivered,
    /// It failed and will be tried again.
    Retry,
    /// It failed for good.
    Dead,
}

impl Outcome {
    pub(crate) const fn code(self) -> i64 {
        match self {
            Self::Started => 0,
            Self::Delivered => 1,
            Self::Retry => 2,
            Self::Dead => 3,
        }
    }

    /// A word for interfaces and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Dead => "dead",
        }
    }
}

/// One attempt to deliver a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: i64,
    /// The job.
    pub job: i64,
    /// The group it spoke of.
    pub group_key: String,
    /// The receiver's name.
    pub receiver: String,
    /// Which of the receiver's integrations, from 0.
    pub integration: u32,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status answered, if there was an answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub latency_ms: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Job {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        const TABLE: &str = "outbox";
        let state = match row.get::<_, i64>("state")? {
            0 => JobState::Open,
            1 => JobState::Done,
            2 => JobState::Dead,
            code => return Err(damaged(TABLE, format!("unknown state {code}"))),
        };
        Ok(Self {
            id: row.get("id")?,
            group_key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            integration: row.get("integration")?,
            state,
            generation: row.get("generation")?,
            reason: row.get("reason")?,
            payload: row.get("payload")?,
            firing: read_fingerprints(TABLE, row.get_ref("firing")?.as_str().unwrap_or(""))?,
            resolved: read_fingerprints(TABLE, row.get_ref("resolved")?.as_str().unwrap_or(""))?,
            created_ms: row.get("created_ms")?,
            next_try_ms: row.get("next_try_ms")?,
            attempts: row.get("attempts")?,
            finished_ms: row.get("finished_ms")?,
            last_error: row.get("last_error")?,
            incident: row.get("incident")?,
        })
    }
}

impl Delivery {
    pub(crate) fn from_row(row: &Row<'_>) -> Result<Self, LedgerError> {
        let outcome = match row.get::<_, i64>("outcome")? {
            0 => Outcome::Started,
            1 => Outcome::Delivered,
            2 => Outcome::Retry,
            3 => Outcome::Dead,
            code => return Err(damaged("deliveries", format!("unknown outcome {code}"))),
        };
        Ok(Self {
            id: row.get("id")?,
            job: row.get("job")?,
            group_key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            integration: row.get("integration")?,
            started_ms: row.get("started_ms")?,
            outcome,
            status: row.get("status")?,
            latency_ms: row.get::<_, Option<i64>>("latency_ms")?.map(i64::cast_unsigned),
            error: row.get("error")?,
        })
    }
}
