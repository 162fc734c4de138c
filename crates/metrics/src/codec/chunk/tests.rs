use super::*;
use proptest::prelude::*;

fn values() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(watchfire_model::STALE_NAN.to_bits()),
        Just(f64::INFINITY.to_bits()),
        Just((-0.0_f64).to_bits()),
        Just(1.0_f64.to_bits()),
        (0..1000_u32).prop_map(|number| f64::from(number).to_bits()),
        any::<u64>(),
    ]
}

proptest! {
    #[test]
    fn every_bit_of_every_sample_comes_back(
        start in any::<i32>(),
        steps in prop::collection::vec((prop_oneof![Just(15_000_i64), 1..40_000_i64, 1..1_i64 << 40], values()), 1..300),
    ) {
        let mut writer = ChunkWriter::default();
        let mut expected = Vec::new();
        let mut at = i64::from(start);
        for (step, bits) in steps {
            at += step;
            writer.push(at, bits);
            expected.push((at, bits));
        }
        let mut found = Vec::new();
        writer.read(|at, bits| { found.push((at, bits)); true });
        prop_assert_eq!(&found, &expected);
        found.clear();
        let chunk = writer.seal().unwrap();
        chunk.read(|at, bits| { found.push((at, bits)); true });
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(writer.count, 0);
    }
}
