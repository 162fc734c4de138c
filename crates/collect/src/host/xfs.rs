//! XFS file systems, from /sys/fs/xfs.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_xfs_*`.
pub(super) struct Xfs;

/// Lines of a file system's counters, and what their columns become; columns without a name are not told.
const LINES: [(&str, &[&str]); 8] = [
    (
        "extent_alloc",
        &[
            "extent_allocation_extents_allocated_total",
            "extent_allocation_blocks_allocated_total",
            "extent_allocation_extents_freed_total",
            "extent_allocation_blocks_freed_total",
        ],
    ),
    (
        "abt",
        &[
            "allocation_btree_lookups_total",
            "allocation_btree_compares_total",
            "allocation_btree_records_inserted_total",
            "allocation_btree_records_deleted_total",
        ],
    ),
    (
        "blk_map",
        &[
            "block_mapping_reads_total",
            "block_mapping_writes_total",
            "block_mapping_unmaps_total",
            "block_mapping_extent_list_insertions_total",
            "block_mapping_extent_list_deletions_total",
            "block_mapping_extent_list_lookups_total",
            "block_mapping_extent_list_compares_total",
        ],
    ),
    (
        "bmbt",
        &[
            "block_map_btree_lookups_total",
            "block_map_btree_compares_total",
            "block_map_btree_records_inserted_total",
            "block_map_btree_records_deleted_total",
        ],
    ),
    (
        "dir",
        &[
            "directory_operation_lookup_total",
            "directory_operation_create_total",
            "directory_operation_remove_total",
            "directory_operation_getdents_total",
        ],
    ),
    (
        "ig",
        &[
            "inode_operation_attempts_total",
            "inode_operation_found_total",
            "inode_operation_recycled_total",
            "inode_operation_missed_total",
            "inode_operation_duplicates_total",
            "inode_operation_reclaims_total",
            "inode_operation_attribute_changes_total",
        ],
    ),
    ("rw", &["write_calls_total", "read_calls_total"]),
    (
        "vnodes",
        &[
            "vnode_active_total",
            "vnode_allocate_total",
            "vnode_get_total",
            "vnode_hold_total",
            "vnode_release_total",
            "vnode_reclaim_total",
            "vnode_remove_total",
        ],
    ),
];

impl Collector for Xfs {
    fn name(&self) -> &'static str {
        "xfs"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for device in roots.sys_folder("fs/xfs") {
            // Beside the devices stand the counters of all together.
            let source = match roots.sys(&format!("fs/xfs/{device}/stats/stats")) {
                Err(_) if device == "stats" || device == "debug" => continue,
                Err(error) if error.is_absent() => continue,
                source => source?,
            };
            for (number, line) in source.lines() {
                let mut words = line.split_ascii_whitespace();
                let word = words.next().unwrap_or_default();
                let Some((_, names)) = LINES.iter().find(|(name, _)| *name == word) else { continue };
                for (name, count) in names.iter().zip(words) {
                    let help = "A counter of an XFS file system.";
                    let count = source.number(number, Some(count))?;
                    out.counter(format!("node_xfs_{name}"), help, &[("device", &device)], count);
                }
                found = true;
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("XFS file system")) }
    }
}
