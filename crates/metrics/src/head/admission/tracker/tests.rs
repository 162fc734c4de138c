use super::*;
use hashbrown::DefaultHashBuilder;
use watchfire_model::Labels;

fn feed(tracker: &mut Tracker, hasher: &DefaultHashBuilder, pairs: &[(&str, &str)]) {
    let labels = Labels::from_pairs(pairs.iter().copied());
    tracker.feed(&HashedSeries::of(labels.as_bytes(), hasher));
}

#[test]
fn the_label_with_the_most_values_is_the_culprit() {
    let (mut tracker, hasher) = (Tracker::default(), DefaultHashBuilder::default());
    for number in 0..900 {
        let (request, bucket) = (format!("r-{number}"), format!("{}", number % 12));
        feed(
            &mut tracker,
            &hasher,
            &[("__name__", "latency"), ("le", &bucket), ("job", "llm"), ("request_id", &request)],
        );
    }
    let culprit = tracker.culprit().unwrap();
    assert_eq!(culprit, Culprit { label: "request_id".to_owned(), values: 900, series: 900, is_exact: true });
}

#[test]
fn the_last_two_hours_count_and_older_ones_are_forgotten() {
    let (mut tracker, hasher) = (Tracker::default(), DefaultHashBuilder::default());
    for hour in ["a", "b"] {
        for number in 0..10 {
            feed(&mut tracker, &hasher, &[("__name__", "x"), ("id", &format!("{hour}{number}"))]);
        }
        assert!(tracker.turn());
    }
    feed(&mut tracker, &hasher, &[("__name__", "x"), ("id", "b1")]);
    let culprit = tracker.culprit().unwrap();
    assert_eq!((culprit.values, culprit.series), (10, 10));
    assert!(tracker.turn());
    assert!(!tracker.turn());
    assert_eq!(tracker.culprit(), None);
}

#[test]
fn label_names_that_are_ever_new_are_told_and_take_bounded_memory() {
    let (mut tracker, hasher) = (Tracker::default(), DefaultHashBuilder::default());
    for number in 0..100_000 {
        feed(&mut tracker, &hasher, &[("__name__", "x"), (&format!("label_{number}"), "1")]);
    }
    let culprit = tracker.culprit().unwrap();
    assert_eq!(culprit.label, "");
    assert!(culprit.values > 90_000, "{culprit:?}");
    assert!(tracker.bytes() < 50_000, "{}", tracker.bytes());
}
