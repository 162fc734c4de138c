use super::{SortedWindow, nan_first};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_sliding_window_is_always_sorted_and_complete(
        values in proptest::collection::vec(prop_oneof![Just(f64::NAN), Just(1.0), -5.0..5.0_f64], 1..120),
        moves in proptest::collection::vec((0_usize..9, 0_usize..9), 1..40),
    ) {
        let mut window = SortedWindow::default();
        let (mut first, mut behind) = (0_usize, 0_usize);
        for (leave, enter) in moves {
            behind = (behind + enter).min(values.len());
            first = (first + leave).min(behind);
            let inside = &values[first..behind];
            let mut expected = inside.to_vec();
            expected.sort_by(nan_first);
            let sorted = window.slide(first, inside);
            prop_assert_eq!(format!("{sorted:?}"), format!("{expected:?}"));
        }
    }
}
