use super::*;
use crate::testing::mutated;

fn manifest() -> Manifest {
    Manifest {
        start_day: 20_000,
        days: 16,
        sources: vec![3, 900, u64::MAX],
        parts: vec![1, 2, 3, 0, 5, 6, 0],
    }
}

#[test]
fn a_manifest_comes_back_as_it_was() {
    assert_eq!(Manifest::decode(&manifest().encode()), Some(manifest()));
}

#[test]
fn a_mutated_manifest_is_refused_or_possible() {
    let (bytes, mut random) = (manifest().encode(), fastrand::Rng::with_seed(1));
    for _ in 0..20_000 {
        if let Some(found) = Manifest::decode(&mutated(&bytes, &mut random)) {
            assert!((1..=4096).contains(&found.days) && found.parts.len() == COLUMNS.len());
        }
    }
}
