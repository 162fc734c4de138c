use super::{Kahan, Kahans, Mean};
use proptest::prelude::*;

/// Neumaier's sum as it is defined, with its branch.
fn neumaier(values: &[f64]) -> (f64, f64) {
    let (mut sum, mut compensation) = (0.0_f64, 0.0_f64);
    for value in values {
        let total = sum + value;
        if total.is_infinite() {
            compensation = 0.0;
        } else if sum.abs() >= value.abs() {
            compensation += (sum - total) + value;
        } else {
            compensation += (value - total) + sum;
        }
        sum = total;
    }
    (sum, compensation)
}

/// The bits; every NaN is the same.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -1e6..1e6_f64, Just(f64::MAX), Just(-f64::MAX), Just(-0.0), Just(1e-310)]
}

proptest! {
    #[test]
    fn sums_have_the_bits_of_neumaiers_method(values in proptest::collection::vec(value(), 0..40)) {
        let mut sum = Kahan::default();
        for value in &values {
            sum.add(*value);
        }
        let (expected, compensation) = neumaier(&values);
        prop_assert_eq!(bits(sum.sum), bits(expected));
        prop_assert_eq!(bits(sum.compensation), bits(compensation));
    }

    #[test]
    fn the_mean_of_many_is_that_of_one_by_one(values in proptest::collection::vec(value(), 1..40)) {
        let mut mean = Mean::default();
        for value in &values {
            mean.add(*value);
        }
        prop_assert_eq!(bits(Mean::of(&values)), bits(mean.value()));
    }

    #[test]
    fn sums_of_many_steps_at_once_have_the_bits_of_one_by_one(
        series in proptest::collection::vec(
            proptest::collection::vec((prop_oneof![3 => (-1e6..1e6_f64).boxed(), 1 => value().boxed()], any::<bool>()), 7),
            0..20,
        ),
        tame in any::<bool>(),
    ) {
        let mut together = Kahans::new(7);
        let mut alone = [Kahan::default(); 7];
        for row in &series {
            let values: Vec<f64> =
                row.iter().map(|(value, _)| if tame && !super::tame(&[*value]) { 1.0 } else { *value }).collect();
            let present: Vec<bool> = row.iter().map(|(_, present)| *present).collect();
            together.add(&values, &present);
            for ((sum, value), present) in alone.iter_mut().zip(&values).zip(&present) {
                if *present {
                    sum.add(*value);
                }
            }
        }
        for (step, sum) in alone.iter().enumerate() {
            prop_assert_eq!(bits(together.total(step)), bits(sum.total()));
        }
    }
}
