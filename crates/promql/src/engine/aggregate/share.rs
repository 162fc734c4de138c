//! Where a label set lies between 0 and 1, for `limit_ratio`: by the hash that Prometheus takes of it, so that both pick
//! the same series.

use watchfire_model::{Labels, xxhash64};

/// Labels are hashed in Prometheus's own packing, which is not ours: before each name and each value stands its length,
/// in one byte or, from 255 on, in three behind a byte of ones, the lowest first.
pub(super) fn share(labels: &Labels) -> f64 {
    let mut packed = Vec::with_capacity(labels.as_bytes().len() + 16);
    for (name, value) in labels {
        put(name, &mut packed);
        put(value, &mut packed);
    }
    // As Prometheus divides: the largest hashes come to 1.
    xxhash64(&packed) as f64 / u64::MAX as f64
}

fn put(text: &str, packed: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(len @ ..=254) => packed.push(len),
        _ => {
            let [first, second, third, ..] = text.len().to_le_bytes();
            packed.extend([u8::MAX, first, second, third]);
        }
    }
    packed.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_have_a_longer_length() {
        let mut packed = Vec::new();
        put(&"x".repeat(254), &mut packed);
        assert_eq!((packed.len(), packed[0]), (255, 254));
        packed.clear();
        put(&"x".repeat(700), &mut packed);
        assert_eq!((packed.len(), &packed[..4]), (704, [255, 188, 2, 0].as_slice()));
    }
}
