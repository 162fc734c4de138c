use super::{SortedWindow, nan_first};
use crate::engine::aggregate::quantile_of_sorted;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_sliding_window_has_the_quantiles_of_its_values_sorted(
        values in proptest::collection::vec(
            prop_oneof![Just(f64::NAN), Just(1.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), -5.0..5.0_f64], 1..240),
        moves in proptest::collection::vec((0_usize..9, 0_usize..9), 1..60),
        quantile in prop_oneof![Just(0.0), Just(1.0), Just(0.5), Just(-1.0), Just(2.0), Just(f64::NAN), 0.0..1.0_f64],
    ) {
        let mut window = SortedWindow::default();
        window.begin(&values);
        let (mut first, mut behind) = (0_usize, 0_usize);
        for (leave, enter) in moves {
            behind = (behind + enter * enter).min(values.len());
            first = (first + leave).min(behind);
            let mut expected = values[first..behind].to_vec();
            expected.sort_by(nan_first);
            let expected = quantile_of_sorted(quantile, &expected);
            let found = window.quantile(quantile, first, behind - first);
            prop_assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan());
        }
    }
}
