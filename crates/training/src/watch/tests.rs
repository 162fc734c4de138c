use super::*;
use crate::testing::{NOW_MS, Room, room};
use crate::{Changes, NewRun, Point, RunStatus, RunUpdate};
use watchfire_model::{Matcher, Samples, TimeRange, is_stale};

async fn newest(room: &Room, name: &str) -> Option<f64> {
    let mut selection = room.store.select(&[Matcher::equal(METRIC_NAME, name)], TimeRange::ALL).unwrap();
    let mut samples = Samples::default();
    selection.next(&mut samples).unwrap()?;
    samples.floats.last().copied()
}

#[tokio::test]
async fn a_run_is_told_while_it_runs_and_how_it_ended_for_a_while_after() {
    let room = room();
    let new = NewRun { name: "a".into(), reporter: "mlflow", started_ms: Some(NOW_MS), ..NewRun::default() };
    let run = room.runs.add_run(new).await.unwrap();
    let point = |step: i64| Point { key: "loss".into(), value: 0.5, at_ms: NOW_MS + step * 1_000, step };
    let params = vec![("max_steps".to_owned(), "40".to_owned())];
    let changes = Changes { points: (0..=10).map(point).collect(), params, ..Changes::default() };
    room.clock.set(NOW_MS + 10_000);
    room.runs.log(&run.id, changes).await.unwrap();
    let told = once(&room.runs, &HashSet::new()).await.unwrap();
    assert_eq!(newest(&room, "training_run_step").await, Some(10.0));
    assert_eq!(newest(&room, "training_run_progress_ratio").await, Some(0.25));
    assert_eq!(newest(&room, "training_run_eta_seconds").await, Some(30.0));
    assert_eq!(newest(&room, "training_run_loss").await, Some(0.5));
    assert_eq!(newest(&room, "training_run_stalled").await, Some(0.0));
    assert_eq!(newest(&room, "training_run_cost").await, None);
    let info = told.iter().find(|labels| labels.metric_name() == "training_run_info").unwrap();
    assert_eq!((info.get("status"), info.get("run")), (Some("running"), Some("a")));

    let failed = RunUpdate { status: Some(RunStatus::Failed), ..RunUpdate::default() };
    room.runs.update_run(run.id.clone(), failed).await.unwrap();
    room.clock.advance(15_000);
    let told = once(&room.runs, &told).await.unwrap();
    assert!(is_stale(newest(&room, "training_run_step").await.unwrap()), "it has ended");
    assert_eq!(told.iter().map(|labels| labels.get("status")).collect::<Vec<_>>(), [Some("failed")]);
    room.clock.advance(AFTERGLOW_MS + 1);
    assert!(once(&room.runs, &told).await.unwrap().is_empty());
}
