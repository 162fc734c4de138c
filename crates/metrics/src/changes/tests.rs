use super::*;

#[test]
fn a_change_shows_in_every_range_that_holds_it_and_in_none_that_lies_apart() {
    let changes = Changes::default();
    let minute = 60_000;
    let (early, late) = (TimeRange::new(-90 * minute, -minute), TimeRange::new(0, 59 * minute));
    let (long, ever) = (TimeRange::new(0, COUNTERS as i64 * STRETCH_MS), TimeRange::ALL);
    let seen = || [early, late, long, ever].map(|range| changes.seen(range));
    let before = seen();
    changes.between(TimeRange::new(25 * minute, 31 * minute));
    let after = seen();
    assert_eq!(before[0], after[0], "it lies apart");
    assert!(before[1] != after[1] && before[2] != after[2] && before[3] != after[3]);
    changes.between(TimeRange::new(-5 * minute, -5 * minute));
    assert!(seen()[0] != after[0] && seen()[1] == after[1]);
    for change in [TimeRange::ALL, long] {
        let before = seen();
        changes.between(change);
        assert!(before.iter().zip(seen()).all(|(before, after)| *before != after));
    }
    let before = seen();
    changes.all();
    assert!(before.iter().zip(seen()).all(|(before, after)| *before != after));
}
