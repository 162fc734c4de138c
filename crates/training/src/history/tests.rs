use super::*;
use crate::RunStatus;
use proptest::prelude::*;

fn run() -> TrainingRun {
    TrainingRun {
        id: "a".into(),
        experiment: 0,
        name: "a".into(),
        status: RunStatus::Running,
        user: String::new(),
        source: String::new(),
        host: String::new(),
        reporter: "mlflow".into(),
        started_ms: 500,
        ended_ms: None,
        updated_ms: None,
        deleted_ms: None,
    }
}

fn point(step: i64, at_ms: i64, value: f64) -> HistoryPoint {
    HistoryPoint { at_ms, step, value }
}

#[test]
fn a_spike_among_many_values_stays_and_so_does_what_is_no_number() {
    let mut points: Vec<_> = (0..100_000).map(|step| point(step, step * 10, 1.0)).collect();
    points[51_234].value = 99.0;
    points[70_001].value = -99.0;
    points[90_000].value = f64::NAN;
    let line = line(points, &run(), Axis::Step, (f64::MIN, f64::MAX), 1_000);
    assert_eq!(line.total, 100_000);
    assert!(line.points.len() <= 1_001, "{}", line.points.len());
    for step in [0, 51_234, 70_001, 90_000, 99_999] {
        assert!(line.points.iter().any(|point| point.step == step), "{step}");
    }
    assert!(line.points.is_sorted_by_key(|point| point.step));
}

#[test]
fn an_axis_says_where_a_point_stands_and_a_range_what_is_drawn() {
    let points = vec![point(1, 1_500, 1.0), point(3, 2_500, 2.0), point(2, 3_500, 3.0)];
    let steps = |axis, range| {
        let line = line(points.clone(), &run(), axis, range, 100);
        line.points.iter().map(|point| point.step).collect::<Vec<_>>()
    };
    assert_eq!(steps(Axis::Step, (f64::MIN, f64::MAX)), [1, 2, 3]);
    assert_eq!(steps(Axis::Time, (f64::MIN, f64::MAX)), [1, 3, 2]);
    assert_eq!(steps(Axis::Relative, (1.5, 10.0)), [3, 2]);
    assert_eq!(steps(Axis::Step, (2.0, 2.0)), [2]);
}

proptest! {
    #[test]
    fn thinning_out_keeps_the_ends_the_extremes_and_the_order(
        values in proptest::collection::vec((0_i64..50, prop_oneof![Just(f64::NAN), -9.0..9.0_f64]), 1..300),
        limit in 8_usize..64,
    ) {
        let points: Vec<_> = values.iter().enumerate().map(|(index, (step, value))| point(*step, index as i64, *value)).collect();
        let line = line(points.clone(), &run(), Axis::Step, (f64::MIN, f64::MAX), limit);
        prop_assert_eq!(line.total, points.len());
        prop_assert!(line.points.len() <= points.len().min(limit / 4 * 5 + 5));
        prop_assert!(line.points.is_sorted_by_key(|point| point.step));
        let largest = |points: &[HistoryPoint]| points.iter().map(|point| point.value).filter(|value| !value.is_nan()).fold(f64::MIN, f64::max);
        prop_assert_eq!(largest(&line.points), largest(&points));
    }
}
