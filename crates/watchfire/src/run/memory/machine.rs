//! What the kernel says about memory: how much there is, how much we may have, how much we use.

use std::path::{Path, PathBuf};

/// What the machine has, or a control group around this process allows, whichever is least. `root` is where `/proc` and
/// `/sys` are. `None` where the kernel says nothing.
pub(super) fn memory_bytes(root: &Path) -> Option<u64> {
    let machine = read(&root.join("proc/meminfo")).and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let groups = read(&root.join("proc/self/cgroup")).unwrap_or_default();
    let allowed = groups.lines().filter_map(|line| group_limit(root, line)).min();
    [machine, allowed].into_iter().flatten().min()
}

/// The least limit from a process's group up to the root of its hierarchy. A line is `ID:CONTROLLERS:PATH`; version 2
/// names no controllers.
fn group_limit(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (mount, file) = if controllers.is_empty() {
        (root.join("sys/fs/cgroup"), "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        (root.join("sys/fs/cgroup/memory"), "memory.limit_in_bytes")
    } else {
        return None;
    };
    let path = PathBuf::from(path.trim_start_matches('/'));
    // In a container the path may be the host's, which is not there; the container's own group is then the root.
    path.ancestors()
        .filter_map(|group| read(&mount.join(group).join(file))?.trim().parse::<u64>().ok())
        // "max" in version 2 is no number; version 1 says a number near 2^63.
        .filter(|bytes| *bytes > 0 && *bytes < 1 << 60)
        .min()
}

/// Bytes of this process in physical memory.
pub(super) fn resident_bytes() -> Option<u64> {
    let text = read(Path::new("/proc/self/statm"))?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");

    fn bytes(files: &[(&str, &str)]) -> Option<u64> {
        memory_bytes(root(files).path())
    }

    #[test]
    fn without_a_group_it_is_what_the_machine_has() {
        assert_eq!(bytes(&[MEMINFO]), Some(16 * GIB));
        assert_eq!(
            bytes(&[MEMINFO, ("proc/self/cgroup", "0::/a\n"), ("sys/fs/cgroup/a/memory.max", "max\n")]),
            Some(16 * GIB)
        );
        assert_eq!(bytes(&[]), None);
    }

    #[test]
    fn the_least_limit_of_the_groups_around_the_process_counts() {
        let own = [
            MEMINFO,
            ("proc/self/cgroup", "0::/kube/pod/own\n"),
            ("sys/fs/cgroup/kube/pod/own/memory.max", "max\n"),
            ("sys/fs/cgroup/kube/pod/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/kube/memory.max", "8589934592\n"),
        ];
        assert_eq!(bytes(&own), Some(2 * GIB));
    }

    #[test]
    fn in_a_container_the_group_may_be_the_root_of_what_is_mounted() {
        let inside = [
            MEMINFO,
            ("proc/self/cgroup", "0::/docker/4711\n"),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
        ];
        assert_eq!(bytes(&inside), Some(GIB));
    }

    #[test]
    fn the_first_version_of_groups_is_understood() {
        let old = |limit| {
            bytes(&[
                MEMINFO,
                ("proc/self/cgroup", "12:cpu,cpuacct:/x\n5:memory:/docker/4711\n"),
                ("sys/fs/cgroup/memory/docker/4711/memory.limit_in_bytes", limit),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
            ])
        };
        assert_eq!(old("3221225472\n"), Some(3 * GIB));
        assert_eq!(old("9223372036854771712\n"), Some(16 * GIB));
    }

    #[test]
    fn this_process_is_somewhere_in_memory() {
        let all = memory_bytes(Path::new("/")).unwrap();
        let own = resident_bytes().unwrap();
        assert!(own > 1 << 20 && own < all, "{own} of {all}");
    }
}
