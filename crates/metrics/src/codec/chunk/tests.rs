use super::*;
use crate::locked;
use proptest::prelude::*;
use std::sync::Mutex;

fn values() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(watchfire_model::STALE_NAN.to_bits()),
        Just(f64::INFINITY.to_bits()),
        Just((-0.0_f64).to_bits()),
        Just(1.0_f64.to_bits()),
        (0..1000_u32).prop_map(|number| f64::from(number).to_bits()),
        (any::<i32>(), 0..14_i32)
            .prop_map(|(number, places)| (f64::from(number) / 10_f64.powi(places)).to_bits()),
        (any::<i64>(), 0..22_i32)
            .prop_map(|(number, places)| (number as f64 / 10_f64.powi(places)).to_bits()),
        (0..1_u64 << 30).prop_map(|pages| ((pages << 20) as f64).to_bits()),
        any::<f64>().prop_map(f64::to_bits),
        any::<u64>(),
    ]
}

proptest! {
    #[test]
    fn every_bit_of_every_sample_comes_back(
        start in any::<i32>(),
        steps in prop::collection::vec((prop_oneof![Just(15_000_i64), 1..40_000_i64, 1..1_i64 << 24], values()), 1..300),
    ) {
        let pool = Mutex::default();
        let mut writer = ChunkWriter::default();
        let mut expected = Vec::new();
        let mut at = i64::from(start);
        for (step, bits) in steps {
            at += step;
            writer.push(&pool, at, bits);
            expected.push((at, bits));
        }
        let mut found = Vec::new();
        writer.read(&pool, |at, bits| { found.push((at, bits)); true });
        prop_assert_eq!(&found, &expected);
        for forgotten in [0, expected.len() / 2, expected.len()] {
            let mut rest = ChunkWriter::default();
            for (at, bits) in &expected {
                rest.push(&pool, *at, *bits);
            }
            rest.forget(&pool, forgotten as u16);
            found.clear();
            rest.read(&pool, |at, bits| { found.push((at, bits)); true });
            prop_assert_eq!(&found, &expected[forgotten..]);
            prop_assert_eq!((rest.last_ms, rest.last_bits), *expected.last().unwrap());
            rest.forget(&pool, rest.count);
        }
        found.clear();
        let chunk = writer.seal(&pool).unwrap();
        chunk.read(|at, bits| { found.push((at, bits)); true });
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(writer.count, 0);
        prop_assert_eq!(locked(&pool).blocks(), 0, "what is forgotten is freed");
    }
}

#[test]
fn decimals_with_noise_take_few_bits() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut each = |value: &mut dyn FnMut(&mut fastrand::Rng) -> f64| {
        let (mut writer, pool) = (ChunkWriter::default(), Mutex::default());
        for step in 0..120 {
            writer.push(&pool, step * 15_000, value(&mut random).to_bits());
        }
        writer.seal(&pool).unwrap().bytes() * 8 / 120
    };
    let mut total = 0.0;
    let seconds = each(&mut |random| {
        total += random.f64() * 15.0;
        (total * 100.0).round() / 100.0
    });
    let power = each(&mut |random| (400_000.0 + random.f64() * 100_000.0).round() / 1000.0);
    let temperature = each(&mut |random| (60.0 + random.f64() * 8.0).round());
    let bits = [seconds, power, temperature];
    println!("{bits:?} bits a sample");
    assert!(seconds <= 16 && power <= 23 && temperature <= 10, "{bits:?}");
}

#[test]
fn a_chunk_reaches_as_far_as_its_span_can_be_told() {
    let (mut writer, pool) = (ChunkWriter::default(), Mutex::default());
    assert!(writer.reaches(i64::MIN) && writer.reaches(i64::MAX));
    writer.push(&pool, -5, 1);
    let last = i64::from(u32::MAX) - 5;
    assert!(writer.reaches(last) && !writer.reaches(last + 1) && !writer.reaches(i64::MAX));
    writer.push(&pool, last, 2);
    assert_eq!((writer.first_ms(), writer.last_ms), (-5, last));
    let mut found = Vec::new();
    writer.read(&pool, |at, bits| {
        found.push((at, bits));
        true
    });
    assert_eq!(found, [(-5, 1), (last, 2)]);
}
