use super::*;
use crate::mutation::mutated;
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
    let ints: [Vec<i64>; 2] = [
        (0..count as i64).map(|step| 1_700_000_000_000 + step * 15_000 + step % 3).collect(),
        (0..count as i64).map(|step| step * step * step).collect(),
    ];
    let mut columns = Vec::new();
    for values in &floats {
        let mut bytes = Vec::new();
        put_floats(&mut bytes, values);
        columns.push(bytes);
    }
    for numbers in &ints {
        let mut bytes = Vec::new();
        put_ints(&mut bytes, numbers);
        columns.push(bytes);
    }
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(4));
    for case in 0..10_000 {
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        let index = case % columns.len();
        let bytes = mutated(&columns[index], &mut random);
        let mut input = Reader::new(&bytes);
        let read = if index < floats.len() {
            take_floats(&mut input, count, &mut scratch, &mut found).map(|()| found.len())
        } else {
            take_ints(&mut input, count, &mut scratch).map(|()| scratch.len())
        };
        refused += usize::from(read.is_none());
        assert!(read.is_none_or(|len| len == count), "case {case}");
        assert!(scratch.capacity().max(found.capacity()) <= 2 * count, "case {case}");
    }
    println!("10000 mutations, {refused} refused");
    assert!(refused > 1000);
}
