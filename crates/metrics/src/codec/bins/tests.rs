use super::*;
use crate::testing::mutated;
use proptest::prelude::*;

fn round_trip(numbers: &[u64]) -> usize {
    let mut out = vec![7];
    put(&mut out, numbers);
    let packed = out.len() - 1;
    out.extend_from_slice(&[0xff; 3]);
    let mut found = vec![0; numbers.len()];
    assert_eq!(take(&out[1..], &mut found), Some(packed));
    assert_eq!(found, numbers);
    packed
}

proptest! {
    #[test]
    fn numbers_come_back(
        numbers in prop::collection::vec(prop_oneof![
            8 => 0_u64..30,
            2 => 1000_u64..1_000_000,
            1 => any::<u64>(),
        ], 0..600)
    ) {
        round_trip(&numbers);
    }

    #[test]
    fn numbers_of_any_width_come_back(shift in 0_u32..64, numbers in prop::collection::vec(any::<u64>(), 1..200)) {
        round_trip(&numbers.iter().map(|number| number >> shift).collect::<Vec<_>>());
    }
}

#[test]
fn numbers_take_hardly_more_than_their_entropy() {
    let mut random = fastrand::Rng::with_seed(3);
    let count = 4096;
    let mut check = |name: &str, most_bits: f64, next: &mut dyn FnMut(&mut fastrand::Rng) -> u64| {
        let numbers: Vec<u64> = (0..count).map(|_| next(&mut random)).collect();
        let bits = round_trip(&numbers) as f64 * 8.0 / count as f64;
        println!("{name}: {bits:.3} bits");
        assert!(bits <= most_bits, "{name}: {bits} bits");
    };
    // Entropies: 0.08, 10.0, 8.23 (no power of two), 2.0 and 6.6 bits.
    check("one in a hundred", 0.13, &mut |random| u64::from(random.u8(0..100) == 0));
    check("uniform", 10.05, &mut |random| random.u64(0..1024));
    check("uniform over 300", 8.35, &mut |random| random.u64(0..300));
    check("geometric", 2.1, &mut |random| u64::from(random.u64(..).trailing_zeros()));
    check("sum of four", 6.8, &mut |random| (0..4).map(|_| random.u64(0..40)).sum());
    check("outliers", 4.6, &mut |random| if random.u8(..) == 0 { random.u64(..) } else { random.u64(0..16) });
    check("zero", 0.01, &mut |_| 0);
}

#[test]
fn mutated_bytes_never_panic() {
    let mut random = fastrand::Rng::with_seed(4);
    let mut bytes = Vec::new();
    let numbers: Vec<u64> =
        (0..500).map(|index| if index % 50 == 0 { random.u64(..) } else { random.u64(0..90) }).collect();
    put(&mut bytes, &numbers);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut out = vec![0; 500];
        refused += usize::from(take(&mutated(&bytes, &mut random), &mut out).is_none());
    }
    println!("20000 mutations, {refused} refused");
    assert!(refused > 1000);
}
