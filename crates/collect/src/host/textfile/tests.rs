use super::*;
use watchfire_wire::exposition::write::write;

fn collect(files: &[(&str, &str)]) -> (Result<(), CollectError>, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let collector = TextFile { folders: vec![folder.path().to_path_buf()] };
    let mut out = Collection::default();
    let result = collector.collect(&Roots::default(), &mut out);
    (result, write(&out.into_families(), Format::Text))
}

#[test]
fn files_are_told_as_they_are_with_their_age() {
    let (result, text) = collect(&[
        ("a.prom", "# HELP jobs What is done.\n# TYPE jobs counter\njobs{kind=\"b\"} 3\n"),
        ("b.prom", "jobs{kind=\"a\"} 4\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 5\nh_count 2\n"),
        ("c.txt", "not_ours 1\n"),
    ]);
    result.unwrap();
    for line in [
        "# HELP jobs What is done.",
        "# TYPE jobs counter",
        "jobs{kind=\"a\"} 4",
        "jobs{kind=\"b\"} 3",
        "# TYPE h histogram",
        "h_bucket{le=\"+Inf\"} 2",
        "h_sum 5",
        "node_textfile_scrape_error 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert_eq!(text.matches("node_textfile_mtime_seconds{").count(), 2);
    assert!(!text.contains("not_ours"));
}

#[test]
fn a_broken_file_is_told_and_left_out_as_a_whole() {
    for broken in ["half 1\nhalf{ 2\n", "old 1 1700000000000\n", "\u{0}"] {
        let (result, text) = collect(&[("a.prom", broken), ("b.prom", "good 1\n")]);
        assert!(result.is_err(), "{broken:?}");
        assert!(text.contains("good 1") && !text.contains("half") && !text.contains("old"), "{text}");
        assert!(text.contains("node_textfile_scrape_error 1"), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_a_failure() {
    let collector = TextFile { folders: vec![PathBuf::from("/nowhere/at/all")] };
    let mut out = Collection::default();
    assert!(collector.collect(&Roots::default(), &mut out).is_err());
}
