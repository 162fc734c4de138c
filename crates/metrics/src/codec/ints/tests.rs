use super::*;
use crate::testing::mutated;
use proptest::prelude::*;

fn written(numbers: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_ints(&mut bytes, numbers);
    bytes
}

proptest! {
    #[test]
    fn an_integer_column_comes_back(numbers in prop_oneof![
        prop::collection::vec(any::<i64>(), 1..200),
        prop::collection::vec(-50..50_i64, 1..400),
        (any::<i64>(), any::<i64>(), prop::collection::vec(-5..5_i64, 1..100)).prop_map(|(first, step, noise)| {
            let line = (0..).map(|at: i64| first.wrapping_add(step.wrapping_mul(at)));
            line.zip(noise).map(|(line, noise)| line.wrapping_add(noise.wrapping_mul(4096))).collect()
        }),
        (any::<i64>(), any::<i64>(), 1..100_i64)
            .prop_map(|(first, step, count)| (0..count).map(|at| first.wrapping_add(step.wrapping_mul(at))).collect()),
    ]) {
        let bytes = written(&numbers);
        let (mut input, mut found) = (Reader::new(&bytes), Vec::new());
        take_ints(&mut input, numbers.len(), &mut found).unwrap();
        prop_assert!(input.is_empty());
        prop_assert_eq!(found, numbers);
    }

    #[test]
    fn damaged_columns_are_an_answer_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), count in 1..8192_usize,
    ) {
        let _ = take_ints(&mut Reader::new(&bytes), count, &mut Vec::new());
    }
}

#[test]
fn the_guess_that_fits_is_taken() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut check =
        |guess: Guess, most_bytes: usize, next: &mut dyn FnMut(&mut fastrand::Rng, i64) -> i64| {
            let numbers: Vec<i64> = (0..1000).map(|index| next(&mut random, index)).collect();
            let bytes = written(&numbers);
            assert_eq!(Guess::from_bits(bytes[0]), guess);
            assert!(bytes.len() <= most_bytes, "{guess:?}: {} bytes", bytes.len());
        };
    check(Guess::Zero, 1300, &mut |random, _| random.i64(0..1000));
    // Jitter of nine milliseconds has 3.17 bits.
    check(Guess::Line, 430, &mut |random, index| 1_700_000_000_000 + index * 15_000 + random.i64(-4..=4));
    let mut count = 0;
    check(Guess::Last, 1300, &mut |random, _| {
        count += random.i64(0..1000);
        count
    });
    // Steps of 4096 cost what steps of one cost.
    check(Guess::Zero, 1300, &mut |random, _| 4096 * random.i64(0..1000));
    let (mut speed, mut place) = (0, 0);
    check(Guess::Step, 450, &mut |random, _| {
        speed += random.i64(-4..=4);
        place += speed;
        place
    });
}

#[test]
fn mutated_columns_are_refused_or_give_their_count_in_bounded_memory() {
    let count = 600;
    let columns = [
        written(&(0..count).map(|step| 1_700_000_000_000 + step * 15_000 + step % 3).collect::<Vec<_>>()),
        written(&(0..count).map(|step| step * step * step).collect::<Vec<_>>()),
        written(&(0..count).map(|step| step * 4096).collect::<Vec<_>>()),
    ];
    let (mut refused, mut random) = (0, fastrand::Rng::with_seed(4));
    for case in 0..10_000 {
        let bytes = mutated(&columns[case % columns.len()], &mut random);
        let mut found = Vec::new();
        let read = take_ints(&mut Reader::new(&bytes), count as usize, &mut found);
        refused += usize::from(read.is_none());
        assert!(read.is_none() || found.len() == count as usize, "case {case}");
        assert!(found.capacity() <= 2 * count as usize, "case {case}");
    }
    println!("10000 mutations, {refused} refused");
    assert!(refused > 1000);
}
