//! Prometheus's data directory.

mod block;
mod head;
mod window;

pub use block::{Block, BlockMeta};
pub use head::Head;

use crate::{ImportError, Watch};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use watchfire_disk::Disk;

/// What a directory holds that can be imported.
#[derive(Debug)]
pub struct DataDir {
    /// Its blocks, the oldest first.
    pub blocks: Vec<Block>,
    /// What is in the log only; nothing in a snapshot or a single block.
    pub head: Option<Head>,
}

/// Looks at a data directory, a snapshot of one, or a single block. Blocks that cannot be told apart from rubbish are
/// told as damage and left out.
pub fn find(disk: &dyn Disk, path: &Path, watch: &mut dyn Watch) -> Result<DataDir, ImportError> {
    let io = |source| ImportError::Io { path: path.to_owned(), source };
    let entries = disk.list(path).map_err(io)?;
    let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    if names.contains("meta.json") {
        let block = Block::open(disk, path)
            .map_err(|problem| ImportError::NotASource { path: path.to_owned(), problem })?;
        return Ok(DataDir { blocks: vec![block], head: None });
    }
    let mut blocks = Vec::new();
    for entry in entries.iter().filter(|entry| entry.is_dir && is_ulid(&entry.name)) {
        let path = path.join(&entry.name);
        match Block::open(disk, &path) {
            Ok(block) => blocks.push(block),
            Err(problem) => watch.damaged(format!("{}: {problem}; the block is left out", path.display())),
        }
    }
    // A block that was compacted into another one is about to be removed: its samples are in that one.
    let parents: BTreeSet<String> =
        blocks.iter().flat_map(|block| block.meta().parents()).map(str::to_owned).collect();
    blocks.retain(|block| !parents.contains(&block.meta().ulid));
    blocks.sort_by(|left, right| {
        let key = |block: &Block| (block.meta().min_ms, block.meta().ulid.clone());
        key(left).cmp(&key(right))
    });
    let in_order = blocks.iter().filter(|block| !block.meta().is_out_of_order());
    let from_ms = in_order.map(|block| block.meta().end_ms).max().unwrap_or(i64::MIN);
    let head = Head::find(disk, path, from_ms)?;
    if blocks.is_empty() && head.is_none() {
        let problem = "there are no blocks and no write-ahead log here; give a data directory of Prometheus \
            (its --storage.tsdb.path), a snapshot (data/snapshots/...), or one block";
        return Err(ImportError::NotASource { path: path.to_owned(), problem: problem.to_owned() });
    }
    Ok(DataDir { blocks, head })
}

/// Whether a name is that of a block: 26 letters and digits of Crockford's alphabet.
fn is_ulid(name: &str) -> bool {
    name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Reads a whole small file; `None` where there is none.
fn read_small(disk: &dyn Disk, path: &Path, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let len = file.len()?;
    if len > most {
        return Err(std::io::Error::other(format!("it has {len} bytes, more than {most}")));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(std::io::Error::other)?];
    file.read_at(&mut bytes, 0)?;
    Ok(Some(bytes))
}

/// `chunks/000001` and the like, by number.
fn numbered(disk: &dyn Disk, dir: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut found: Vec<(u64, PathBuf)> = disk
        .list(dir)?
        .into_iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| Some((entry.name.parse().ok()?, dir.join(entry.name))))
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
