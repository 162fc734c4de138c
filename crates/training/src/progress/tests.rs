use super::*;
use crate::testing::{NOW_MS, Room, room};
use crate::{Changes, NewRun, Point, RunUpdate};
use watchfire_model::Labels;
use watchfire_model::ingest::Batch;

async fn run(room: &Room, params: &[(&str, &str)], steps: i64) -> TrainingRun {
    let new =
        NewRun { reporter: "mlflow", host: "node-7".into(), started_ms: Some(NOW_MS), ..NewRun::default() };
    let run = room.runs.add_run(new).await.unwrap();
    room.clock.set(NOW_MS + steps * 500);
    let point = |key: &str, step: i64| Point {
        key: key.into(),
        value: 1.0 / (step + 1) as f64,
        at_ms: NOW_MS + step * 500,
        step,
    };
    let mut points: Vec<Point> = (0..=steps).map(|step| point("loss", step)).collect();
    points.push(point("eval_loss", steps));
    let params = params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    room.runs.log(&run.id, Changes { points, params, ..Changes::default() }).await.unwrap();
    run
}

async fn derived(room: &Room, run: &TrainingRun, rates: &Rates) -> Progress {
    let (run, details, _) = room.runs.run(&run.id).await.unwrap();
    room.runs.progress(&run, &details, rates).unwrap()
}

#[tokio::test]
async fn steps_of_a_total_give_a_share_a_pace_and_an_end() {
    let room = room();
    let run = run(&room, &[("max_steps", "400"), ("num_train_epochs", "-1")], 100).await;
    let progress = derived(&room, &run, &Rates::default()).await;
    assert_eq!((progress.step, progress.total_steps, progress.ratio), (Some(100), Some(400), Some(0.25)));
    assert_eq!((progress.steps_per_second, progress.eta_seconds), (Some(2.0), Some(150.0)));
    assert_eq!(progress.total_epochs, None, "-1 is no number of epochs");
    assert_eq!(progress.loss.unwrap().0, "loss");
    assert_eq!(progress.validation_loss.unwrap().0, "eval_loss");
    assert!(!progress.is_stalled);
    room.clock.advance(STALL_AT_LEAST_MS + 1);
    assert!(derived(&room, &run, &Rates::default()).await.is_stalled);
    let ended = RunUpdate { status: Some(RunStatus::Finished), ..RunUpdate::default() };
    room.runs.update_run(run.id.clone(), ended).await.unwrap();
    let over = derived(&room, &run, &Rates::default()).await;
    assert_eq!((over.ratio, over.eta_seconds, over.is_stalled), (Some(1.0), None, false));
}

#[tokio::test]
async fn without_a_total_nothing_is_made_up() {
    let room = room();
    let run = run(&room, &[("max_steps", "-1")], 10).await;
    let progress = derived(&room, &run, &Rates { gpu_per_hour: Some(2.0), ..Rates::default() }).await;
    assert_eq!(
        (progress.ratio, progress.eta_seconds, progress.gpus, progress.cost),
        (None, None, None, None)
    );
}

#[tokio::test]
async fn gpus_of_the_run_s_machine_give_use_and_cost() {
    let room = room();
    let run = run(&room, &[], 100).await;
    let mut batch = Batch::new();
    for (instance, gpu, value) in
        [("node-7:9100", "a", 0.5), ("node-7:9100", "b", 1.0), ("node-70", "c", 0.0)]
    {
        batch.begin_shared(Labels::from_pairs([
            (METRIC_NAME, "gpu_utilization_ratio"),
            ("instance", instance),
            ("gpu_uuid", gpu),
        ]));
        batch.push_float(NOW_MS + 40_000, 0, value);
    }
    room.store.write(batch).await.unwrap();
    let rates = Rates { gpu_per_hour: Some(3.6), ..Rates::default() };
    let progress = derived(&room, &run, &rates).await;
    assert_eq!((progress.gpus, progress.gpu_utilization), (Some(2), Some(0.75)));
    let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 1e-12;
    assert!(close(progress.cost_per_step, 0.001), "two GPUs at a thousandth a second, two steps a second");
    assert!(close(progress.cost, 0.1), "fifty seconds");
    // The run knows better what it uses, and what that costs.
    let tags = vec![("gpus".into(), "1".into()), ("gpu_price_per_hour".into(), "7.2".into())];
    room.runs.log(&run.id, Changes { tags, ..Changes::default() }).await.unwrap();
    assert!(close(derived(&room, &run, &rates).await.cost, 0.1));
    // Its process uses only one of them.
    let mut batch = Batch::new();
    batch.begin_shared(Labels::from_pairs([
        (METRIC_NAME, "gpu_process_memory_used_bytes"),
        ("instance", "node-7:9100"),
        ("gpu_uuid", "b"),
        ("pid", "77"),
    ]));
    batch.push_float(NOW_MS + 40_000, 0, 1.0);
    room.store.write(batch).await.unwrap();
    let tags = vec![("pid".into(), "77".into())];
    room.runs.log(&run.id, Changes { tags, ..Changes::default() }).await.unwrap();
    assert_eq!(derived(&room, &run, &rates).await.gpu_utilization, Some(1.0));
}
