use super::*;
use proptest::prelude::*;

fn floats() -> impl Strategy<Value = Vec<f64>> {
    let odd = prop_oneof![
        Just(watchfire_model::STALE_NAN),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        any::<u64>().prop_map(f64::from_bits),
    ];
    let value = prop_oneof![
        20 => (-100_000..100_000_i64).prop_map(|number| number as f64 / 100.0),
        20 => (0..1000_u32).prop_map(f64::from),
        1 => odd,
    ];
    prop_oneof![
        prop::collection::vec(value, 1..400),
        prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 1..100),
        (any::<u64>(), 1..50_usize).prop_map(|(bits, count)| vec![f64::from_bits(bits); count]),
    ]
}

proptest! {
    #[test]
    fn every_bit_of_a_float_column_comes_back(values in floats()) {
        let mut bytes = Vec::new();
        put_floats(&mut bytes, &values);
        let mut input = Reader::new(&bytes);
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        take_floats(&mut input, values.len(), &mut scratch, &mut found).unwrap();
        prop_assert!(input.is_empty());
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&found), bits(&values));
    }

    #[test]
    fn an_integer_column_comes_back(numbers in prop_oneof![
        prop::collection::vec(any::<i64>(), 1..200),
        prop::collection::vec(-50..50_i64, 1..400),
        (any::<i64>(), any::<i64>(), 1..100_i64)
            .prop_map(|(first, step, count)| (0..count).map(|at| first.wrapping_add(step.wrapping_mul(at))).collect()),
    ]) {
        let mut bytes = Vec::new();
        put_ints(&mut bytes, &numbers);
        let mut found = Vec::new();
        take_ints(&mut Reader::new(&bytes), numbers.len(), &mut found).unwrap();
        prop_assert_eq!(found, numbers);
    }

    #[test]
    fn damaged_columns_are_an_answer_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), count in 1..8192_usize,
    ) {
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        let _ = take_floats(&mut Reader::new(&bytes), count, &mut scratch, &mut found);
        let _ = take_ints(&mut Reader::new(&bytes), count, &mut scratch);
    }
}
