use super::*;

const DAY_MS: i64 = 86_400_000;

#[test]
fn samples_months_apart_come_back_and_are_counted_until_they_are_gone() {
    let (series, memory) = (HeadSeries::new(3), Memory::default());
    let times: Vec<i64> = [0, 60, 61, 200, 249, 299].into_iter().map(|day| day * DAY_MS).collect();
    for at in &times {
        let value = ValueRef::Float(*at as f64 + 0.5);
        assert_eq!(series.append(*at, 0, value, &memory), Appended::Kept);
        assert_eq!(series.append(*at, 0, value, &memory), Appended::Duplicate);
    }
    assert_eq!(series.range(), Some(TimeRange::new(0, 299 * DAY_MS)));
    let mut out = Samples::default();
    let (copied, conflicts) = series.copy(&mut out, &memory);
    assert_eq!((out.timestamps_ms.as_slice(), conflicts), (times.as_slice(), 0));
    assert!(out.floats.iter().zip(&times).all(|(value, at)| *value == *at as f64 + 0.5));
    assert!(memory.sample_bytes() > 0);
    series.drain(copied, 1, &memory);
    assert!(series.is_empty());
    assert_eq!(memory.sample_bytes(), 0);
}

#[test]
fn a_series_takes_a_cache_line_and_a_half() {
    assert_eq!(size_of::<HeadSeries>(), 96);
}
