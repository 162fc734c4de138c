//! Scopes by name.

use super::scope::{LimitScope, Scope};
use crate::{reading, writing};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::sync::{Arc, RwLock};

/// Makers of new series rarely meet in one of so many.
const SHARDS: usize = 16;

#[derive(Debug)]
pub(super) struct Scopes {
    kind: LimitScope,
    hasher: DefaultHashBuilder,
    shards: Vec<RwLock<HashTable<Arc<Scope>>>>,
}

impl Scopes {
    pub(super) fn new(kind: LimitScope) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { kind, hasher: DefaultHashBuilder::default(), shards }
    }

    fn place(&self, first: &[u8], second: &[u8]) -> (u64, Option<&RwLock<HashTable<Arc<Scope>>>>) {
        let hash = self.hasher.hash_one((first, second));
        // The table itself uses the other end of the hash.
        (hash, self.shards.get((hash >> 40) as usize % SHARDS))
    }

    /// The scope of that name, if it has or lately had series.
    pub(super) fn find(&self, first: &[u8], second: &[u8]) -> Option<Arc<Scope>> {
        let (hash, shard) = self.place(first, second);
        reading(shard?).find(hash, |scope| scope.is(first, second)).cloned()
    }

    /// The scope of that name.
    pub(super) fn get(&self, first: &[u8], second: &[u8]) -> Arc<Scope> {
        let (hash, shard) = self.place(first, second);
        let new = || Arc::new(Scope::new(self.kind, first, second));
        let Some(shard) = shard else { return new() };
        let rehash = |scope: &Arc<Scope>| self.hasher.hash_one((&*scope.first, &*scope.second));
        let mut table = writing(shard);
        let entry = table.entry(hash, |scope| scope.is(first, second), rehash);
        Arc::clone(entry.or_insert_with(new).get())
    }

    /// Removes a scope without series, unless it has something to tell.
    pub(super) fn remove_idle(&self, scope: &Scope) {
        let (hash, shard) = self.place(&scope.first, &scope.second);
        let Some(shard) = shard else { return };
        let mut table = writing(shard);
        if let Ok(entry) = table.find_entry(hash, |known| std::ptr::eq(&**known, scope))
            && scope.retire()
        {
            entry.remove();
        }
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            writing(shard).clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| reading(shard).len()).sum()
    }

    /// The `top` scopes by what `rank` says, the largest first, without those ranked 0.
    pub(super) fn top(&self, top: usize, rank: impl Fn(&Scope) -> u64) -> Vec<Arc<Scope>> {
        let mut found: Vec<(u64, Arc<Scope>)> = Vec::new();
        for shard in &self.shards {
            let table = reading(shard);
            found.extend(
                table.iter().map(|scope| (rank(scope), Arc::clone(scope))).filter(|(rank, _)| *rank > 0),
            );
        }
        found.sort_unstable_by(|(left_rank, left), (right_rank, right)| {
            right_rank
                .cmp(left_rank)
                .then_with(|| (&left.first, &left.second).cmp(&(&right.first, &right.second)))
        });
        found.truncate(top);
        found.into_iter().map(|(_, scope)| scope).collect()
    }
}
