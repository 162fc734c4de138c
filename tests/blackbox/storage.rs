//! The data folder under stress: full disks, damaged files, newer formats, old and late samples.

use crate::harness::remote_write::send;
use crate::harness::{PATIENCE, Server, Setup, encode, now_ms};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A configuration that scrapes nothing.
const QUIET: &str = "";
const DAY_MS: i64 = 86_400_000;
/// The file system of the full-disk test. The store keeps 64 MiB of it free.
const DISK_MIB: u64 = 128;

/// A file system in memory, gone with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a printed line, where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        let size = format!("size={DISK_MIB}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("skipped: a small file system cannot be mounted here: {}", said.trim());
                None
            }
            Err(error) => {
                println!("skipped: mount cannot be run here: {error}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, so that a server that is still ending does not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes until there is no room at all.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0x5a; 1 << 20];
    for _ in 0..DISK_MIB * 2 {
        if file.write_all(&block).is_err() {
            return;
        }
    }
    panic!("{} never became full", path.display());
}

async fn write(server: &Server, name: &str, samples: &[(i64, f64)]) -> (u16, String) {
    send(server, &[(&[("__name__", name), ("writer", "a")], samples)]).await.unwrap()
}

async fn keep(server: &Server, name: &str, samples: &[(i64, f64)]) {
    let (status, body) = write(server, name, samples).await;
    assert_eq!(status, 204, "{body}");
}

async fn compact(server: &Server) {
    let (status, body) = server.post("/api/v1/admin/tsdb/compact", "").await;
    assert!(status < 300, "{status}: {body}");
}

/// All samples of a selector in the window that ends at `end_ms`, by time.
async fn samples(server: &Server, selector: &str, window: &str, end_ms: i64) -> BTreeMap<i64, f64> {
    let query = encode(&format!("{selector}[{window}]"));
    let path = format!("/api/v1/query?query={query}&time={}", end_ms as f64 / 1000.0);
    let answer = server.get_json(&path).await;
    assert_eq!(answer["status"], "success", "{answer}");
    let values = answer["data"]["result"][0]["values"].as_array().cloned().unwrap_or_default();
    values
        .iter()
        .map(|sample| {
            let at = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
            (at, sample[1].as_str().unwrap().parse().unwrap())
        })
        .collect()
}

/// The value of a line of the server's own metrics.
async fn own_metric(server: &Server, name: &str) -> f64 {
    let (_, text) = server.get("/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).parse().unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// The one file with this ending below the data folder.
fn only_file(setup: &Setup, ending: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = files(&setup.path("data")).into_keys().collect();
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Noon of a day that is over, so that no test straddles midnight.
fn noon(days_ago: i64) -> i64 {
    (now_ms() / DAY_MS - days_ago) * DAY_MS + DAY_MS / 2
}

#[tokio::test]
async fn a_full_disk_refuses_writes_with_a_reason_and_recovers_without_a_restart() {
    let setup = Setup::new();
    let Some(_disk) = SmallDisk::mount(setup.folder.path()) else { return };
    let setup = setup.config(QUIET);
    let server = setup.start().await;
    let first_ms = now_ms() - 600_000;
    let mut acknowledged = BTreeMap::new();
    for step in 0..20 {
        keep(&server, "kept", &[(first_ms + step, step as f64)]).await;
        acknowledged.insert(first_ms + step, step as f64);
    }

    let ballast = setup.path("ballast");
    fill(&ballast);
    let started = Instant::now();
    let (mut step, mut refusal) = (20, None);
    while refusal.is_none() {
        assert!(started.elapsed() < PATIENCE, "a full disk is never noticed");
        step += 1;
        match write(&server, "kept", &[(first_ms + step, step as f64)]).await {
            (204, _) => {
                acknowledged.insert(first_ms + step, step as f64);
            }
            other => refusal = Some(other),
        }
    }
    let (status, reason) = refusal.unwrap();
    assert_eq!(status, 503, "{reason}");
    assert!(reason.contains("read-only") && reason.contains("wal"), "the reason and the place: {reason}");
    let seen = samples(&server, "kept", "1h", now_ms()).await;
    assert!(acknowledged.iter().all(|(at, value)| seen.get(at) == Some(value)), "queries go on");
    assert_eq!(own_metric(&server, "watchfire_store_read_only").await, 1.0);
    let info = server.get_json("/api/ui/v1/status/runtimeinfo").await;
    let told = info["data"]["readOnlyReason"].as_str().unwrap_or_default();
    assert!(told.contains("wal"), "the status names the reason: {info}");

    std::fs::remove_file(&ballast).unwrap();
    let started = Instant::now();
    loop {
        step += 1;
        if write(&server, "kept", &[(first_ms + step, step as f64)]).await.0 == 204 {
            acknowledged.insert(first_ms + step, step as f64);
            break;
        }
        assert!(started.elapsed() < PATIENCE, "writes are never taken again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(own_metric(&server, "watchfire_store_read_only").await, 0.0);
    let info = server.get_json("/api/ui/v1/status/runtimeinfo").await;
    assert!(info["data"]["readOnlyReason"].is_null(), "{info}");

    server.kill();
    let server = setup.start().await;
    let seen = samples(&server, "kept", "1h", now_ms()).await;
    let missing: Vec<_> = acknowledged.iter().filter(|(at, value)| seen.get(at) != Some(value)).collect();
    assert!(missing.is_empty(), "acknowledged but missing: {missing:?}");
}

#[tokio::test]
async fn a_flipped_bit_costs_what_it_hits_and_the_answer_names_the_place() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    let noon_ms = noon(1);
    // Values without a pattern and enough of them that they share no block. In label order, `a` lies first.
    let column = |seed: u64| -> Vec<(i64, f64)> {
        (0..4000_u64)
            .map(|step| {
                let mixed = (step + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (noon_ms + step as i64 * 100, 1.0 + (mixed >> 12) as f64 / (1_u64 << 52) as f64)
            })
            .collect()
    };
    for (place, seed) in [("a", 1), ("b", 10_000)] {
        let labels = [("__name__", "measured"), ("place", place)];
        let (status, body) = send(&server, &[(&labels, &column(seed))]).await.unwrap();
        assert_eq!(status, 204, "{body}");
    }
    compact(&server).await;
    assert!(server.terminate().success());

    let part = only_file(&setup, ".part");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[16 + 100] ^= 0x10;
    std::fs::write(&part, &bytes).unwrap();

    let server = setup.start().await;
    let end_s = noon_ms / 1000 + 500;
    let query = encode("count_over_time(measured[10m])");
    let path = format!("/api/v1/query?query={query}&time={end_s}");
    for _ in 0..2 {
        let answer = server.get_json(&path).await;
        assert_eq!(answer["status"], "success", "{answer}");
        let result = answer["data"]["result"].as_array().unwrap();
        assert_eq!(result.len(), 1, "the rest is served: {answer}");
        assert_eq!(result[0]["metric"]["place"], "b");
        assert_eq!(result[0]["value"][1], "4000");
        let warnings = answer["warnings"].to_string();
        let name = part.file_name().unwrap().to_str().unwrap();
        assert!(warnings.contains(name), "the damaged file is named: {answer}");
        assert!(warnings.contains("at byte 16"), "and the place in it: {answer}");
        // Merging must not make the loss final; what is asked again is told again.
        compact(&server).await;
    }
    assert!(own_metric(&server, "watchfire_store_corruptions_total").await > 0.0);
    assert_eq!(std::fs::read(&part).unwrap(), bytes, "the damaged part stays for better tools");
    keep(&server, "after", &[(now_ms(), 1.0)]).await;
    assert!(server.terminate().success(), "nothing panicked");
}

/// CRC-32C, bit by bit: headers are forged here independently of the product's code.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Rewrites the little-endian number at `at` in a file, and the checksum behind the header of 12 bytes.
fn forge(path: &Path, at: usize, version: u32) {
    let mut bytes = std::fs::read(path).unwrap();
    assert_eq!(crc32c(&bytes[..12]).to_le_bytes(), bytes[12..16], "{} has another header", path.display());
    bytes[at..at + 4].copy_from_slice(&version.to_le_bytes());
    let crc = crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn files_of_a_newer_release_are_refused_before_anything_is_touched() {
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    keep(&server, "kept", &[(now_ms(), 1.0)]).await;
    compact(&server).await;
    keep(&server, "kept", &[(now_ms(), 2.0)]).await;
    server.kill();
    let original = files(&setup.path("data"));
    // Where a version stands: in a part after its eight bytes of magic, in the log after four, and the log's
    // records have a format of their own behind that.
    for (ending, at) in [(".part", 8), (".log", 4), (".log", 8), ("metadata", 8)] {
        let path = only_file(&setup, ending);
        forge(&path, at, 9);
        let before = files(&setup.path("data"));
        let (status, said) = setup.fail_to_start();
        assert_eq!(status.code(), Some(1), "{said}");
        let line = said.lines().find(|line| line.starts_with("watchfire:")).unwrap_or_default();
        assert!(line.contains(path.to_str().unwrap()), "the file is named: {said}");
        assert!(line.contains("version 9 is newer than version 1"), "and what is wrong: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(files(&setup.path("data")) == before, "a file of the data folder was touched");
        std::fs::write(&path, &original[&path]).unwrap();
    }
    let server = setup.start().await;
    assert_eq!(server.value("kept").await, Some(2.0), "with the old files back it goes on");
}

#[tokio::test]
async fn samples_beyond_the_retention_are_refused_by_name_and_old_ones_dropped() {
    let day_ago = noon(2);
    let old = noon(10);
    let setup = Setup::new().config(QUIET);
    let server = setup.start().await;
    keep(&server, "kept", &[(old, 1.0), (day_ago, 2.0)]).await;
    compact(&server).await;
    assert_eq!(samples(&server, "kept", "20d", now_ms()).await, BTreeMap::from([(old, 1.0), (day_ago, 2.0)]));
    assert!(server.terminate().success());

    let setup = setup.arg("--storage.tsdb.retention.time=5d");
    let server = setup.start().await;
    let (status, body) = write(&server, "kept", &[(old + 1000, 1.0), (day_ago + 1000, 3.0)]).await;
    assert_eq!(status, 400, "{body}");
    for expected in ["kept", "older than the retention", "too_old"] {
        assert!(body.contains(expected), "{expected:?} is not in {body}");
    }
    compact(&server).await;
    let seen = samples(&server, "kept", "20d", now_ms()).await;
    assert_eq!(seen, BTreeMap::from([(day_ago, 2.0), (day_ago + 1000, 3.0)]), "the good sample is kept");
    let (status, body) = write(&server, "kept", &[(now_ms() + DAY_MS, 1.0)]).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("too_far_ahead"), "{body}");
}

#[tokio::test]
async fn late_and_backfilled_samples_are_kept_and_the_first_value_of_a_time_stays() {
    let setup = Setup::new().config(QUIET);
    let mut server = setup.start().await;
    let now = now_ms() / 1000 * 1000;
    let mut truth = BTreeMap::new();
    // From now backwards and to and fro, over minutes, hours and days.
    let offsets = [0, 60_000, 30_000, 3_600_000, 45_000, 2 * DAY_MS, 90_000, DAY_MS, 3 * DAY_MS, 15_000];
    for (index, offset) in offsets.into_iter().enumerate() {
        let value = index as f64 + 0.5;
        keep(&server, "late", &[(now - offset, value)]).await;
        truth.insert(now - offset, value);
    }
    // In one request, out of order.
    let batch: Vec<(i64, f64)> =
        (0..50_i64).rev().map(|step| (now - 7_200_000 - step * 1000, step as f64)).collect();
    keep(&server, "late", &batch).await;
    truth.extend(batch);

    for round in 0..4 {
        let seen = samples(&server, "late", "10d", now_ms()).await;
        assert_eq!(seen, truth, "in round {round}");
        // The newest sample again: the same is fine, another value is refused by name.
        let (newest_ms, newest) = (now, truth[&now]);
        if round == 0 {
            keep(&server, "late", &[(newest_ms, newest)]).await;
            let (status, body) = write(&server, "late", &[(newest_ms, newest + 1.0)]).await;
            assert_eq!(status, 400, "{body}");
            assert!(body.contains("has another value already, which stays"), "{body}");
        }
        // Older ones again, alike and otherwise: the first one stays. The other is refused where the store sees the
        // conflict at once, which depends on what is in memory.
        let (older_ms, older) = (now - DAY_MS, truth[&(now - DAY_MS)]);
        keep(&server, "late", &[(older_ms, older)]).await;
        let (status, body) = write(&server, "late", &[(older_ms, older + 1.0)]).await;
        assert!(status == 204 || (status == 400 && body.contains("which stays")), "{status}: {body}");
        // One more backfilled sample in each round, behind what is in parts already.
        let filled_ms = now - DAY_MS - 5000 - round;
        keep(&server, "late", &[(filled_ms, 100.0)]).await;
        truth.insert(filled_ms, 100.0);
        if round % 2 == 0 {
            compact(&server).await;
        } else {
            server.kill();
            server = setup.start().await;
        }
    }
    assert_eq!(samples(&server, "late", "10d", now_ms()).await, truth);
    let start = (now - 195_000) / 1000;
    let path = format!("/api/v1/query_range?query=late&start={start}&end={}&step=15", now / 1000);
    let answer = server.get_json(&path).await;
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    assert_eq!(values.last().unwrap()[1], "0.5", "the newest by time, not by arrival: {answer}");
}
