use super::*;
use proptest::prelude::*;

fn series(number: u8) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("n", number.to_string().as_str())])
}

fn exemplar(timestamp_ms: i64, value: f64, trace: &str) -> Exemplar {
    Exemplar { labels: Labels::from_pairs([("trace_id", trace)]), value, timestamp_ms }
}

fn all(kept: &Kept) -> Vec<(Labels, i64, u64)> {
    let groups = kept.groups().flat_map(|(labels, held)| {
        held.map(|held| (labels.clone(), held.timestamp_ms, held.value.to_bits())).collect::<Vec<_>>()
    });
    groups.collect()
}

#[test]
fn of_one_series_only_newer_ones_are_taken() {
    let mut kept = Kept::new(10);
    assert_eq!(kept.add(&series(1), exemplar(10, 2.0, "b")), Added::Kept);
    assert_eq!(kept.add(&series(1), exemplar(10, 2.0, "b")), Added::Duplicate);
    assert_eq!(kept.add(&series(1), exemplar(9, 5.0, "z")), Added::OutOfOrder);
    assert_eq!(kept.add(&series(1), exemplar(10, 1.0, "z")), Added::OutOfOrder);
    assert_eq!(kept.add(&series(1), exemplar(10, 2.0, "a")), Added::OutOfOrder);
    assert_eq!(kept.add(&series(1), exemplar(10, 2.0, "c")), Added::Kept);
    assert_eq!(kept.add(&series(1), exemplar(11, 0.0, "a")), Added::Kept);
    // Not the newest, and known all the same: it was sent again after an answer that never came.
    assert_eq!(kept.add(&series(1), exemplar(10, 2.0, "b")), Added::Duplicate);
    assert_eq!(kept.add(&series(2), exemplar(1, 0.0, "a")), Added::Kept, "other series have their own order");
    assert_eq!((kept.len(), kept.series_len()), (4, 2));
}

#[test]
fn the_oldest_of_all_series_goes_first_and_is_counted() {
    let mut kept = Kept::new(3);
    for at in [5, 6, 7, 8] {
        kept.add(&series(at as u8 % 2), exemplar(at, 0.0, "t"));
    }
    let times: Vec<i64> = all(&kept).into_iter().map(|(_, at, _)| at).collect();
    assert_eq!((times, kept.dropped()), (vec![6, 8, 7], 1));
    kept.limit(1);
    assert_eq!((kept.len(), kept.oldest_ms(), kept.series_len(), kept.dropped()), (1, Some(8), 1, 3));
    kept.limit(0);
    assert_eq!(kept.add(&series(0), exemplar(9, 0.0, "t")), Added::NotWanted);
    assert_eq!((kept.len(), kept.dropped()), (0, 5));
}

#[test]
fn a_range_holds_both_its_ends() {
    let mut kept = Kept::new(9);
    for at in 0..5 {
        kept.add(&series(0), exemplar(at, 0.0, "t"));
    }
    let found = kept.of(&series(0), TimeRange { start_ms: 1, end_ms: 3 });
    assert_eq!(found.iter().map(|found| found.timestamp_ms).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn what_is_too_old_for_its_series_goes() {
    let mut kept = Kept::new(9);
    for at in 0..4 {
        kept.add(&series(0), exemplar(at, 0.0, "t"));
        kept.add(&series(1), exemplar(at, 0.0, "t"));
    }
    let before = kept.changes();
    kept.expire(|labels| if *labels == series(0) { 3 } else { 9 });
    assert_eq!((kept.len(), kept.series_len(), kept.oldest_ms(), kept.dropped()), (1, 1, Some(3), 0));
    assert!(kept.changes() > before);
}

proptest! {
    #[test]
    fn in_whatever_order_they_come_back_the_newest_are_kept(
        sent in prop::collection::vec((0..4_u8, 0..30_i64, 0..3_u8), 0..80),
        max in 1..20_usize,
        again in any::<prop::sample::Index>(),
    ) {
        let distinct: std::collections::BTreeSet<_> = sent.iter().copied().collect();
        let mut kept = Kept::new(max);
        // A part of them comes twice, as from a file and from the log.
        let twice = &sent[..if sent.is_empty() { 0 } else { again.index(sent.len()) }];
        for (number, at, value) in sent.iter().chain(twice) {
            kept.restore(&series(*number), exemplar(*at, f64::from(*value), "t"));
        }
        let mut expected: Vec<i64> = distinct.iter().map(|(_, at, _)| *at).collect();
        expected.sort_unstable();
        let expected = expected.split_off(expected.len().saturating_sub(max));
        let mut found: Vec<i64> = all(&kept).into_iter().map(|(_, at, _)| at).collect();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
        for (labels, held) in kept.groups() {
            let times: Vec<i64> = held.map(|held| held.timestamp_ms).collect();
            prop_assert!(times.is_sorted(), "{} {:?}", labels, times);
        }
    }
}
