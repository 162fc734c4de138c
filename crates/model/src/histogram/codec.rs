//! Histograms as bytes, for the store.
//!
//! Format 1: the format byte; a flags byte (bits 0–1 hint, bit 2 all counts are whole numbers, bit 3 a zero bucket,
//! bit 4 negative buckets, bit 5 custom bounds); schema as a zigzag varint; sum; count; if flagged, zero threshold and
//! zero count; then the positive side, and if flagged the negative side and the bounds. A side is: number of spans,
//! then `offset` (zigzag) and `length` of each; number of buckets, then their counts. Floats are eight bytes, little
//! end first. Whole counts are varints, in buckets as the zigzag difference to the bucket before.

use super::{Histogram, ResetHint, Span};

const FORMAT: u8 = 1;
const WHOLE: u8 = 1 << 2;
const ZERO: u8 = 1 << 3;
const NEGATIVE: u8 = 1 << 4;
const CUSTOM: u8 = 1 << 5;

impl Histogram {
    /// Appends this histogram as bytes; [`Histogram::decode`] reads them back bit for bit.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let counts = || {
            [self.count, self.zero_count]
                .into_iter()
                .chain(self.positive_buckets.iter().copied())
                .chain(self.negative_buckets.iter().copied())
        };
        let whole = counts().all(|count| whole(count).is_some());
        let has_zero = self.zero_count.to_bits() != 0 || self.zero_threshold.to_bits() != 0;
        let has_negative = !self.negative_spans.is_empty() || !self.negative_buckets.is_empty();
        let flags = match self.reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NoReset => 2,
            ResetHint::Gauge => 3,
        } | if whole { WHOLE } else { 0 }
            | if has_zero { ZERO } else { 0 }
            | if has_negative { NEGATIVE } else { 0 }
            | if self.custom_values.is_empty() { 0 } else { CUSTOM };
        out.extend_from_slice(&[FORMAT, flags]);
        push_varint(out, zigzag(i64::from(self.schema)));
        push_float(out, self.sum);
        push_count(out, self.count, whole);
        if has_zero {
            push_float(out, self.zero_threshold);
            push_count(out, self.zero_count, whole);
        }
        push_side(out, &self.positive_spans, &self.positive_buckets, whole);
        if has_negative {
            push_side(out, &self.negative_spans, &self.negative_buckets, whole);
        }
        if !self.custom_values.is_empty() {
            push_varint(out, self.custom_values.len() as u64);
            self.custom_values.iter().for_each(|bound| push_float(out, *bound));
        }
    }

    /// Reads a histogram from the front of `bytes`; gives it with the number of bytes it took.
    ///
    /// `None` when the bytes are not a histogram. Memory stays in proportion to `bytes`. The histogram may still
    /// contradict itself, as the one that was encoded: [`Histogram::validate`].
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != FORMAT {
            return None;
        }
        let flags = reader.byte()?;
        if flags & !(0b11 | WHOLE | ZERO | NEGATIVE | CUSTOM) != 0 {
            return None;
        }
        let whole = flags & WHOLE != 0;
        let mut histogram = Self {
            reset_hint: match flags & 0b11 {
                0 => ResetHint::Unknown,
                1 => ResetHint::Reset,
                2 => ResetHint::NoReset,
                _ => ResetHint::Gauge,
            },
            schema: i32::try_from(reader.signed()?).ok()?,
            sum: reader.float()?,
            count: reader.count(whole)?,
            ..Self::default()
        };
        if flags & ZERO != 0 {
            histogram.zero_threshold = reader.float()?;
            histogram.zero_count = reader.count(whole)?;
        }
        (histogram.positive_spans, histogram.positive_buckets) = reader.side(whole)?;
        if flags & NEGATIVE != 0 {
            (histogram.negative_spans, histogram.negative_buckets) = reader.side(whole)?;
        }
        if flags & CUSTOM != 0 {
            let length = reader.length(8)?;
            histogram.custom_values = (0..length).map(|_| reader.float()).collect::<Option<_>>()?;
        }
        Some((histogram, bytes.len() - reader.rest.len()))
    }
}

/// The number as an integer, if it is a whole one that loses no bit on the way.
fn whole(number: f64) -> Option<u64> {
    let integer = number as u64;
    (integer < 1 << 53 && (integer as f64).to_bits() == number.to_bits()).then_some(integer)
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_float(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn push_count(out: &mut Vec<u8>, count: f64, as_whole: bool) {
    match whole(count) {
        Some(integer) if as_whole => push_varint(out, integer),
        _ => push_float(out, count),
    }
}

fn push_side(out: &mut Vec<u8>, spans: &[Span], buckets: &[f64], as_whole: bool) {
    push_varint(out, spans.len() as u64);
    for span in spans {
        push_varint(out, zigzag(i64::from(span.offset)));
        push_varint(out, u64::from(span.length));
    }
    push_varint(out, buckets.len() as u64);
    let mut previous = 0_i64;
    for count in buckets {
        match whole(*count).and_then(|integer| i64::try_from(integer).ok()) {
            Some(integer) if as_whole => {
                push_varint(out, zigzag(integer - previous));
                previous = integer;
            }
            _ => push_float(out, *count),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn float(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f64::from_bits(u64::from_le_bytes(*bytes)))
    }

    fn count(&mut self, as_whole: bool) -> Option<f64> {
        if as_whole {
            self.varint().filter(|count| *count < 1 << 53).map(|count| count as f64)
        } else {
            self.float()
        }
    }

    /// A number of items of at least `item_bytes` each, no more than the rest can hold.
    fn length(&mut self, item_bytes: usize) -> Option<usize> {
        let length = usize::try_from(self.varint()?).ok()?;
        (length <= self.rest.len() / item_bytes).then_some(length)
    }

    fn side(&mut self, as_whole: bool) -> Option<(Vec<Span>, Vec<f64>)> {
        let span_count = self.length(2)?;
        let mut spans = Vec::with_capacity(span_count);
        for _ in 0..span_count {
            let offset = i32::try_from(self.signed()?).ok()?;
            let length = u32::try_from(self.varint()?).ok()?;
            spans.push(Span { offset, length });
        }
        let bucket_count = self.length(if as_whole { 1 } else { 8 })?;
        let mut buckets = Vec::with_capacity(bucket_count);
        let mut previous = 0_i64;
        for _ in 0..bucket_count {
            if as_whole {
                previous =
                    previous.checked_add(self.signed()?).filter(|count| (0..1 << 53).contains(count))?;
                buckets.push(previous as f64);
            } else {
                buckets.push(self.float()?);
            }
        }
        Some((spans, buckets))
    }
}
