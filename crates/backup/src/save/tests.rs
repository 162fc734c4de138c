use super::*;
use crate::{BucketOptions, prune, restore, verify};
use object_store::memory::InMemory;
use std::path::PathBuf;
use std::sync::Arc;

/// A folder with parts, one longer than a piece, and files that change.
fn source(dir: &Path) -> PathBuf {
    let source = dir.join("source");
    std::fs::create_dir_all(source.join("parts/day-1")).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut long = vec![0; (9 << 20) + 5];
    rng.fill(&mut long);
    std::fs::write(source.join("parts/day-1/000000000001.part"), long).unwrap();
    std::fs::write(source.join("parts/day-1/000000000002.part"), b"short").unwrap();
    std::fs::write(source.join("metadata"), b"first").unwrap();
    std::fs::write(source.join("ledger.db"), b"").unwrap();
    source
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    list_files(dir, "", &mut files).unwrap();
    files.into_keys().map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap())).collect()
}

fn places(dir: &Path) -> Vec<Place> {
    let bucket = Place::Bucket {
        store: Arc::new(InMemory::new()),
        prefix: "a/b".to_owned(),
        name: "s3://bucket/a/b".to_owned(),
    };
    vec![Place::Folder(dir.join("place")), bucket]
}

#[tokio::test]
async fn a_backup_comes_back_and_a_second_one_sends_only_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        let source = source(dir.path());
        let first = save(&source, &place, "b1", 1, &mut |_| {}).await.unwrap();
        assert_eq!((first.new_files, first.manifest.files.len()), (4, 4), "{place}");
        let before = contents(&source);

        std::fs::write(source.join("metadata"), b"second").unwrap();
        std::fs::write(source.join("parts/day-1/000000000002.part"), b"other").unwrap();
        std::fs::write(source.join("parts/day-1/000000000003.part"), b"third").unwrap();
        let second = save(&source, &place, "b2", 2, &mut |_| {}).await.unwrap();
        assert_eq!((second.new_files, second.new_bytes), (4, 16), "{place}");
        assert_eq!(place.backups().await.unwrap(), ["b1", "b2"]);

        for (name, expected) in [(Some("b1"), before), (None, contents(&source))] {
            let to = dir.path().join("restored");
            let mut last = Progress::default();
            restore(&place, name, &to, &mut |progress| last = progress).await.unwrap();
            assert_eq!(contents(&to), expected, "{place} {name:?}");
            assert_eq!((last.files_done, last.bytes_done), (last.files, last.bytes));
            std::fs::remove_dir_all(to).unwrap();
            assert!(verify(&place, name, &mut |_| {}).await.unwrap().problems.is_empty());
        }

        let pruned = prune(&place, 1).await.unwrap();
        assert_eq!((pruned.backups.as_slice(), pruned.objects), (&["b1".to_owned()][..], 3), "{place}");
        let to = dir.path().join("restored");
        restore(&place, None, &to, &mut |_| {}).await.unwrap();
        assert_eq!(contents(&to), contents(&source));
        std::fs::remove_dir_all(to).unwrap();
        std::fs::remove_dir_all(source).unwrap();
    }
}

#[tokio::test]
async fn what_an_interrupted_backup_sent_is_used_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(dir.path());
    let place = Place::Folder(dir.path().join("place"));
    save(&source, &place, "b1", 1, &mut |_| {}).await.unwrap();
    // The manifest is what was never written.
    std::fs::remove_file(dir.path().join("place/backups/b1.json")).unwrap();
    let again = save(&source, &place, "b2", 2, &mut |_| {}).await.unwrap();
    assert_eq!(again.new_files, 2);
    assert!(verify(&place, None, &mut |_| {}).await.unwrap().problems.is_empty());
    // The objects of the backup that never was are cleared away with the next pruning.
    assert_eq!(prune(&place, 5).await.unwrap().objects, 2);
}

#[tokio::test]
async fn damage_is_named_and_never_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(dir.path());
    let place = Place::Folder(dir.path().join("place"));
    let saved = save(&source, &place, "b1", 1, &mut |_| {}).await.unwrap();
    let object = saved.manifest.files.iter().find(|file| file.path.ends_with("2.part")).unwrap();
    let path = dir.path().join("place").join(&object.object);
    std::fs::write(&path, b"shorT").unwrap();
    let found = verify(&place, None, &mut |_| {}).await.unwrap();
    let [problem] = found.problems.as_slice() else { panic!("{:?}", found.problems) };
    assert!(problem.to_string().contains("000000000002.part"), "{problem}");
    assert!(problem.to_string().contains("its checksum is"), "{problem}");
    let to = dir.path().join("restored");
    let error = restore(&place, None, &to, &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("its checksum is"), "{error}");
    assert!(!to.exists());
    // Mended, the same call goes on where it stopped.
    std::fs::write(&path, b"short").unwrap();
    let restored = restore(&place, None, &to, &mut |_| {}).await.unwrap();
    assert!(restored.kept_files > 0);
    assert_eq!(contents(&to), contents(&source));
}

#[tokio::test]
async fn a_folder_in_use_and_an_unknown_backup_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let source = source(dir.path());
    let place = Place::Folder(dir.path().join("place"));
    let error = restore(&place, None, &dir.path().join("to"), &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("has no backup \"latest\"; it has none at all"), "{error}");
    save(&source, &place, "b1", 1, &mut |_| {}).await.unwrap();
    let error =
        restore(&place, Some("b7"), &dir.path().join("to"), &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("has no backup \"b7\"; it has b1"), "{error}");
    let error = restore(&place, None, &source, &mut |_| {}).await.unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

#[test]
fn places_are_folders_or_buckets() {
    let options = BucketOptions { region: Some("eu-1".to_owned()), ..BucketOptions::default() };
    assert_eq!(Place::parse("/var/backups", &options).unwrap().to_string(), "/var/backups");
    assert_eq!(Place::parse("s3://bucket/a/", &options).unwrap().to_string(), "s3://bucket/a");
    for text in ["", "gs://bucket", "s3://", "s3:///a"] {
        let error = Place::parse(text, &options).unwrap_err().to_string();
        assert!(error.contains("is no place for backups"), "{error}");
    }
}
