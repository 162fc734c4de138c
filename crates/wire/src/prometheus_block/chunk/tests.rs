use super::*;
use proptest::prelude::*;
use watchfire_model::STALE_NAN;
use watchfire_model::histogram::{CUSTOM_BUCKETS_SCHEMA, ResetHint, Span};

const STALE_NAN_BITS: u64 = STALE_NAN.to_bits();

/// Writes bits, the highest of each byte first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    free: u32,
}

impl Writer {
    fn bits(&mut self, number: u64, count: u32) {
        for place in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            *self.bytes.last_mut().unwrap() |= ((number >> place & 1) as u8) << self.free;
        }
    }

    fn uvarint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bits(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.bits(number, 8);
    }

    /// A number after as many ones as it needs of these widths.
    fn in_width(&mut self, number: i64, widths: &[u32]) {
        let fits = |width: u32| {
            width >= 64 || (width > 0 && number > -(1 << (width - 1)) && number <= 1 << (width - 1))
        };
        let ones = if number == 0 { 0 } else { widths.iter().position(|width| fits(*width)).unwrap() };
        (0..ones).for_each(|_| self.bits(1, 1));
        if ones + 1 < widths.len() {
            self.bits(0, 1);
        }
        self.bits(number.cast_unsigned(), widths[ones]);
    }

    fn varbit_int(&mut self, number: i64) {
        self.in_width(number, &[0, 3, 6, 9, 12, 18, 25, 56, 64]);
    }

    fn varbit_uint(&mut self, number: u64) {
        const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];
        let ones = WIDTHS.iter().position(|width| *width == 64 || number < 1 << width).unwrap();
        (0..ones).for_each(|_| self.bits(1, 1));
        if ones < 8 {
            self.bits(0, 1);
        }
        self.bits(number, WIDTHS[ones]);
    }

    /// What changed, in the window of the change before where it fits.
    fn xor(&mut self, before: u64, after: u64, window: &mut Option<(u32, u32)>) {
        let change = before ^ after;
        if change == 0 {
            return self.bits(0, 1);
        }
        let (leading, trailing) = (change.leading_zeros().min(31), change.trailing_zeros());
        match *window {
            Some((least, most)) if least <= leading && most <= trailing => {
                self.bits(0b10, 2);
                self.bits(change >> most, 64 - least - most);
            }
            _ => {
                *window = Some((leading, trailing));
                let length = 64 - leading - trailing;
                self.bits(0b11, 2);
                self.bits(u64::from(leading), 5);
                self.bits(u64::from(length % 64), 6);
                self.bits(change >> trailing, length);
            }
        }
    }
}

fn xor_chunk(samples: &[(i64, u64)]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bits(samples.len() as u64, 16);
    let (mut at, mut delta, mut bits, mut window) = (0_i64, 0_i64, 0, None);
    for (index, (timestamp_ms, value)) in samples.iter().enumerate() {
        let step = timestamp_ms.wrapping_sub(at);
        match index {
            0 => {
                writer.uvarint((timestamp_ms << 1 ^ (timestamp_ms >> 63)).cast_unsigned());
                writer.bits(*value, 64);
            }
            1 => writer.uvarint(step.cast_unsigned()),
            _ => writer.in_width(step.wrapping_sub(delta), &[0, 14, 17, 20, 64]),
        }
        if index > 0 {
            writer.xor(bits, *value, &mut window);
            delta = step;
        }
        (at, bits) = (*timestamp_ms, *value);
    }
    writer.bytes
}

fn decoded(data: &[u8]) -> Vec<(i64, u64)> {
    let mut samples = Samples::default();
    decode(Encoding::Xor, data, &mut samples).unwrap();
    samples.timestamps_ms.iter().zip(&samples.floats).map(|(at, value)| (*at, value.to_bits())).collect()
}

fn value_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0..1000_u32).prop_map(|whole| f64::from(whole).to_bits()),
        Just(STALE_NAN_BITS),
        Just((-0.0_f64).to_bits()),
    ]
}

proptest! {
    #[test]
    fn floats_come_back_bit_for_bit(
        start in -10_000_000_000_000..10_000_000_000_000_i64,
        steps in prop::collection::vec((prop_oneof![Just(15_000_i64), 1..100_000_000_i64], value_bits()), 0..130),
    ) {
        let mut at = start;
        let samples: Vec<(i64, u64)> = steps.into_iter().map(|(step, bits)| { at += step; (at, bits) }).collect();
        let chunk = xor_chunk(&samples);
        prop_assert_eq!(decoded(&chunk), samples);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_or_leave_half_a_chunk(
        mut data in prop::collection::vec(any::<u8>(), 0..200),
        count in 0..300_u16,
    ) {
        if let Some(head) = data.first_chunk_mut::<2>() {
            *head = count.to_be_bytes();
        }
        for encoding in [Encoding::Xor, Encoding::Histogram, Encoding::FloatHistogram] {
            let mut samples = Samples::default();
            samples.push_float(1, 1.0);
            let before = samples.len();
            match decode(encoding, &data, &mut samples) {
                Ok(()) => prop_assert_eq!(samples.len() - before, sample_count(&data)),
                Err(_) => prop_assert_eq!(samples.len(), before),
            }
            prop_assert_eq!(samples.floats.len(), samples.len());
            prop_assert!(samples.histograms.is_empty() || samples.histograms.len() == samples.len());
        }
    }
}

#[test]
fn a_frame_is_checked_and_knows_its_length() {
    let data = xor_chunk(&[(1000, 7), (2000, 8)]);
    let mut bytes = vec![data.len() as u8, 1];
    bytes.extend_from_slice(&data);
    let crc = crc32c::crc32c(&bytes[1..]);
    bytes.extend_from_slice(&crc.to_be_bytes());
    assert_eq!(frame_bytes(&bytes[..MAX_FRAME_HEADER_BYTES], 8), Ok(bytes.len()));
    assert_eq!(read_frame(&bytes, 8), Ok(Frame { encoding: Encoding::Xor, data: &data }));
    for len in 0..bytes.len() {
        assert!(read_frame(&bytes[..len], 8).is_err(), "cut to {len} bytes");
    }
    for place in 1..bytes.len() {
        bytes[place] ^= 1;
        let error = read_frame(&bytes, 8).unwrap_err();
        assert!(matches!(error, FormatError { offset: 8, problem: Problem::Checksum { .. } }), "{error}");
        bytes[place] ^= 1;
    }
    // An encoding of the future, sound in itself.
    bytes[1] = 9;
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[1..end]);
    bytes[end..].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(read_frame(&bytes, 8).unwrap_err().problem, Problem::Encoding(9));
}

/// Spans of one bucket at 0 and two from 3 on, and one negative bucket at 1.
fn layout(writer: &mut Writer, flags: u64, schema: i64) {
    writer.bits(flags, 8);
    writer.bits(0, 8);
    writer.varbit_int(schema);
    for spans in [&[(1, 0), (2, 2)][..], &[(1, 1)]] {
        writer.varbit_uint(spans.len() as u64);
        for (length, offset) in spans {
            writer.varbit_uint(*length);
            writer.varbit_int(*offset);
        }
    }
}

#[test]
fn whole_histograms_have_absolute_counts_and_hints() {
    let mut writer = Writer::default();
    writer.bits(4, 16);
    layout(&mut writer, 0b1000_0000, 3);
    // Absolute; buckets 5, 7, 4 and 2 as differences along the buckets.
    writer.varbit_int(1000);
    writer.varbit_uint(20);
    writer.varbit_uint(2);
    writer.bits(1.5_f64.to_bits(), 64);
    [5, 2, -3, 2].into_iter().for_each(|told| writer.varbit_int(told));
    // A second later one more in the first bucket, so that the second is told to be one less above it.
    let mut window = None;
    writer.varbit_int(1000);
    [1, 0].into_iter().for_each(|told| writer.varbit_int(told));
    writer.xor(1.5_f64.to_bits(), 2.5_f64.to_bits(), &mut window);
    [1, -1, 0, 0].into_iter().for_each(|told| writer.varbit_int(told));
    // The same change again: all changes of changes are zero.
    (0..3).for_each(|_| writer.varbit_int(0));
    writer.xor(2.5_f64.to_bits(), 2.5_f64.to_bits(), &mut window);
    (0..4).for_each(|_| writer.varbit_int(0));
    // The end of the series has no buckets.
    (0..3).for_each(|_| writer.varbit_int(0));
    writer.xor(2.5_f64.to_bits(), STALE_NAN_BITS, &mut window);
    let mut samples = Samples::default();
    decode(Encoding::Histogram, &writer.bytes, &mut samples).unwrap();
    assert_eq!(samples.timestamps_ms, [1000, 2000, 3000, 4000]);
    let found: Vec<_> = samples.histograms.iter().flatten().collect();
    assert_eq!(found[0].positive_spans, [Span { offset: 0, length: 1 }, Span { offset: 2, length: 2 }]);
    assert_eq!(found[0].negative_spans, [Span { offset: 1, length: 1 }]);
    let told = |index: usize| (found[index].count, found[index].sum, found[index].positive_buckets.clone());
    assert_eq!(told(0), (20.0, 1.5, vec![5.0, 7.0, 4.0]));
    assert_eq!(told(1), (21.0, 2.5, vec![6.0, 7.0, 4.0]));
    assert_eq!(told(2), (22.0, 2.5, vec![7.0, 7.0, 4.0]));
    assert!(
        found[..3].iter().all(|histogram| histogram.negative_buckets == [2.0] && histogram.zero_count == 2.0)
    );
    assert_eq!((found[3].sum.to_bits(), found[3].positive_spans.len()), (STALE_NAN_BITS, 0));
    let hints = [ResetHint::Reset, ResetHint::NoReset, ResetHint::NoReset];
    assert_eq!([0, 1, 2].map(|index| found[index].reset_hint), hints);
}

#[test]
fn float_histograms_and_custom_bounds_come_back_bit_for_bit() {
    let mut writer = Writer::default();
    writer.bits(2, 16);
    writer.bits(0b1100_0000, 8);
    // A width of the zero bucket that is no power of two is told in full.
    writer.bits(255, 8);
    writer.bits(0.3_f64.to_bits(), 64);
    writer.varbit_int(i64::from(CUSTOM_BUCKETS_SCHEMA));
    writer.varbit_uint(1);
    writer.varbit_uint(2);
    writer.varbit_int(0);
    writer.varbit_uint(0);
    // Bounds 0.005 and pi.
    writer.varbit_uint(2);
    writer.varbit_uint(6);
    writer.bits(0, 1);
    writer.bits(std::f64::consts::PI.to_bits(), 64);
    writer.varbit_int(-5);
    let first = [3.5, 0.0, 1e-300, 1.25, 2.25_f64];
    first.iter().for_each(|float| writer.bits(float.to_bits(), 64));
    writer.varbit_int(70_000);
    let second = [4.5, 0.0, -0.0, 1.25, f64::INFINITY];
    for (before, after) in first.iter().zip(&second) {
        writer.xor(before.to_bits(), after.to_bits(), &mut None);
    }
    let mut samples = Samples::default();
    decode(Encoding::FloatHistogram, &writer.bytes, &mut samples).unwrap();
    assert_eq!(samples.timestamps_ms, [-5, 69_995]);
    for (index, expected) in [first, second].iter().enumerate() {
        let found = samples.histogram(index).unwrap();
        let floats =
            [found.count, found.zero_count, found.sum, found.positive_buckets[0], found.positive_buckets[1]];
        assert_eq!(floats.map(f64::to_bits), expected.map(f64::to_bits));
        assert_eq!(found.custom_values, [0.005, std::f64::consts::PI]);
        assert_eq!((found.reset_hint, found.zero_threshold), (ResetHint::Gauge, 0.3));
    }
}

#[test]
fn a_small_chunk_cannot_ask_for_much_memory() {
    // A layout of a billion buckets in a few bytes, and one of many spans repeated in many samples.
    let mut writer = Writer::default();
    writer.bits(2, 16);
    writer.bits(0, 16);
    writer.varbit_int(0);
    writer.varbit_uint(1);
    writer.varbit_uint(1 << 30);
    writer.varbit_int(0);
    writer.varbit_uint(0);
    let mut samples = Samples::default();
    assert!(decode(Encoding::Histogram, &writer.bytes, &mut samples).is_err());
    let mut writer = Writer::default();
    writer.bits(60_000, 16);
    writer.bits(0, 16);
    writer.varbit_int(0);
    writer.varbit_uint(40_000);
    (0..80_000).for_each(|_| writer.bits(0, 1));
    writer.varbit_uint(0);
    (0..400_000).for_each(|_| writer.bits(0, 1));
    assert!(decode(Encoding::Histogram, &writer.bytes, &mut samples).is_err());
    assert!(samples.is_empty());
}
