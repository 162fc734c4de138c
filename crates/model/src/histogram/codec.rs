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
        let mut histogram = Self::default();
        let len = histogram.decode_into(bytes)?;
        Some((histogram, len))
    }

    /// As [`Histogram::decode`], in place of this one, whose memory is used again; gives the number of bytes read. After
    /// `None` it holds anything.
    pub fn decode_into(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != FORMAT {
            return None;
        }
        let flags = reader.byte()?;
        if flags & !(0b11 | WHOLE | ZERO | NEGATIVE | CUSTOM) != 0 {
            return None;
        }
        let whole = flags & WHOLE != 0;
        self.reset_hint = match flags & 0b11 {
            0 => ResetHint::Unknown,
            1 => ResetHint::Reset,
            2 => ResetHint::NoReset,
            _ => ResetHint::Gauge,
        };
        self.schema = i32::try_from(reader.signed()?).ok()?;
        self.sum = reader.float()?;
        self.count = reader.count(whole)?;
        (self.zero_threshold, self.zero_count) =
            if flags & ZERO != 0 { (reader.float()?, reader.count(whole)?) } else { (0.0, 0.0) };
        reader.side(whole, &mut self.positive_spans, &mut self.positive_buckets)?;
        if flags & NEGATIVE != 0 {
            reader.side(whole, &mut self.negative_spans, &mut self.negative_buckets)?;
        } else {
            self.negative_spans.clear();
            self.negative_buckets.clear();
        }
        self.custom_values.clear();
        if flags & CUSTOM != 0 {
            for _ in 0..reader.length(8)? {
                self.custom_values.push(reader.float()?);
            }
        }
        Some(bytes.len() - reader.rest.len())
    }

    /// How many bytes the histogram at the front of `bytes` takes, which is quicker than [`Histogram::decode`]; `None` when
    /// they are cut off, or too unlike a histogram to tell.
    pub fn encoded_len(bytes: &[u8]) -> Option<usize> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != FORMAT {
            return None;
        }
        let flags = reader.byte()?;
        let whole = flags & WHOLE != 0;
        reader.varint()?;
        reader.float()?;
        reader.count(whole)?;
        if flags & ZERO != 0 {
            reader.float()?;
            reader.count(whole)?;
        }
        reader.skip_side(whole)?;
        if flags & NEGATIVE != 0 {
            reader.skip_side(whole)?;
        }
        if flags & CUSTOM != 0 {
            let bounds = reader.length(8)?;
            reader.rest = reader.rest.get(8 * bounds..)?;
        }
        Some(bytes.len() - reader.rest.len())
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

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        // Most have one byte or two; which of them cannot be foreseen, so nothing branches on it.
        if let Some((&[low, high], _)) = self.rest.split_first_chunk() {
            let second = low >> 7;
            if second & (high >> 7) == 0 {
                self.rest = self.rest.get(1 + usize::from(second)..)?;
                let high = high & 0_u8.wrapping_sub(second);
                return Some(u64::from(low & 0x7f) | u64::from(high) << 7);
            }
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Option<u64> {
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

    fn skip_side(&mut self, as_whole: bool) -> Option<()> {
        let spans = self.length(2)?;
        self.skip_varints(2 * spans)?;
        let buckets = self.length(if as_whole { 1 } else { 8 })?;
        if as_whole {
            return self.skip_varints(buckets);
        }
        self.rest = self.rest.get(8 * buckets..)?;
        Some(())
    }

    fn skip_varints(&mut self, mut count: usize) -> Option<()> {
        /// The bits that are set in bytes behind which a number goes on.
        const MORE: u64 = 0x8080_8080_8080_8080;
        while count >= 8
            && let Some((word, rest)) = self.rest.split_first_chunk()
        {
            count -= (!u64::from_le_bytes(*word) & MORE).count_ones() as usize;
            self.rest = rest;
        }
        while count > 0 {
            count -= usize::from(self.byte()? & 0x80 == 0);
        }
        Some(())
    }

    fn side(&mut self, as_whole: bool, spans: &mut Vec<Span>, buckets: &mut Vec<f64>) -> Option<()> {
        let span_count = self.length(2)?;
        spans.clear();
        spans.reserve(span_count);
        for _ in 0..span_count {
            let offset = i32::try_from(self.signed()?).ok()?;
            let length = u32::try_from(self.varint()?).ok()?;
            spans.push(Span { offset, length });
        }
        let bucket_count = self.length(if as_whole { 1 } else { 8 })?;
        buckets.clear();
        buckets.reserve(bucket_count);
        if !as_whole {
            for _ in 0..bucket_count {
                buckets.push(self.float()?);
            }
            return Some(());
        }
        let (mut previous, mut outside) = (0_i64, false);
        for _ in 0..bucket_count {
            previous = previous.checked_add(self.signed()?)?;
            outside |= !(0..1 << 53).contains(&previous);
            buckets.push(previous as f64);
        }
        (!outside).then_some(())
    }
}
