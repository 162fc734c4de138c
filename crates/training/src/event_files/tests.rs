use super::*;
use crate::testing::{NOW_MS, Room, room};
use crate::{Search, View};
use std::io::Write;

/// An event with one scalar, as `tensorboardX` writes it.
fn written(step: u64, tag: &str, value: f32) -> Vec<u8> {
    let mut scalar = vec![0x0a, u8::try_from(tag.len()).unwrap()];
    scalar.extend(tag.as_bytes());
    scalar.push(0x15);
    scalar.extend(value.to_le_bytes());
    let mut summary = vec![0x0a, u8::try_from(scalar.len()).unwrap()];
    summary.extend(scalar);
    let seconds = (NOW_MS + i64::try_from(step).unwrap() * 1_000) as f64 / 1_000.0;
    let mut event = vec![0x09];
    event.extend(seconds.to_le_bytes());
    assert!(step < 128);
    event.extend([0x10, u8::try_from(step).unwrap(), 0x2a, u8::try_from(summary.len()).unwrap()]);
    event.extend(summary);
    watchfire_wire::event_file::frame(&event)
}

fn append(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

struct Logs {
    folder: tempfile::TempDir,
    reader: Reader,
}

impl Logs {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), reader: Reader::default() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    async fn round(&mut self, room: &Room) {
        let root = self.root();
        self.reader.round(&room.runs, &[root]).await.unwrap();
    }
}

async fn runs(room: &Room) -> Vec<TrainingRun> {
    let order = crate::filter::parse_order("run_name").unwrap();
    let order = vec![crate::OrderKey { subject: order.0, is_descending: order.1 }];
    let search = Search { limit: 100, view: View::Active, order, ..Search::default() };
    room.runs.search(search).await.unwrap().runs
}

async fn steps(room: &Room, run: &TrainingRun) -> Vec<i64> {
    let history = room.runs.history(&run.id, "loss").await.unwrap();
    history.into_iter().map(|point| point.step).collect()
}

#[tokio::test]
async fn a_folder_with_event_files_is_a_run_that_grows_with_them() {
    let (room, mut logs) = (room(), Logs::new());
    room.clock.advance(60_000);
    append(&logs.file("a/events.out.tfevents.1.host"), &written(1, "loss", 0.5));
    append(&logs.file("a/b/events.out.tfevents.1.host"), &written(1, "loss", 0.25));
    append(&logs.file("a/notes.txt"), b"nothing");
    logs.round(&room).await;
    let found = runs(&room).await;
    assert_eq!(found.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["a", "a/b"]);
    assert_eq!((found[0].reporter.as_str(), found[0].started_ms), ("tensorboard", NOW_MS + 1_000));
    // Half a record is waited for, and a second file of the folder is the same run.
    let next = written(2, "loss", 0.4);
    append(&logs.file("a/events.out.tfevents.1.host"), &next[..20]);
    append(&logs.file("a/events.out.tfevents.2.host"), &written(4, "loss", 0.2));
    logs.round(&room).await;
    assert_eq!(steps(&room, &found[0]).await, [1, 4]);
    append(&logs.file("a/events.out.tfevents.1.host"), &next[20..]);
    append(&logs.file("a/events.out.tfevents.1.host"), &written(3, "loss", 0.3));
    logs.round(&room).await;
    assert_eq!(steps(&room, &found[0]).await, [1, 2, 3, 4]);
    assert_eq!(runs(&room).await.len(), 2);
}

#[tokio::test]
async fn a_restart_reads_on_and_a_file_written_anew_is_read_anew() {
    let (room, mut logs) = (room(), Logs::new());
    room.clock.advance(60_000);
    let path = logs.file("events.out.tfevents.1");
    append(&path, &[written(1, "loss", 0.5), written(2, "loss", 0.4)].concat());
    logs.round(&room).await;
    let room = room.restart();
    logs.reader = Reader::default();
    append(&path, &written(3, "loss", 0.3));
    logs.round(&room).await;
    let found = runs(&room).await;
    assert_eq!((found.len(), found[0].name.as_str()), (1, "logs"));
    assert_eq!(steps(&room, &found[0]).await, [1, 2, 3]);
    std::fs::write(&path, written(9, "loss", 0.1)).unwrap();
    logs.round(&room).await;
    assert_eq!(steps(&room, &found[0]).await, [1, 2, 3, 9]);
}

#[tokio::test]
async fn damage_is_counted_and_passed_over() {
    let (room, mut logs) = (room(), Logs::new());
    room.clock.advance(60_000);
    let mut bytes = written(1, "loss", 0.5);
    let second = bytes.len();
    bytes.extend(written(2, "loss", 0.4));
    bytes.extend(written(3, "loss", f32::NAN));
    bytes[second + 20] ^= 1;
    append(&logs.file("events.out.tfevents.1"), &bytes);
    logs.round(&room).await;
    let found = runs(&room).await;
    assert_eq!(steps(&room, &found[0]).await, [1, 3]);
    assert_eq!(room.runs.faults(), 1);
    logs.round(&room).await;
    assert_eq!(room.runs.faults(), 1, "it is told once");
}

#[tokio::test]
async fn silence_ends_a_run_and_a_new_value_goes_on_with_it() {
    let (room, mut logs) = (room(), Logs::new());
    let path = logs.file("events.out.tfevents.1");
    append(&path, &written(1, "loss", 0.5));
    // The file's own time is the present of this machine.
    let now_ms = i64::try_from(
        std::fs::metadata(&path)
            .unwrap()
            .modified()
            .unwrap()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis(),
    )
    .unwrap();
    room.clock.set(now_ms.max(NOW_MS + 5_000) + OVER_AFTER_MS + 60_000);
    logs.round(&room).await;
    let run = runs(&room).await.remove(0);
    assert_eq!((run.status, run.ended_ms), (RunStatus::Finished, Some(NOW_MS + 1_000)));
    append(&path, &written(2, "loss", 0.4));
    let root = logs.root();
    for seen in find(&root) {
        logs.reader.read_file(&room.runs, &seen).await.unwrap();
    }
    assert_eq!(runs(&room).await[0].status, RunStatus::Running);
    assert_eq!(steps(&room, &run).await, [1, 2]);
}

#[tokio::test]
async fn values_that_are_older_than_what_is_kept_are_told_once_and_their_last_is_known() {
    let (room, mut logs) = (room(), Logs::new());
    room.clock.set(NOW_MS + 400 * 86_400_000);
    append(&logs.file("events.out.tfevents.1"), &written(1, "loss", 0.5));
    logs.round(&room).await;
    logs.round(&room).await;
    assert_eq!(room.runs.faults(), 1);
    let run = runs(&room).await.remove(0);
    assert_eq!(room.runs.run(&run.id).await.unwrap().1.metrics["loss"].value, 0.5);
}
