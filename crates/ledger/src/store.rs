//! The file: opening, checking, moving aside, and who may read and write when.

use crate::{LedgerError, Reading, Writing, schema};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many idle reading connections are kept.
const IDLE_READERS: usize = 4;
/// How many statements stay compiled: all that the writer uses.
const STATEMENTS: usize = 64;
/// How long a connection waits for another one's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The state on disk. Cheap to clone; all clones are one ledger.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    /// Empty for a ledger in memory.
    path: PathBuf,
    /// Idle readers. A ledger in memory has none and reads through the writer. They stand before the writer so that
    /// they close first: only a writing connection that closes last folds the log into the file.
    readers: Option<Mutex<Vec<Connection>>>,
    /// One writer at a time; whoever holds it writes.
    writer: Mutex<Connection>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// An opened ledger, with what happened on the way.
#[derive(Debug)]
pub struct Opened {
    /// The ledger, ready.
    pub ledger: Ledger,
    /// Set when the file found there was damaged and a new one was begun.
    pub moved_aside: Option<MovedAside>,
}

/// A damaged file that was moved aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedAside {
    /// Where it lies now.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl Ledger {
    /// Opens the file, or makes it; checks it page by page, and brings it to this release's schema.
    ///
    /// A damaged file is renamed to `NAME.corrupt-NOW` with its log, and a new one is begun: alerting goes on with
    /// what the rules say. A file of a newer release or of another program is left alone and refused.
    pub fn open(path: &Path, now_ms: i64) -> Result<Opened, LedgerError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| LedgerError::File { path: folder.to_owned(), source })?;
        }
        let mut moved_aside = None;
        let writer = match checked(path) {
            Ok(connection) => connection,
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Damaged(reason)) => {
                let aside = move_aside(path, now_ms)?;
                tracing::error!(
                    path = %path.display(), moved_to = %aside.display(), reason,
                    "ledger is damaged, moved aside and begun anew"
                );
                moved_aside = Some(MovedAside { path: aside, reason });
                match checked(path) {
                    Ok(connection) => connection,
                    Err(Failure::Refused(error)) => return Err(error),
                    Err(Failure::Damaged(reason)) => {
                        let source = std::io::Error::other(reason);
                        return Err(LedgerError::File { path: path.to_owned(), source });
                    }
                }
            }
        };
        let readers = Some(Mutex::new(Vec::new()));
        let inner = Inner { path: path.to_owned(), writer: Mutex::new(writer), readers };
        Ok(Opened { ledger: Self { inner: Arc::new(inner) }, moved_aside })
    }

    /// A ledger that is gone with the process, for tests and trials.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let mut writer = Connection::open_in_memory()?;
        writer.execute_batch("PRAGMA foreign_keys = ON;")?;
        schema::migrate(&mut writer, Path::new(":memory:"))?;
        let inner = Inner { path: PathBuf::new(), writer: Mutex::new(writer), readers: None };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The file; empty for a ledger in memory.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Writes a copy of the whole ledger, as of one moment, to a new file (SQLite's `VACUUM INTO`), and syncs it.
    /// Writers wait meanwhile, readers do not.
    pub fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let file = |source| LedgerError::File { path: path.to_owned(), source };
        let Some(name) = path.to_str() else {
            return Err(file(std::io::Error::other("the name is not UTF-8")));
        };
        lock(&self.inner.writer).execute("VACUUM INTO ?1", [name])?;
        std::fs::File::open(path).and_then(|copy| copy.sync_all()).map_err(file)
    }

    /// Reads a ledger file page by page, with its indexes and references, and says what is wrong with it; nothing
    /// when it is whole. The file is not changed.
    pub fn verify(path: &Path) -> Result<Vec<String>, LedgerError> {
        let connection = reading_connection(path)?;
        let mut problems = Vec::new();
        let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        for line in lines {
            problems.extend(Some(line?).filter(|line| line != "ok"));
        }
        Ok(problems)
    }

    /// Changes state, all or nothing: what `change` did is on disk when this returns `Ok`, and undone otherwise.
    pub fn write<T>(
        &self,
        change: impl FnOnce(&Writing<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut writer = lock(&self.inner.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = change(&Writing::new(&transaction))?;
        transaction.commit()?;
        Ok(result)
    }

    /// Reads state as of one moment, without waiting for the writer.
    pub fn read<T>(
        &self,
        look: impl FnOnce(&Reading<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let Some(readers) = &self.inner.readers else {
            let mut writer = lock(&self.inner.writer);
            let transaction = writer.transaction()?;
            return look(&Reading::new(&transaction));
        };
        let idle = lock(readers).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => reading_connection(&self.inner.path)?,
        };
        let result = {
            let transaction = reader.transaction()?;
            look(&Reading::new(&transaction))
        };
        let mut idle = lock(readers);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
        drop(idle);
        result
    }
}

/// A thread that panicked while it held the connection left no open transaction: those roll back on drop.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Failure {
    Damaged(String),
    Refused(LedgerError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::from(LedgerError::Sqlite(error))
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let LedgerError::Sqlite(sqlite) = &error else { return Self::Refused(error) };
        match sqlite.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Refused(error),
        }
    }
}

fn checked(path: &Path) -> Result<Connection, Failure> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // As many pages as the log may have before it is cut back: a page that changes again and again is copied once.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
         PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216; PRAGMA wal_autocheckpoint = 4000;",
    )?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Failure::Damaged(verdict));
    }
    schema::migrate(&mut connection, path)?;
    Ok(connection)
}

fn reading_connection(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Renames the file and its log and index, so that whoever looks into the damage finds all of it.
fn move_aside(path: &Path, now_ms: i64) -> Result<PathBuf, LedgerError> {
    let with_suffix = |base: &Path, suffix: &str| {
        let mut name = base.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with_suffix(path, &format!(".corrupt-{now_ms}"));
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        match std::fs::rename(&from, with_suffix(&aside, suffix)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LedgerError::File { path: from, source }),
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests;
