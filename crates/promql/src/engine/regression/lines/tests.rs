use super::*;
use proptest::prelude::*;

/// The lines of a series, all at once and one after the other.
fn both_ways(times: &[i64], values: &[f64], frame: Frame, zero: Zero) -> [Vec<Option<(u64, u64)>>; 2] {
    let series = Columns { times, values, ..Columns::default() };
    let bits = |(slope, at): (f64, f64)| Some((slope.to_bits(), at.to_bits()));
    let mut lines = Lines::default();
    let mut together = vec![None; frame.count];
    lines.begin(&series);
    assert!(lines.slide(&series, frame, zero, |step, line| together[step] = bits(line)));
    let mut alone = vec![None; frame.count];
    let mut lines = Lines::default();
    lines.begin(&series);
    frame.slide(times, |step, (_, end_ms), inside| {
        if inside.len() < 2 {
            return;
        }
        let zero_ms = if zero == Zero::First { times[inside.start] } else { end_ms + frame.offset_ms };
        alone[step] = bits(lines.through(&times[inside.clone()], &values[inside], zero_ms));
    });
    [together, alone]
}

proptest! {
    #[test]
    fn windows_side_by_side_give_the_very_bits_of_windows_one_by_one(
        gaps in proptest::collection::vec(prop_oneof![4 => Just(15_000_i64), 1 => 1..40_000_i64], 2..200),
        regular in any::<bool>(),
        seed in proptest::collection::vec(prop_oneof![Just(7.0), -1e9..1e9_f64, Just(1e-30), Just(-1e150)], 2..200),
        interval_ms in prop_oneof![Just(15_000_i64), Just(60_000), 1..50_000_i64],
        range_ms in 1_000..900_000_i64,
        offset_ms in -60_000..60_000_i64,
        from_zero in any::<bool>(),
    ) {
        let mut time_ms = 1_000_000;
        let times: Vec<i64> = gaps.iter().map(|gap| { time_ms += if regular { 15_000 } else { *gap }; time_ms }).collect();
        let values: Vec<f64> = seed.iter().cycle().take(times.len()).copied().collect();
        let frame = Frame { end_ms: 1_010_000, interval_ms, count: 120, range_ms, offset_ms };
        let zero = if from_zero { Zero::First } else { Zero::Now };
        let [together, alone] = both_ways(&times, &values, frame, zero);
        prop_assert_eq!(together, alone);
    }
}

#[test]
fn values_that_need_more_care_are_left_to_those_who_take_it() {
    let frame = Frame { end_ms: 3_000, interval_ms: 1_000, count: 2, range_ms: 5_000, offset_ms: 0 };
    for odd in [f64::NAN, f64::INFINITY, 1e250] {
        let series = Columns { times: &[1_000, 2_000], values: &[1.0, odd], ..Columns::default() };
        let mut lines = Lines::default();
        lines.begin(&series);
        assert!(!lines.slide(&series, frame, Zero::Now, |_, _| panic!("nothing was to be done")));
    }
}
