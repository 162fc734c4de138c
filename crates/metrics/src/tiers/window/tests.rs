use super::*;
use proptest::prelude::*;
use watchfire_model::STALE_NAN;

const RESOLUTION_MS: i64 = 1_000;

fn samples(values: &[(i64, f64)]) -> Samples {
    let mut samples = Samples::default();
    values.iter().for_each(|(at_ms, value)| samples.push_float(*at_ms, *value));
    samples
}

/// Columns as pairs of time and bits.
fn columns(windows: &Windows) -> Vec<Vec<(i64, u64)>> {
    let bits = |column: &Samples| {
        column.timestamps_ms.iter().zip(&column.floats).map(|(at, value)| (*at, value.to_bits())).collect()
    };
    windows.columns.iter().map(bits).collect()
}

fn floats(windows: &Windows, column: Column) -> Vec<(i64, f64)> {
    let column = &windows.columns[column as usize];
    column.timestamps_ms.iter().copied().zip(column.floats.iter().copied()).collect()
}

#[test]
fn a_window_is_open_at_its_start_and_closed_at_its_end() {
    let mut windows = Windows::new(RESOLUTION_MS);
    windows.of_samples(&samples(&[(1_000, 5.0), (1_001, 7.0), (1_500, 2.0), (2_000, 3.0), (2_001, 9.0)]));
    assert_eq!(floats(&windows, Column::First), [(1_000, 5.0), (1_001, 7.0), (2_001, 9.0)]);
    assert_eq!(floats(&windows, Column::Last), [(1_000, 5.0), (2_000, 3.0), (2_001, 9.0)]);
    assert_eq!(floats(&windows, Column::Count), [(1_000, 1.0), (2_000, 3.0), (2_001, 1.0)]);
    assert_eq!(floats(&windows, Column::Sum), [(1_000, 5.0), (2_000, 12.0), (2_001, 9.0)]);
    assert_eq!(floats(&windows, Column::Min), [(1_000, 5.0), (2_000, 2.0), (2_001, 9.0)]);
    assert_eq!(floats(&windows, Column::Max), [(1_000, 5.0), (2_000, 7.0), (2_001, 9.0)]);
    assert_eq!(floats(&windows, Column::Lost), [(2_000, 7.0)]);
}

#[test]
fn a_series_that_ended_in_a_window_still_ends_and_one_that_came_back_does_not() {
    let mut windows = Windows::new(RESOLUTION_MS);
    windows.of_samples(&samples(&[
        (100, 1.0),
        (200, STALE_NAN),
        (1_100, STALE_NAN),
        (1_200, 2.0),
        (2_500, STALE_NAN),
    ]));
    let last = &windows.columns[Column::Last as usize];
    assert_eq!(last.timestamps_ms, [100, 200, 1_200, 2_500]);
    let stale: Vec<bool> = last.floats.iter().map(|value| is_stale(*value)).collect();
    assert_eq!(stale, [false, true, false, true]);
    assert_eq!(floats(&windows, Column::Count), [(100, 1.0), (1_200, 1.0)]);
}

#[test]
fn a_second_series_knows_nothing_of_the_first() {
    let mut windows = Windows::new(RESOLUTION_MS);
    windows.of_samples(&samples(&[(100, 9.0), (200, 1.0)]));
    windows.of_samples(&samples(&[(150, 4.0)]));
    assert_eq!(floats(&windows, Column::Min), [(150, 4.0)]);
    assert!(floats(&windows, Column::Lost).is_empty());
}

fn series() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        8 => (-20_i32..20).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
    ];
    proptest::collection::vec((1_i64..700, value), 0..80).prop_map(|steps| {
        let mut at_ms = 0;
        let step = |(step, value)| {
            at_ms += step;
            (at_ms, value)
        };
        steps.into_iter().map(step).collect()
    })
}

proptest! {
    /// Whole numbers, so that sums do not depend on their order.
    #[test]
    fn windows_of_windows_are_windows_of_the_samples(series in series()) {
        let (mut finer, mut coarser, mut direct) =
            (Windows::new(500), Windows::new(RESOLUTION_MS), Windows::new(RESOLUTION_MS));
        finer.of_samples(&samples(&series));
        coarser.of_columns(&finer.columns);
        direct.of_samples(&samples(&series));
        prop_assert_eq!(columns(&coarser), columns(&direct));
    }

    #[test]
    fn first_last_and_what_was_lost_give_the_increase_between_them(series in series()) {
        let plain: Vec<(i64, f64)> = series.into_iter().filter(|(_, value)| !value.is_nan()).collect();
        let mut windows = Windows::new(i64::from(u32::MAX));
        windows.of_samples(&samples(&plain));
        let one = |column| floats(&windows, column).first().map_or(0.0, |(_, value)| *value);
        let increase = one(Column::Last) - one(Column::First) + one(Column::Lost);
        let steps = plain.windows(2).map(|pair| {
            let (before, now) = (pair[0].1, pair[1].1);
            if now < before { now } else { now - before }
        });
        prop_assert_eq!(increase, steps.sum::<f64>());
    }
}
