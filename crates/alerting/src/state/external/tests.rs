use super::*;
use proptest::prelude::*;

fn alert(starts_ms: i64, ends_ms: i64, by_timeout: bool) -> Alert {
    let labels = Labels::from_pairs([("alertname", "A")]);
    Alert {
        row: 0,
        fingerprint: fingerprint(&labels),
        labels,
        annotations: Texts::default(),
        starts_ms,
        ends_ms: Some(ends_ms),
        by_timeout,
        updated_ms: 0,
        generator_url: "".into(),
    }
}

#[test]
fn what_overlaps_is_one_alert_and_what_does_not_another() {
    // At 100: (known, news, starts, ends).
    for (known, news, starts_ms, ends_ms) in [
        // Both end by timeout: the news count.
        (alert(10, 400, true), alert(20, 500, true), 10, 500),
        (alert(10, 400, true), alert(20, 300, true), 10, 300),
        // An end that somebody gave counts more than a timeout before it.
        (alert(10, 400, false), alert(20, 300, true), 10, 400),
        (alert(10, 300, false), alert(20, 400, true), 10, 400),
        // Of two ends in the past the later counts.
        (alert(10, 90, false), alert(20, 80, false), 10, 90),
        (alert(10, 80, false), alert(20, 90, false), 10, 90),
        // The end is news.
        (alert(10, 400, true), alert(20, 90, false), 10, 90),
        // It begins again after its end: another one.
        (alert(10, 50, false), alert(60, 400, true), 60, 400),
        (alert(10, 400, true), alert(5, 300, true), 5, 300),
    ] {
        let merged = merge(&known, news.clone(), 100);
        assert_eq!((merged.starts_ms, merged.ends_ms), (starts_ms, Some(ends_ms)), "{known:?} {news:?}");
    }
}

proptest! {
    #[test]
    fn hearing_the_same_twice_changes_nothing(
        // An alert that ends as it begins touches one that ends there and is another one, as in Alertmanager.
        known in (0_i64..300, 1_i64..300, any::<bool>()),
        news in (0_i64..300, 1_i64..300, any::<bool>()),
    ) {
        let of = |(start, length, timeout): (i64, i64, bool)| alert(start, start + length, timeout);
        let once = merge(&of(known), of(news), 150);
        let twice = merge(&once, of(news), 150);
        // Where an explicit end was kept, the second hearing finds an end that nobody gave.
        prop_assert_eq!(once.starts_ms.min(of(news).starts_ms), twice.starts_ms.min(of(news).starts_ms));
        prop_assert_eq!(once.is_resolved(150), twice.is_resolved(150));
    }
}
