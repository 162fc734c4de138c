//! Forgetting old backups.

use crate::error::BackupError;
use crate::place::{Place, manifest_object};
use crate::save::OBJECTS;
use std::collections::BTreeSet;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The names of the backups.
    pub backups: Vec<String>,
    /// How many objects no backup needs any more.
    pub objects: usize,
}

/// Keeps the newest `keep` backups and forgets the others, and what only they needed. Manifests go first, so that no
/// backup is ever listed whose objects are gone. Nothing is removed when a manifest that stays cannot be read, as what
/// it needs is not known. No backup may be under way at the same place.
pub async fn prune(place: &Place, keep: usize) -> Result<Pruned, BackupError> {
    let mut names = place.backups().await?;
    let kept = names.split_off(names.len().saturating_sub(keep.max(1)));
    let mut needed = BTreeSet::new();
    for name in &kept {
        needed.extend(place.manifest(Some(name)).await?.files.into_iter().map(|file| file.object));
    }
    for name in &names {
        place.remove(&manifest_object(name)).await?;
    }
    let mut pruned = Pruned { backups: names, objects: 0 };
    for object in place.list(OBJECTS).await?.into_keys().filter(|object| !needed.contains(object)) {
        place.remove(&object).await?;
        pruned.objects += 1;
    }
    Ok(pruned)
}
