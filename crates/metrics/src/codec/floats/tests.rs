use super::*;
use crate::testing::mutated;
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
        prop::collection::vec(any::<f32>().prop_map(f64::from), 1..100),
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
    fn damaged_columns_are_an_answer_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), count in 1..8192_usize,
    ) {
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        let _ = take_floats(&mut Reader::new(&bytes), count, &mut scratch, &mut found);
    }
}

#[test]
fn mutated_columns_are_refused_or_give_their_count_in_bounded_memory() {
    let count = 600;
    let floats: [Vec<f64>; 3] = [
        (0..count).map(|step| step as f64 * 0.25).collect(),
        (0..count)
            .map(|step| if step == 7 { watchfire_model::STALE_NAN } else { (step % 9) as f64 / 10.0 })
            .collect(),
        (0..count).map(|step| (step as f64).sin()).collect(),
    ];
    let mut columns = Vec::new();
    for values in &floats {
        let mut bytes = Vec::new();
        put_floats(&mut bytes, values);
        columns.push(bytes);
    }
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(4));
    for case in 0..10_000 {
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        let index = case % columns.len();
        let bytes = mutated(&columns[index], &mut random);
        let mut input = Reader::new(&bytes);
        let read = take_floats(&mut input, count, &mut scratch, &mut found).map(|()| found.len());
        refused += usize::from(read.is_none());
        assert!(read.is_none_or(|len| len == count), "case {case}");
        assert!(scratch.capacity().max(found.capacity()) <= 2 * count, "case {case}");
    }
    println!("10000 mutations, {refused} refused");
    assert!(refused > 1000);
}

#[test]
fn a_stale_marker_at_the_end_of_a_constant_costs_a_few_bytes() {
    let mut values = vec![500_000_000_000.0; 120];
    values.push(STALE_NAN);
    let mut bytes = Vec::new();
    put_floats(&mut bytes, &values);
    assert!(bytes.len() < 16, "{} bytes", bytes.len());
}
