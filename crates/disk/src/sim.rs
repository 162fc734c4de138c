//! A file system in memory that fails on demand, the same way for the same seed.
//!
//! It keeps apart what programs see and what a power cut would leave: appended bytes are durable after a sync, names
//! after a sync of their directory. A cut keeps a random beginning of each file's unsynced bytes, possibly torn within
//! a write, and a random beginning of each directory's unsynced changes, as journals do. [`SimDisk::reorder`] also
//! lets later unsynced sectors arrive where earlier ones did not. Interrupted calls and short writes without an error
//! are no faults here: the real disk's calls go on until all is done or an error is told.

use crate::fs::{DirLock, Disk, Entry, ReadFile, WriteFile};
use crate::locked;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power is cut: this call and all later ones fail until [`SimDisk::restart`].
    PowerCut,
    /// An I/O error. Where it is a sync, the unsynced bytes are lost, although reads still show them and the next
    /// sync reports success; a write keeps part of its bytes. Other calls fail plainly.
    SyncError,
    /// The disk is full from this call on until [`SimDisk::heal`]; a write keeps only part of its bytes. A sync may
    /// fail too, as where blocks are only allocated then.
    Full,
    /// One random bit of the bytes of this call is flipped. Calls without bytes are unharmed.
    BitFlip,
}

/// A simulated file system; clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
}

#[derive(Debug)]
struct World {
    rng: fastrand::Rng,
    calls: u64,
    planned: BTreeMap<u64, Fault>,
    fired: u64,
    cut: bool,
    killed: bool,
    reorder: bool,
    full: bool,
    free_bytes: u64,
    nodes: Vec<Node>,
    /// Lock files held, by path.
    locks: Vec<PathBuf>,
    /// Restarts so far: handles of an earlier life are dead.
    life: u64,
}

#[derive(Debug)]
enum Node {
    File { seen: Vec<u8>, durable_len: usize, lost: bool },
    Dir { seen: BTreeMap<String, usize>, durable: BTreeMap<String, usize>, pending: Vec<Change> },
}

#[derive(Clone, Debug)]
enum Change {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

const ROOT: usize = 0;

impl SimDisk {
    /// An empty disk whose accidents are chosen by `seed`.
    pub fn new(seed: u64) -> Self {
        let world = World {
            rng: fastrand::Rng::with_seed(seed),
            calls: 0,
            planned: BTreeMap::new(),
            fired: 0,
            cut: false,
            killed: false,
            reorder: false,
            full: false,
            free_bytes: 1 << 40,
            nodes: vec![new_dir()],
            locks: Vec::new(),
            life: 0,
        };
        Self { world: Arc::new(Mutex::new(world)) }
    }

    /// Plans a fault at the call with this number, counted from the first call of all.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        locked(&self.world).planned.insert(call, fault);
    }

    /// Faults that have happened so far.
    pub fn faults(&self) -> u64 {
        locked(&self.world).fired
    }

    /// Calls made so far. Looking for free room is not counted.
    pub fn calls(&self) -> u64 {
        locked(&self.world).calls
    }

    /// Cuts the power now.
    pub fn cut_power(&self) {
        locked(&self.world).cut = true;
    }

    /// Whether the power is cut.
    pub fn is_cut(&self) -> bool {
        locked(&self.world).cut
    }

    /// Kills the process now: all calls fail until [`SimDisk::restart`], and the machine goes on, so that what was
    /// written stays seen.
    pub fn kill(&self) {
        locked(&self.world).killed = true;
    }

    /// From now on a power cut may keep later unsynced sectors of a file and lose earlier ones.
    pub fn reorder(&self) {
        locked(&self.world).reorder = true;
    }

    /// Calls work again. After a power cut, what was not durable is gone or torn.
    pub fn restart(&self) {
        let mut world = locked(&self.world);
        let world = &mut *world;
        let survives = world.killed && !world.cut;
        for node in world.nodes.iter_mut().filter(|_| !survives) {
            match node {
                Node::File { seen, durable_len, lost } => {
                    if world.reorder && !*lost && world.rng.u8(0..4) == 0 {
                        lose_sectors(seen, *durable_len, &mut world.rng);
                        *durable_len = seen.len();
                        continue;
                    }
                    let kept = if *lost { *durable_len } else { world.rng.usize(*durable_len..=seen.len()) };
                    // A kernel may have made the file longer before its bytes arrived.
                    let zeros = if kept < seen.len() && world.rng.u8(0..4) == 0 {
                        world.rng.usize(0..=(seen.len() - kept).min(64))
                    } else {
                        0
                    };
                    seen.truncate(kept);
                    seen.resize(kept + zeros, 0);
                    *durable_len = seen.len();
                    *lost = false;
                }
                Node::Dir { seen, durable, pending } => {
                    let kept = world.rng.usize(0..=pending.len());
                    for change in pending.drain(..).take(kept) {
                        apply(durable, change);
                    }
                    *seen = durable.clone();
                }
            }
        }
        (world.cut, world.killed, world.full) = (false, false, false);
        world.planned.clear();
        world.locks.clear();
        world.life += 1;
    }

    /// [`SimDisk::restart`], if the power was cut or the process killed; else nothing.
    pub fn restart_if_down(&self) {
        let down = {
            let world = locked(&self.world);
            world.cut || world.killed
        };
        if down {
            self.restart();
        }
    }

    /// Forgets the faults that are planned.
    pub fn forget_faults(&self) {
        locked(&self.world).planned.clear();
    }

    /// All files with their lengths, by path.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let world = locked(&self.world);
        let mut found = Vec::new();
        let mut dirs = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, dir)) = dirs.pop() {
            for (name, node) in world.names(dir).into_iter().flatten() {
                match world.nodes.get(*node) {
                    Some(Node::File { seen, .. }) => found.push((path.join(name), seen.len() as u64)),
                    _ => dirs.push((path.join(name), *node)),
                }
            }
        }
        found.sort();
        found
    }

    /// Ends a full disk.
    pub fn heal(&self) {
        locked(&self.world).full = false;
    }

    /// Sets what [`Disk::free_bytes`] tells.
    pub fn set_free_bytes(&self, bytes: u64) {
        locked(&self.world).free_bytes = bytes;
    }

    /// Flips one bit of a file at rest.
    pub fn flip_bit(&self, path: &Path, bit: u64) -> io::Result<()> {
        let mut world = locked(&self.world);
        let node = world.find(path)?;
        if let Some(Node::File { seen, .. }) = world.nodes.get_mut(node)
            && let Some(byte) = usize::try_from(bit / 8).ok().and_then(|index| seen.get_mut(index))
        {
            *byte ^= 1 << (bit % 8);
            return Ok(());
        }
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Unsynced sectors arrive in any order; those that did not hold zeros.
fn lose_sectors(bytes: &mut [u8], durable_len: usize, rng: &mut fastrand::Rng) {
    let sector = 1 << rng.u32(5..10);
    let unsynced = bytes.get_mut(durable_len..).unwrap_or_default();
    for lost in unsynced.chunks_mut(sector).filter(|_| rng.bool()) {
        lost.fill(0);
    }
}

fn new_dir() -> Node {
    Node::Dir { seen: BTreeMap::new(), durable: BTreeMap::new(), pending: Vec::new() }
}

fn apply(names: &mut BTreeMap<String, usize>, change: Change) {
    match change {
        Change::Link(name, node) => {
            names.insert(name, node);
        }
        Change::Unlink(name) => {
            names.remove(&name);
        }
        Change::Rename(from, to) => {
            if let Some(node) = names.remove(&from) {
                names.insert(to, node);
            }
        }
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on the simulated disk")
}

impl World {
    /// Counts a call and lets the planned fault happen.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        self.calls += 1;
        let planned = self.planned.remove(&self.calls);
        self.fired += u64::from(planned.is_some());
        if self.cut || self.killed {
            return Err(io::Error::other(if self.cut { "the power is cut" } else { "the process is dead" }));
        }
        let Some(fault) = planned else { return Ok(None) };
        match fault {
            Fault::PowerCut => self.cut = true,
            Fault::Full => self.full = true,
            Fault::SyncError | Fault::BitFlip => {}
        }
        Ok(Some(fault))
    }

    /// A call that either works or does not.
    fn plain_call(&mut self, needs_room: bool) -> io::Result<()> {
        match self.call()? {
            Some(Fault::PowerCut) => Err(io::Error::other("the power is cut")),
            Some(Fault::SyncError) => Err(io::Error::other("simulated I/O error")),
            _ if needs_room && self.full => Err(full()),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut node = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                let Some(Node::Dir { seen, .. }) = self.nodes.get(node) else { return Err(not_found()) };
                node = *seen.get(&*name.to_string_lossy()).ok_or_else(not_found)?;
            }
        }
        Ok(node)
    }

    fn parent(&self, path: &Path) -> io::Result<(usize, String)> {
        let parent = self.find(path.parent().unwrap_or(Path::new("/")))?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        Ok((parent, name))
    }

    fn change(&mut self, dir: usize, change: Change) -> io::Result<()> {
        let Some(Node::Dir { seen, pending, .. }) = self.nodes.get_mut(dir) else { return Err(not_found()) };
        apply(seen, change.clone());
        pending.push(change);
        Ok(())
    }

    fn sync_dir(&mut self, dir: usize) {
        if let Some(Node::Dir { durable, pending, .. }) = self.nodes.get_mut(dir) {
            for change in pending.drain(..) {
                apply(durable, change);
            }
        }
    }

    fn names(&self, dir: usize) -> io::Result<&BTreeMap<String, usize>> {
        match self.nodes.get(dir) {
            Some(Node::Dir { seen, .. }) => Ok(seen),
            _ => Err(not_found()),
        }
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut world = locked(&self.world);
        let exists = world.find(path).is_ok();
        world.plain_call(!exists)?;
        let mut dir = ROOT;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let name = name.to_string_lossy().into_owned();
            dir = match world.names(dir)?.get(&name) {
                Some(node) => *node,
                None => {
                    world.nodes.push(new_dir());
                    let node = world.nodes.len() - 1;
                    world.change(dir, Change::Link(name, node))?;
                    world.sync_dir(dir);
                    node
                }
            };
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut world = locked(&self.world);
        world.plain_call(false)?;
        let dir = world.find(dir)?;
        let is_dir = |node: &usize| matches!(world.nodes.get(*node), Some(Node::Dir { .. }));
        Ok(world
            .names(dir)?
            .iter()
            .map(|(name, node)| Entry { name: name.clone(), is_dir: is_dir(node) })
            .collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let mut world = locked(&self.world);
        world.plain_call(true)?;
        let (dir, name) = world.parent(path)?;
        world.nodes.push(Node::File { seen: Vec::new(), durable_len: 0, lost: false });
        let node = world.nodes.len() - 1;
        world.change(dir, Change::Link(name, node))?;
        let life = world.life;
        Ok(Box::new(SimWriter { world: Arc::clone(&self.world), node, life }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let mut world = locked(&self.world);
        world.plain_call(false)?;
        let node = world.find(path)?;
        match world.nodes.get(node) {
            Some(Node::File { .. }) => Ok(Arc::new(SimReader { world: Arc::clone(&self.world), node })),
            _ => Err(not_found()),
        }
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut world = locked(&self.world);
        world.plain_call(false)?;
        let node = world.find(path)?;
        if let Some(Node::File { seen, durable_len, .. }) = world.nodes.get_mut(node) {
            seen.truncate(usize::try_from(len).unwrap_or(usize::MAX));
            *durable_len = seen.len();
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = locked(&self.world);
        world.plain_call(true)?;
        world.find(from)?;
        let (dir, from) = world.parent(from)?;
        let (to_dir, to) = world.parent(to)?;
        if dir != to_dir {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a rename stays within its directory"));
        }
        world.change(dir, Change::Rename(from, to))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = locked(&self.world);
        world.plain_call(true)?;
        let node = world.find(from)?;
        let (dir, name) = world.parent(to)?;
        if world.names(dir)?.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.change(dir, Change::Link(name, node))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut world = locked(&self.world);
        world.plain_call(false)?;
        world.find(path)?;
        let (dir, name) = world.parent(path)?;
        world.change(dir, Change::Unlink(name))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut world = locked(&self.world);
        world.plain_call(true)?;
        let dir = world.find(dir)?;
        world.sync_dir(dir);
        Ok(())
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let world = locked(&self.world);
        Ok(if world.full { 0 } else { world.free_bytes })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DirLock>>> {
        let mut world = locked(&self.world);
        world.plain_call(false)?;
        if world.locks.iter().any(|held| held == path) {
            return Ok(None);
        }
        world.locks.push(path.to_owned());
        let life = world.life;
        Ok(Some(Box::new(SimLock { world: Arc::clone(&self.world), path: path.to_owned(), life })))
    }
}

#[derive(Debug)]
struct SimLock {
    world: Arc<Mutex<World>>,
    path: PathBuf,
    life: u64,
}

impl DirLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut world = locked(&self.world);
        if world.life == self.life {
            world.locks.retain(|held| *held != self.path);
        }
    }
}

#[derive(Debug)]
struct SimWriter {
    world: Arc<Mutex<World>>,
    node: usize,
    life: u64,
}

impl WriteFile for SimWriter {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut world = locked(&self.world);
        let fault = world.call()?;
        let world = &mut *world;
        if world.life != self.life {
            return Err(io::Error::other("the handle belongs to an earlier life"));
        }
        let Some(Node::File { seen, .. }) = world.nodes.get_mut(self.node) else { return Err(not_found()) };
        let start = seen.len();
        if world.cut || world.full {
            let kept = world.rng.usize(0..=bytes.len());
            seen.extend_from_slice(bytes.get(..kept).unwrap_or_default());
            return Err(if world.cut { io::Error::other("the power is cut") } else { full() });
        }
        if fault == Some(Fault::SyncError) {
            let kept = world.rng.usize(0..=bytes.len());
            seen.extend_from_slice(bytes.get(..kept).unwrap_or_default());
            return Err(io::Error::other("simulated I/O error"));
        }
        seen.extend_from_slice(bytes);
        if fault == Some(Fault::BitFlip) && !bytes.is_empty() {
            let bit = world.rng.usize(0..bytes.len() * 8);
            if let Some(byte) = seen.get_mut(start + bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = locked(&self.world);
        let fault = world.call()?;
        let world = &mut *world;
        if world.life != self.life {
            return Err(io::Error::other("the handle belongs to an earlier life"));
        }
        if world.cut {
            return Err(io::Error::other("the power is cut"));
        }
        let Some(Node::File { seen, durable_len, lost }) = world.nodes.get_mut(self.node) else {
            return Err(not_found());
        };
        if fault == Some(Fault::SyncError) {
            *lost = true;
            return Err(io::Error::other("simulated I/O error"));
        }
        if world.full && seen.len() > *durable_len && world.rng.bool() {
            *lost = true;
            return Err(full());
        }
        if !*lost {
            *durable_len = seen.len();
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SimReader {
    world: Arc<Mutex<World>>,
    node: usize,
}

impl ReadFile for SimReader {
    fn len(&self) -> io::Result<u64> {
        let world = locked(&self.world);
        match world.nodes.get(self.node) {
            Some(Node::File { seen, .. }) => Ok(seen.len() as u64),
            _ => Err(not_found()),
        }
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut world = locked(&self.world);
        let fault = world.call()?;
        let world = &mut *world;
        match fault {
            _ if world.cut => return Err(io::Error::other("the power is cut")),
            Some(Fault::SyncError) => return Err(io::Error::other("simulated I/O error")),
            _ => {}
        }
        let Some(Node::File { seen, .. }) = world.nodes.get(self.node) else { return Err(not_found()) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(buf.len()).and_then(|end| seen.get(start..end));
        buf.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        if fault == Some(Fault::BitFlip) && !buf.is_empty() {
            let bit = world.rng.usize(0..buf.len() * 8);
            if let Some(byte) = buf.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
