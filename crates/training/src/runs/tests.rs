use super::*;
use crate::testing::{NOW_MS, Room, room};
use crate::{Point, Search, filter};

async fn begun(room: &Room) -> TrainingRun {
    let new = NewRun { name: "first".into(), user: "ada".into(), reporter: "mlflow", ..NewRun::default() };
    room.runs.add_run(new).await.unwrap()
}

fn points(values: &[(f64, i64, i64)]) -> Changes {
    let point = |(value, step, at_ms): &(f64, i64, i64)| Point {
        key: "loss".into(),
        value: *value,
        step: *step,
        at_ms: NOW_MS + at_ms,
    };
    Changes { points: values.iter().map(point).collect(), ..Changes::default() }
}

async fn told(room: &Room, run: &TrainingRun) -> Vec<(f64, i64, i64)> {
    let history = room.runs.history(&run.id, "loss").await.unwrap();
    history.iter().map(|point| (point.value, point.step, point.at_ms - NOW_MS)).collect()
}

#[tokio::test]
async fn steps_of_one_millisecond_are_all_kept_with_their_time() {
    let room = room();
    let run = begun(&room).await;
    let many: Vec<_> = (0..500).map(|step| (step as f64 / 2.0, step, 0)).collect();
    room.runs.log(&run.id, points(&many)).await.unwrap();
    assert_eq!(told(&room, &run).await, many);
    // What comes after them in time lies between them in the store, and is told in its place.
    room.runs.log(&run.id, points(&[(9.0, 500, 3), (8.0, 501, 1_000)])).await.unwrap();
    let mut all = many.clone();
    all.extend([(9.0, 500, 3), (8.0, 501, 1_000)]);
    assert_eq!(told(&room, &run).await, all);
}

#[tokio::test]
async fn the_same_request_sent_again_changes_nothing_even_after_a_restart() {
    let room = room();
    let run = begun(&room).await;
    let values = [(0.5, 1, 0), (0.4, 2, 0), (f64::INFINITY, 3, 0), (0.4, 3, 5)];
    room.runs.log(&run.id, points(&values)).await.unwrap();
    room.runs.log(&run.id, points(&values)).await.unwrap();
    assert_eq!(told(&room, &run).await, values);
    let room = room.restart();
    room.runs.log(&run.id, points(&values)).await.unwrap();
    room.runs.log(&run.id, points(&[(0.3, 4, 0)])).await.unwrap();
    let mut all = values.to_vec();
    all.insert(3, (0.3, 4, 0));
    assert_eq!(told(&room, &run).await, all);
    let (_, details, _) = room.runs.run(&run.id).await.unwrap();
    let loss = &details.metrics["loss"];
    assert_eq!((loss.value, loss.step, loss.max), (0.3, 4, Some(f64::INFINITY)));
}

#[tokio::test]
async fn values_that_are_older_than_what_is_kept_are_refused_by_name_and_the_others_kept() {
    let room = room();
    let run = begun(&room).await;
    let error = room.runs.log(&run.id, points(&[(1.0, 1, -NOW_MS + 5), (2.0, 2, 0)])).await.unwrap_err();
    assert!(error.to_string().contains("too_old") && error.to_string().contains("loss"), "{error}");
    assert_eq!(told(&room, &run).await, [(2.0, 2, 0)]);
}

#[tokio::test]
async fn a_parameter_is_set_once_and_a_request_that_changes_it_keeps_nothing() {
    let room = room();
    let run = begun(&room).await;
    let lr = |value: &str| Changes { params: vec![("lr".into(), value.into())], ..Changes::default() };
    room.runs.log(&run.id, lr("0.1")).await.unwrap();
    room.runs.log(&run.id, lr("0.1")).await.unwrap();
    let mut both = lr("0.2");
    both.points = points(&[(1.0, 1, 0)]).points;
    let error = room.runs.log(&run.id, both).await.unwrap_err();
    assert!(error.to_string().contains("\"0.1\" already and cannot become \"0.2\""), "{error}");
    assert!(told(&room, &run).await.is_empty());
    let twice =
        Changes { params: vec![("a".into(), "1".into()), ("a".into(), "2".into())], ..Changes::default() };
    assert!(room.runs.log(&run.id, twice).await.is_err());
    assert!(!room.runs.run(&run.id).await.unwrap().1.params.contains_key("a"), "all or nothing");
}

#[tokio::test]
async fn a_renamed_run_keeps_its_past() {
    let room = room();
    let run = begun(&room).await;
    room.runs.log(&run.id, points(&[(1.0, 1, 0)])).await.unwrap();
    let update = RunUpdate { name: Some("<b>second</b>".into()), ..RunUpdate::default() };
    room.runs.update_run(run.id.clone(), update).await.unwrap();
    room.runs.log(&run.id, points(&[(2.0, 2, 0), (1.0, 1, 0)])).await.unwrap();
    assert_eq!(told(&room, &run).await, [(1.0, 1, 0), (2.0, 2, 0)]);
}

#[tokio::test]
async fn a_deleted_run_takes_nothing_until_it_is_restored() {
    let room = room();
    let run = begun(&room).await;
    room.runs.delete_run(run.id.clone(), true).await.unwrap();
    assert!(matches!(room.runs.log(&run.id, points(&[(1.0, 1, 0)])).await, Err(TrainingError::Invalid(_))));
    let all = Search { limit: 10, ..Search::default() };
    assert_eq!(room.runs.search(all.clone()).await.unwrap().total, 0);
    room.runs.delete_run(run.id.clone(), false).await.unwrap();
    room.runs.log(&run.id, points(&[(1.0, 1, 0)])).await.unwrap();
    assert_eq!(room.runs.search(all).await.unwrap().total, 1);
    assert!(matches!(room.runs.log("nobody", Changes::default()).await, Err(TrainingError::NotFound(_))));
}

#[tokio::test]
async fn restoring_an_experiment_restores_the_runs_that_were_deleted_with_it() {
    let room = room();
    let id = room.runs.add_experiment("llama".into(), String::new(), Vec::new()).await.unwrap();
    let new = || NewRun { experiment: id, reporter: "mlflow", ..NewRun::default() };
    let (before, with) = (room.runs.add_run(new()).await.unwrap(), room.runs.add_run(new()).await.unwrap());
    room.runs.delete_run(before.id.clone(), true).await.unwrap();
    room.clock.advance(5);
    for is_deleted in [true, false] {
        let change = move |experiment: &mut Experiment| {
            experiment.is_deleted = is_deleted;
            Ok(())
        };
        room.runs.change_experiment(id, change).await.unwrap();
        let run = room.runs.run(&with.id).await.unwrap().0;
        assert_eq!(run.deleted_ms.is_some(), is_deleted);
    }
    assert!(room.runs.run(&before.id).await.unwrap().0.deleted_ms.is_some());
    let again = room.runs.add_experiment("llama".into(), String::new(), Vec::new()).await;
    assert!(matches!(again, Err(TrainingError::Exists(_))));
    assert_eq!(room.runs.experiment_for("llama").await.unwrap(), id);
}

#[tokio::test]
async fn runs_are_found_by_metrics_params_tags_and_text_and_come_in_the_order_asked_for() {
    let room = room();
    let mut ids = Vec::new();
    for (name, lr, loss) in [("one", "0.1", 0.5), ("two", "0.02", f64::NAN), ("three", "1", 0.2)] {
        let new = NewRun { name: name.into(), reporter: "mlflow", ..NewRun::default() };
        let run = room.runs.add_run(new).await.unwrap();
        let mut changes = points(&[(loss, 1, 0)]);
        changes.params.push(("lr".into(), lr.into()));
        room.runs.log(&run.id, changes).await.unwrap();
        room.clock.advance(1_000);
        ids.push(run.id);
    }
    let ended = RunUpdate { status: Some(RunStatus::Failed), ..RunUpdate::default() };
    room.runs.update_run(ids[2].clone(), ended).await.unwrap();
    let search = async |filter: &str, order: &str, text: &str| {
        let order = if order.is_empty() {
            Vec::new()
        } else {
            let (subject, is_descending) = filter::parse_order(order).unwrap();
            vec![crate::OrderKey { subject, is_descending }]
        };
        let conditions = filter::parse(filter).unwrap();
        let search = Search { conditions, order, text: text.into(), limit: 10, ..Search::default() };
        let found = room.runs.search(search).await.unwrap();
        found.runs.into_iter().map(|run| run.name).collect::<Vec<_>>()
    };
    assert_eq!(search("", "", "").await, ["three", "two", "one"]);
    assert_eq!(search("", "metrics.loss", "").await, ["three", "one", "two"]);
    assert_eq!(search("", "metrics.loss desc", "").await, ["one", "three", "two"]);
    assert_eq!(search("", "params.lr", "").await, ["two", "one", "three"]);
    assert_eq!(search("metrics.loss < 0.4", "", "").await, ["three"]);
    assert_eq!(search("params.lr = '0.1'", "", "").await, ["one"]);
    assert_eq!(search("status = 'FAILED'", "", "").await, ["three"]);
    assert_eq!(search("", "", "TW").await, ["two"]);
    let running = Search { statuses: vec![RunStatus::Running], offset: 1, limit: 1, ..Search::default() };
    let found = room.runs.search(running).await.unwrap();
    assert_eq!((found.total, found.runs[0].name.as_str()), (2, "one"));
    assert_eq!(found.by_status[&RunStatus::Failed], 1);
}

#[tokio::test]
async fn names_that_no_label_or_terminal_should_hold_are_refused_and_others_are_text() {
    let room = room();
    let run = begun(&room).await;
    let log = async |key: &str| {
        let point = Point { key: key.into(), value: 1.0, at_ms: NOW_MS, step: 1 };
        room.runs.log(&run.id, Changes { points: vec![point], ..Changes::default() }).await
    };
    assert!(log("").await.is_err());
    assert!(log("a\u{1b}[31m").await.is_err());
    assert!(log(&"x".repeat(251)).await.is_err());
    log("<script>alert(1)</script> größe").await.unwrap();
    let bad = Point { key: "a".into(), value: 1.0, at_ms: NOW_MS, step: i64::MAX };
    assert!(room.runs.log(&run.id, Changes { points: vec![bad], ..Changes::default() }).await.is_err());
    let named = NewRun { id: Some("../../etc".into()), reporter: "mlflow", ..NewRun::default() };
    assert!(room.runs.add_run(named).await.is_err());
}

#[tokio::test]
async fn nothing_is_taken_before_the_past_is_read_back() {
    let room = room();
    let run = begun(&room).await;
    room.runs.is_ready.store(false, Ordering::Release);
    let error = room.runs.log(&run.id, points(&[(1.0, 1, 0)])).await.unwrap_err();
    assert!(matches!(error, TrainingError::Unavailable(_)));
}

#[tokio::test]
async fn requests_that_come_at_once_lose_nothing() {
    let room = room();
    let run = begun(&room).await;
    let mut tasks = Vec::new();
    for worker in 0..8_i64 {
        let (runs, id) = (Arc::clone(&room.runs), run.id.clone());
        tasks.push(tokio::spawn(async move {
            for step in 0..25 {
                runs.log(&id, points(&[(worker as f64, worker * 25 + step, 0)])).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut steps: Vec<i64> = told(&room, &run).await.into_iter().map(|(_, step, _)| step).collect();
    steps.sort_unstable();
    assert_eq!(steps, (0..200).collect::<Vec<_>>());
}
