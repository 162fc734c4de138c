//! Writing the index of a part: for each label name its values, with the series that have them.
//!
//! Series come in label order, values do not. What is gathered takes a bounded share of memory: beyond it, everything so
//! far goes to a file beside the part, a *run*, in order. In the end the runs are merged into the pages of the index.

mod runs;

use super::values::NamePages;
use super::{PAGE_BYTES, write_page};
use crate::codec::bytes::{put_sized, put_varint};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use roaring::RoaringBitmap;
use runs::Runs;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::Arc;
use watchfire_disk::{BlockWriter, Disk};
use watchfire_model::Labels;

/// About what a value takes besides its text: its entry, its place in the table, and room that vectors grow into.
const VALUE_BYTES: usize = 64;
/// About what the set of a value takes once there is more than one series, and what each series adds.
const SET_BYTES: usize = 160;
const MEMBER_BYTES: usize = 3;

/// The series of a value. Most values have one.
#[derive(Debug)]
enum Ids {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Ids {
    /// Adds a series, and says about how many bytes that takes.
    fn insert(&mut self, id: u32) -> usize {
        match self {
            Self::Many(ids) => {
                ids.insert(id);
                MEMBER_BYTES
            }
            Self::One(first) => {
                *self = Self::Many(Box::new(RoaringBitmap::from_iter([*first, id])));
                SET_BYTES
            }
        }
    }

    /// Adds what a later run has of the same value.
    fn join(&mut self, later: Self) {
        match (&mut *self, later) {
            (ids, Self::One(id)) => {
                ids.insert(id);
            }
            (Self::Many(ids), Self::Many(later)) => **ids |= *later,
            (Self::One(id), Self::Many(mut later)) => {
                later.insert(*id);
                *self = Self::Many(later);
            }
        }
    }

    fn put(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::One(id) => {
                out.push(0);
                put_varint(out, u64::from(id));
                Ok(())
            }
            Self::Many(mut ids) => {
                ids.optimize();
                out.push(1);
                put_varint(out, ids.serialized_size() as u64);
                ids.serialize_into(out)
            }
        }
    }
}

/// Takes the name of a label, one of its values, and the series that have it.
type Each<'a> = dyn FnMut(&str, &[u8], Ids) -> io::Result<()> + 'a;

#[derive(Debug)]
struct Value {
    begin: usize,
    len: u32,
    ids: Ids,
}

/// The values of a label.
#[derive(Debug, Default)]
struct Values {
    text: Vec<u8>,
    values: Vec<Value>,
    by_text: HashTable<u32>,
    /// The one added to last: it is often the next too.
    last: usize,
}

fn text_of<'a>(text: &'a [u8], value: &Value) -> &'a [u8] {
    text.get(value.begin..value.begin + value.len as usize).unwrap_or_default()
}

impl Values {
    fn find(&self, value: &[u8], hasher: &DefaultHashBuilder) -> Result<usize, u64> {
        let is =
            |index: usize| self.values.get(index).is_some_and(|known| text_of(&self.text, known) == value);
        if is(self.last) {
            return Ok(self.last);
        }
        let hash = hasher.hash_one(value);
        self.by_text.find(hash, |index| is(*index as usize)).map(|index| *index as usize).ok_or(hash)
    }

    /// Adds a series with this value, and says about how many bytes that takes.
    fn add(&mut self, value: &str, id: u32, hasher: &DefaultHashBuilder) -> usize {
        match self.find(value.as_bytes(), hasher) {
            Ok(index) => {
                self.last = index;
                self.values.get_mut(index).map_or(0, |value| value.ids.insert(id))
            }
            Err(hash) => {
                self.last = self.values.len();
                let value = value.as_bytes();
                self.values.push(Value {
                    begin: self.text.len(),
                    len: value.len() as u32,
                    ids: Ids::One(id),
                });
                self.text.extend_from_slice(value);
                let (text, values) = (&self.text, &self.values);
                self.by_text.insert_unique(hash, self.last as u32, |index| {
                    hasher.hash_one(values.get(*index as usize).map_or(&[][..], |value| text_of(text, value)))
                });
                VALUE_BYTES + value.len()
            }
        }
    }

    fn drain(&mut self, with: &mut dyn FnMut(&[u8], Ids) -> io::Result<()>) -> io::Result<()> {
        self.by_text = HashTable::new();
        let (mut values, text) = (std::mem::take(&mut self.values), &self.text);
        values.sort_unstable_by(|left, right| text_of(text, left).cmp(text_of(text, right)));
        for value in values {
            with(text_of(text, &value), value.ids)?;
        }
        Ok(())
    }
}

/// The index of a part while it is written.
#[derive(Debug)]
pub(super) struct IndexWriter {
    names: HashMap<String, Values>,
    hasher: DefaultHashBuilder,
    /// About what is in memory, and what may be.
    bytes: usize,
    max_bytes: usize,
    runs: Runs,
}

impl IndexWriter {
    /// The index of the part `dir/name`, of which at most about `max_bytes` are in memory.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, name: &str, max_bytes: usize) -> Self {
        Self {
            names: HashMap::new(),
            hasher: DefaultHashBuilder::default(),
            bytes: 0,
            max_bytes,
            runs: Runs::new(disk, dir, name),
        }
    }

    /// Adds a series; its id is larger than all before.
    pub(super) fn add(&mut self, labels: &Labels, id: u32) -> io::Result<()> {
        for (name, value) in labels {
            if !self.names.contains_key(name) {
                self.names.insert(name.to_owned(), Values::default());
                self.bytes += size_of::<Values>() + name.len();
            }
            if let Some(values) = self.names.get_mut(name) {
                self.bytes += values.add(value, id, &self.hasher);
            }
        }
        if self.bytes > self.max_bytes { self.spill() } else { Ok(()) }
    }

    /// Everything in memory, in order; nothing is left there.
    fn drain(&mut self, with: &mut Each<'_>) -> io::Result<()> {
        self.bytes = 0;
        let mut names: Vec<_> = std::mem::take(&mut self.names).into_iter().collect();
        names.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (name, mut values) in names {
            values.drain(&mut |value, ids| with(&name, value, ids))?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut run = self.runs.begin()?;
        self.drain(&mut |name, value, ids| run.put(name, value, ids))?;
        self.runs.end(run)
    }

    /// Writes all pages; names in order.
    pub(super) fn write(mut self, writer: &mut BlockWriter) -> io::Result<Vec<NamePages>> {
        let mut pages = Pages { writer, names: Vec::new(), page: Vec::new(), first: None, last: Vec::new() };
        if self.runs.is_empty() {
            self.drain(&mut |name, value, ids| pages.put(name, value, ids))?;
        } else {
            self.spill()?;
            self.runs.merge(&mut |name, value, ids| pages.put(name, value, ids))?;
        }
        pages.end()?;
        Ok(pages.names)
    }
}

/// The pages of the index, from values in order.
struct Pages<'a> {
    writer: &'a mut BlockWriter,
    names: Vec<NamePages>,
    page: Vec<u8>,
    /// The first value of the page.
    first: Option<String>,
    /// The last value put on it.
    last: Vec<u8>,
}

impl Pages<'_> {
    fn put(&mut self, name: &str, value: &[u8], ids: Ids) -> io::Result<()> {
        if self.names.last().is_none_or(|last| last.name != name) {
            self.end()?;
            self.names.push(NamePages { name: name.to_owned(), pages: Vec::new() });
        }
        if self.first.is_none() {
            self.first = Some(String::from_utf8_lossy(value).into_owned());
            self.last.clear();
        }
        let shared = value.iter().zip(&self.last).take_while(|(left, right)| left == right).count();
        let rest = value.get(shared..).unwrap_or_default();
        put_varint(&mut self.page, shared as u64);
        put_sized(&mut self.page, rest);
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
        ids.put(&mut self.page)?;
        if self.page.len() >= PAGE_BYTES { self.end() } else { Ok(()) }
    }

    /// Writes the page that is open.
    fn end(&mut self) -> io::Result<()> {
        let Some(first) = self.first.take() else { return Ok(()) };
        let block = write_page(self.writer, &self.page)?;
        self.page.clear();
        if let Some(name) = self.names.last_mut() {
            name.pages.push((first, block));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
