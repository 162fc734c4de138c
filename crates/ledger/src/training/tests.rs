use super::*;
use crate::Ledger;
use proptest::prelude::*;

fn run(id: &str) -> TrainingRun {
    TrainingRun {
        id: id.to_owned(),
        experiment: 0,
        name: "sleepy-cat".to_owned(),
        status: RunStatus::Running,
        user: "ada".to_owned(),
        source: "train.py".to_owned(),
        host: String::new(),
        reporter: "mlflow".to_owned(),
        started_ms: 1_000,
        ended_ms: None,
        updated_ms: None,
        deleted_ms: None,
    }
}

#[test]
fn a_run_comes_back_with_all_that_was_said_of_it() {
    let ledger = Ledger::in_memory().unwrap();
    let kept = run("a");
    ledger
        .write(|writing| {
            writing.put_training_run(&kept)?;
            assert_eq!(writing.add_training_param("a", "lr", "0.1")?, None);
            assert_eq!(writing.add_training_param("a", "lr", "0.1")?, None);
            assert_eq!(writing.add_training_param("a", "lr", "0.2")?, Some("0.1".to_owned()));
            writing.put_training_tag("a", "team", "nlp")?;
            writing.put_training_tag("a", "team", "vision")?;
            writing.merge_training_metric("a", &TrainingMetric::new("loss", f64::NAN, 3, 50))?;
            writing.merge_training_metric("a", &TrainingMetric::new("loss", 0.5, 2, 60))
        })
        .unwrap();
    let details = ledger.read(|reading| reading.training_details("a")).unwrap();
    assert_eq!(details.params["lr"], "0.1");
    assert_eq!(details.tags["team"], "vision");
    let loss = &details.metrics["loss"];
    assert!(loss.value.is_nan() && loss.has_nan);
    assert_eq!((loss.step, loss.at_ms, loss.first_step, loss.newest_ms), (3, 50, 2, 60));
    assert_eq!((loss.min, loss.max), (Some(0.5), Some(0.5)));
    assert_eq!(ledger.read(|reading| reading.training_run("a")).unwrap(), Some(kept));
    let column = ledger.read(|reading| reading.training_column(RunColumn::Tag, "team")).unwrap();
    assert_eq!(column["a"], "vision");
    assert_eq!(ledger.read(|reading| reading.training_counts("a")).unwrap(), [1, 1, 1]);
}

#[test]
fn the_default_experiment_is_there_and_names_are_taken_once() {
    let ledger = Ledger::in_memory().unwrap();
    let id = ledger.write(|writing| writing.add_experiment("llama", "", 5)).unwrap();
    assert!(ledger.write(|writing| writing.add_experiment("llama", "", 5)).is_err());
    let mut experiment = ledger.read(|reading| reading.experiment(id)).unwrap().unwrap();
    experiment.is_deleted = true;
    experiment.tags.insert("a".to_owned(), "b".to_owned());
    ledger.write(|writing| writing.put_experiment(&experiment)).unwrap();
    assert_eq!(ledger.read(|reading| reading.experiment_named("llama")).unwrap(), Some(experiment.clone()));
    let all = ledger.read(|reading| reading.experiments()).unwrap();
    assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Default", "llama"]);
    assert_eq!(all[1], experiment);
}

#[test]
fn what_was_read_of_a_file_and_a_run_under_way_are_remembered() {
    let ledger = Ledger::in_memory().unwrap();
    let file = TrainingFile { path: "/r/a".into(), run: "a".into(), identity: "7".into(), read_bytes: 9 };
    ledger
        .write(|writing| {
            writing.put_training_run(&run("a"))?;
            let over = TrainingRun { status: RunStatus::Failed, ended_ms: Some(9), ..run("b") };
            writing.put_training_run(&over)?;
            writing.put_training_file(&file)
        })
        .unwrap();
    assert_eq!(ledger.read(|reading| reading.training_files()).unwrap(), vec![file]);
    let under_way = ledger.read(|reading| reading.training_runs_told_since(10, 5)).unwrap();
    assert_eq!(under_way.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(ledger.read(|reading| reading.training_runs_of(0)).unwrap().len(), 2);
}

proptest! {
    #[test]
    fn in_whatever_order_values_come_the_same_is_known_of_a_metric(
        points in proptest::collection::vec((prop_oneof![Just(f64::NAN), -2.0..2.0_f64], -2..3_i64, 0..3_i64), 1..8),
        seed in any::<u64>(),
    ) {
        let known = |points: &[(f64, i64, i64)]| {
            let (value, step, at_ms) = points[0];
            let mut metric = TrainingMetric::new("m", value, step, at_ms);
            for (value, step, at_ms) in points.iter().chain(points) {
                metric.add(*value, *step, *at_ms);
            }
            metric
        };
        let mut mixed = points.clone();
        let turn = usize::try_from(seed % points.len() as u64).unwrap();
        mixed.rotate_left(turn);
        mixed.reverse();
        prop_assert_eq!(format!("{:?}", known(&points)), format!("{:?}", known(&mixed)));
    }
}
