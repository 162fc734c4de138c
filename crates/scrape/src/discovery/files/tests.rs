use super::*;

fn addresses(discovery: &FileDiscovery) -> Vec<String> {
    discovery.groups().flat_map(|group| group.targets.clone()).collect()
}

fn source(pattern: PathBuf) -> FileSource {
    FileSource { patterns: vec![pattern], refresh_interval: Duration::from_secs(300) }
}

#[test]
fn json_and_yaml_files_give_groups_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), r#"[{"targets": ["a:1"], "labels": {"x": "y"}}]"#).unwrap();
    std::fs::write(folder.path().join("b.json"), "- targets: ['b:1']\n").unwrap();
    let mut discovery = FileDiscovery::new(source(folder.path().join("*.json")), NameScheme::Utf8);
    assert!(discovery.poll(Duration::ZERO));
    assert_eq!(addresses(&discovery), ["a:1", "b:1"]);
    let first = discovery.groups().next().unwrap();
    assert_eq!(first.labels[0], ("x".to_owned(), "y".to_owned()));
    assert_eq!(first.labels[1].0, "__meta_filepath");
    assert!(first.labels[1].1.ends_with("a.json"));
    assert!(!discovery.poll(Duration::from_secs(1)));
}

#[test]
fn a_changed_file_changes_the_targets_and_a_vanished_one_removes_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yml");
    let mut discovery = FileDiscovery::new(source(file.clone()), NameScheme::Utf8);
    assert!(!discovery.poll(Duration::ZERO));
    std::fs::write(&file, "- targets: ['a:1']\n").unwrap();
    assert!(discovery.poll(Duration::from_secs(1)));
    std::fs::write(&file, "- targets: ['a:1', 'b:1']\n").unwrap();
    assert!(discovery.poll(Duration::from_secs(1)));
    assert_eq!(addresses(&discovery), ["a:1", "b:1"]);
    std::fs::remove_file(&file).unwrap();
    assert!(discovery.poll(Duration::from_secs(1)));
    assert!(addresses(&discovery).is_empty());
}

#[test]
fn a_wrong_file_keeps_the_last_good_targets_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yml");
    std::fs::write(&file, "- targets: ['a:1']\n").unwrap();
    let mut discovery = FileDiscovery::new(source(file.clone()), NameScheme::Utf8);
    discovery.poll(Duration::ZERO);
    std::fs::write(&file, "- targets: ['a:1']\n  lables: {}\n").unwrap();
    assert!(discovery.poll(Duration::from_secs(1)), "the fault is news");
    assert_eq!(addresses(&discovery), ["a:1"]);
    let fault = discovery.faults()[0].to_string();
    assert!(
        fault.ends_with("t.yml:2:3: unknown key \"lables\" in target group; did you mean \"labels\"?"),
        "{fault}"
    );
    assert!(!discovery.poll(Duration::from_secs(1)));
    assert_eq!(discovery.faults().len(), 1, "the fault stays while the file is wrong");
    std::fs::write(&file, "- targets: ['c:1']\n").unwrap();
    assert!(discovery.poll(Duration::from_secs(1)));
    assert_eq!(addresses(&discovery), ["c:1"]);
    assert!(discovery.faults().is_empty());
}
