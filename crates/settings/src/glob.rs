//! File patterns: wildcards in the last element of a path.

use std::path::{Path, PathBuf};

/// Whether `*` stands nowhere but in the last element of a pattern, as Prometheus demands.
pub fn is_pattern(pattern: &str) -> bool {
    match pattern.find('*') {
        Some(at) => pattern.get(at..).is_some_and(|rest| !rest.contains('/')),
        None => true,
    }
}

/// The files a pattern names, sorted. `*` and `?` stand for any text and any character in the last element; a
/// pattern without them names one file, if it exists. A folder that cannot be read names none.
pub fn expand(pattern: &Path) -> Vec<PathBuf> {
    let Some(name) = pattern.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    if !name.contains(['*', '?']) {
        return if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() };
    }
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let wanted: Vec<char> = name.chars().collect();
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|found| matches(&wanted, found)))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Whether a name fits; the last `*` met is the only place to come back to, so the work is bounded by the product
/// of the lengths.
fn matches(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || Some(wanted) == name.get(seen) => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    seen = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_in_the_last_element_only() {
        let fits = |pattern: &str, name: &str| matches(&pattern.chars().collect::<Vec<_>>(), name);
        assert!(fits("*.yml", "a.yml") && fits("a*b*c", "aXbYbc") && fits("?.json", "x.json"));
        assert!(!fits("*.yml", "a.yaml") && !fits("a*b", "ac") && !fits("?", ""));
        assert!(is_pattern("a/*.yml") && is_pattern("a/b.yml") && !is_pattern("a/*/b.yml"));
    }

    #[test]
    fn files_come_sorted() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yml", "c.json"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = expand(&folder.path().join("*.yml"));
        assert_eq!(names, [folder.path().join("a.yml"), folder.path().join("b.yml")]);
        assert_eq!(expand(&folder.path().join("none.yml")), Vec::<PathBuf>::new());
    }
}
