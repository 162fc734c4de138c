use super::*;

fn seen(from: u64, to: u64) -> Distinct {
    let mut distinct = Distinct::default();
    let mut random = fastrand::Rng::with_seed(7);
    let hashes: Vec<u64> = (0..to).map(|_| random.u64(..)).collect();
    for hash in &hashes[from as usize..] {
        distinct.add(*hash);
        distinct.add(*hash);
    }
    distinct
}

#[test]
fn few_values_are_counted_exactly() {
    for count in [0, 1, 2, 1000, FEW as u64] {
        let distinct = seen(0, count);
        assert_eq!((distinct.count(), distinct.is_exact()), (count, true));
    }
}

#[test]
fn many_values_are_counted_within_a_few_percent_in_bounded_memory() {
    for count in [1025, 3000, 10_000, 20_000, 51_204, 1_000_000] {
        let distinct = seen(0, count);
        let error = (distinct.count() as f64 / count as f64 - 1.0).abs();
        assert!(error < 0.06, "{count} was counted as {}", distinct.count());
        assert!(!distinct.is_exact());
        assert_eq!(distinct.bytes(), REGISTERS);
    }
}

#[test]
fn a_merged_count_is_that_of_the_union() {
    for (middle, end) in [(200, 400), (300, 20_000), (10_000, 10_300), (40_000, 90_000)] {
        let mut left = seen(0, middle + middle / 2);
        left.merge(&seen(middle, end));
        assert_eq!(left.count(), seen(0, end.max(middle + middle / 2)).count());
    }
}
