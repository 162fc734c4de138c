use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn grid() -> Grid {
    Grid::new(&[
        Coarse { until_ms: 48 * HOUR, resolution_ms: HOUR },
        Coarse { until_ms: 72 * HOUR, resolution_ms: 5 * MINUTE },
    ])
}

fn snapped(start_ms: i64, end_ms: i64) -> (i64, i64, bool) {
    let snapped = grid().snap(start_ms, end_ms);
    (snapped.start_ms, snapped.end_ms, snapped.moved)
}

#[test]
fn a_range_of_whole_windows_and_one_of_samples_stay_as_they_are() {
    for range in
        [(HOUR, 3 * HOUR), (47 * HOUR, 49 * HOUR), (72 * HOUR, 72 * HOUR + 1), (80 * HOUR, 80 * HOUR + 7)]
    {
        assert_eq!(snapped(range.0, range.1), (range.0, range.1, false));
    }
}

#[test]
fn both_ends_go_back_to_the_end_of_a_window_of_their_own_stretch() {
    assert_eq!(snapped(HOUR + 1, 2 * HOUR + 1), (HOUR, 2 * HOUR, true));
    assert_eq!(snapped(47 * HOUR + 1, 60 * HOUR + 7 * MINUTE), (47 * HOUR, 60 * HOUR + 5 * MINUTE, true));
    // The end lies among samples.
    assert_eq!(snapped(72 * HOUR - MINUTE, 72 * HOUR + 3), (72 * HOUR - 5 * MINUTE, 72 * HOUR + 3, true));
}

#[test]
fn a_range_shorter_than_a_window_gets_the_last_whole_one() {
    assert_eq!(snapped(2 * HOUR + MINUTE, 2 * HOUR + 2 * MINUTE), (HOUR, 2 * HOUR, true));
    assert_eq!(snapped(48 * HOUR, 48 * HOUR + MINUTE), (48 * HOUR - 5 * MINUTE, 48 * HOUR, true));
}

#[test]
fn stretches_are_told_from_new_to_old() {
    let shown = "samples before 1970-01-04T00:00:00Z are kept at a resolution of 5m and before 1970-01-03T00:00:00Z at a resolution of 1h";
    assert_eq!(grid().shown(), shown);
}
