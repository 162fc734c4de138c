use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use watchfire_model::STALE_NAN;

/// Runs of samples in time order, of which each may repeat what another has.
fn runs() -> impl Strategy<Value = Vec<Vec<(i64, u8)>>> {
    let run = (0..60_i64, prop::collection::vec((1..4_i64, 0..3_u8), 0..40));
    let placed = run.prop_map(|(mut at, steps)| {
        let mut place = |step: i64| {
            at += step;
            at
        };
        steps.into_iter().map(|(step, value)| (place(step), value)).collect()
    });
    prop::collection::vec(placed, 0..5)
}

fn value(kind: u8, at: i64) -> f64 {
    if kind == 2 { STALE_NAN } else { (at * 10 + i64::from(kind)) as f64 }
}

proptest! {
    #[test]
    fn whatever_runs_overlap_each_time_is_there_once_with_the_value_collected_first(
        runs in runs(),
        histograms in any::<bool>(),
        starts in any::<bool>(),
    ) {
        let mut samples = Samples::default();
        let mut gather = Gather::new(TimeRange::new(5, 90), &mut samples);
        let mut expected: BTreeMap<i64, f64> = BTreeMap::new();
        let mut conflicts = 0;
        for (place, run) in runs.iter().enumerate() {
            for (at, kind) in run.iter().filter(|(at, _)| (5..=90).contains(at)) {
                let value = value(*kind, *at);
                let kept = *expected.entry(*at).or_insert(value);
                conflicts += u64::from(kept.to_bits() != value.to_bits());
            }
            let times: Vec<i64> = run.iter().map(|(at, _)| *at).collect();
            let values: Vec<f64> = run.iter().map(|(at, kind)| value(*kind, *at)).collect();
            if place % 2 == 0 && !histograms {
                gather.floats(&times, &values);
                continue;
            }
            for (at, value) in times.into_iter().zip(values) {
                if histograms {
                    let histogram = Histogram { sum: value, ..Histogram::default() };
                    gather.histogram(at, Arc::new(histogram), 0);
                } else {
                    gather.float(at, value, if starts { at - 1 } else { 0 });
                }
            }
        }
        let found = gather.finish();
        let times: Vec<i64> = expected.keys().copied().collect();
        prop_assert_eq!(&samples.timestamps_ms, &times);
        let bits = |index: usize| match samples.histogram(index) {
            Some(histogram) => histogram.sum.to_bits(),
            None => samples.floats[index].to_bits(),
        };
        let found_bits: Vec<u64> = (0..samples.len()).map(bits).collect();
        let expected_bits: Vec<u64> = expected.values().map(|value| value.to_bits()).collect();
        prop_assert_eq!(found_bits, expected_bits);
        for column in [samples.floats.len(), samples.timestamps_ms.len()] {
            prop_assert_eq!(column, times.len());
        }
        prop_assert!(samples.start_timestamps_ms.is_empty() || samples.start_timestamps_ms.len() == times.len());
        // A histogram of a stale marker equals none, not even itself.
        if !histograms {
            prop_assert_eq!(found, conflicts);
        }
    }
}
