//! Backups: made from a running server, brought back elsewhere, verified.

use crate::harness::remote_write::send;
use crate::harness::{Peer, Server, Setup, binary, find_program, free_port, now_ms};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const QUIET: &str = "";

/// Runs the program with a sub-command to its end.
fn watchfire(args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .env("AWS_ACCESS_KEY_ID", "test-key")
        .env("AWS_SECRET_ACCESS_KEY", "test-secret")
        .output()
        .unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = watchfire(args);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{args:?}: {out}{err}");
    out
}

fn fails(args: &[&str]) -> String {
    let output = watchfire(args);
    assert!(!output.status.success(), "{args:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn write(server: &Server, timestamp_ms: i64, value: f64) {
    let labels = [("__name__", "kept"), ("job", "a")];
    let (status, body) = send(server, &[(&labels, &[(timestamp_ms, value)])]).await.unwrap();
    assert_eq!(status, 204, "{body}");
}

fn flag(path: &Path) -> String {
    format!("--storage.tsdb.path={}", path.display())
}

/// The files of all days' parts.
fn parts(data: &Path) -> Vec<std::path::PathBuf> {
    let days = std::fs::read_dir(data.join("parts")).unwrap();
    days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

/// Saves twice from a running server, kills it, and brings the first and the last backup back into new folders.
async fn there_and_back(place: &[&str]) {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let data = flag(&setup.path("data"));
    let url = format!("--server=http://{}", server.address);
    let start_ms = now_ms() - 60_000;
    write(&server, start_ms, 1.0).await;
    let backup = [&["backup"], place, &[&data, &url]].concat();
    succeeds(&backup);
    let listed = succeeds(&[&["restore"], place, &["--list"]].concat());
    let first = listed.split_whitespace().next().unwrap().to_owned();
    write(&server, start_ms + 10_000, 2.0).await;
    let said = succeeds(&backup);
    assert!(said.contains("new since earlier backups: 3 files"), "{said}");
    write(&server, start_ms + 20_000, 3.0).await;
    assert_eq!(std::fs::read_dir(setup.path("data/snapshots")).unwrap().count(), 0, "snapshots are removed");
    server.kill();
    // Without a server the log is read and saved too.
    succeeds(&backup);

    for (choice, expected) in [(Some(first.as_str()), 1.0), (None, 3.0)] {
        let restored = Setup::new().config(QUIET);
        let folder = flag(&restored.path("data"));
        let chosen: Vec<&str> = choice.iter().flat_map(|name| ["--backup", name]).collect();
        let said = succeeds(&[&["restore"], place, &[folder.as_str()], &chosen].concat());
        assert!(said.contains("every checksum right"), "{said}");
        let refused = fails(&[&["restore"], place, &[folder.as_str()]].concat());
        assert!(refused.contains("is not empty"), "{refused}");
        succeeds(&["verify", &folder]);
        let server = restored.start().await;
        assert_eq!(server.value("count_over_time(kept[5m])").await, Some(expected));
        server.kill();
    }
    succeeds(&[&["backup"], place, &[&data, "--keep=1"]].concat());
    let listed = succeeds(&[&["restore"], place, &["--list"]].concat());
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[tokio::test]
async fn a_backup_of_a_running_server_comes_back_in_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("backups");
    there_and_back(&[place.to_str().unwrap()]).await;
}

#[tokio::test]
async fn a_backup_in_an_s3_bucket_comes_back() {
    let beside = binary().ancestors().nth(2).map(|target| target.join("test-tools/bin/moto_server"));
    let program = beside.filter(|path| path.is_file()).or_else(|| find_program("moto_server"));
    let Some(program) = program.as_deref().and_then(Path::to_str) else {
        println!("skipped: no moto_server, the S3 server of the Python package moto");
        return;
    };
    let port = free_port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let Some(_peer) = Peer::start(program, ["-H", "127.0.0.1", "-p", &port.to_string()]) else {
        println!("skipped: moto_server does not start");
        return;
    };
    let client = reqwest::Client::new();
    let started = Instant::now();
    while client.put(format!("{endpoint}/bucket")).send().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "moto_server does not answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    there_and_back(&["s3://bucket/some/prefix", "--s3.endpoint", &endpoint]).await;
    let refused = fails(&["restore", "s3://other", "--s3.endpoint", &endpoint, "--list"]);
    assert!(refused.contains("s3://other/backups"), "{refused}");
}

#[tokio::test]
async fn verify_names_a_flipped_bit_in_the_data_and_in_a_backup() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    write(&server, now_ms() - 60_000, 1.0).await;
    assert!(server.terminate().success());
    let data = flag(&setup.path("data"));
    let place = setup.path("backups");
    let place = place.to_str().unwrap();
    succeeds(&["verify", &data]);
    succeeds(&["backup", place, &data]);
    let [part] = <[_; 1]>::try_from(parts(&setup.path("data"))).unwrap();
    let mut bytes = std::fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&part, &bytes).unwrap();
    let said = fails(&["verify", &data]);
    assert!(said.contains(part.to_str().unwrap()) && said.contains("problem"), "{said}");
    // The backup is another copy, and still whole.
    succeeds(&["verify", "--place", place]);
    let mut objects = Vec::new();
    collect(Path::new(place), &mut objects);
    let object = objects.iter().find(|path| path.to_string_lossy().contains(".part.")).unwrap();
    std::fs::write(object, b"not what was saved").unwrap();
    let said = fails(&["verify", "--place", place]);
    assert!(said.contains("the manifest says"), "{said}");
    let said = fails(&["restore", place, &flag(&setup.path("restored"))]);
    assert!(said.contains("the manifest says"), "{said}");
    assert!(!setup.path("restored").exists());
}

fn collect(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
