//! Columns of numbers as they stand in parts: per column the cheapest of constant, constant step, verified decimal
//! with differences, and exclusive-or; packed with zstd where that helps. Every bit comes back.

use crate::codec::bytes::{Reader, put_signed, put_sized, put_varint, zigzag};
use crate::codec::pack::{pack, unpack};

const CONSTANT: u8 = 0;
const CONSTANT_STEP: u8 = 1;
const STEPS: u8 = 2;
const STEP_CHANGES: u8 = 3;
const PACKED: u8 = 0x10;

const FLOAT_CONSTANT: u8 = 0;
const FLOAT_DECIMAL: u8 = 1;
const FLOAT_XOR: u8 = 2;

/// Packing less than this is not worth the time.
const MIN_PACKED_BYTES: usize = 64;
const LEVEL: i32 = 1;
/// Whole numbers below this are exact floats.
const MAX_MANTISSA: f64 = (1_u64 << 53) as f64;
/// Powers of ten up to here are exact floats, so a division by one rounds correctly.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

fn put_stream(out: &mut Vec<u8>, kind: u8, stream: &[u8]) {
    if stream.len() >= MIN_PACKED_BYTES
        && let Ok(packed) = pack(stream, LEVEL)
        && packed.len() < stream.len() * 9 / 10
    {
        out.push(kind | PACKED);
        put_varint(out, stream.len() as u64);
        put_sized(out, &packed);
    } else {
        out.push(kind);
        put_sized(out, stream);
    }
}

fn take_stream(input: &mut Reader<'_>, packed: bool, limit: usize) -> Option<Vec<u8>> {
    if !packed {
        return Some(input.sized()?.to_vec());
    }
    let len = usize::try_from(input.varint()?).ok().filter(|len| *len <= limit)?;
    unpack(input.sized()?, len)
}

/// Appends a column of integers.
pub(crate) fn put_ints(out: &mut Vec<u8>, numbers: &[i64]) {
    let first = numbers.first().copied().unwrap_or(0);
    let step = numbers.get(1).map_or(0, |second| second.wrapping_sub(first));
    let steps = || numbers.iter().zip(numbers.iter().skip(1)).map(|(left, right)| right.wrapping_sub(*left));
    if steps().all(|other| other == step) {
        out.push(if step == 0 { CONSTANT } else { CONSTANT_STEP });
        put_signed(out, first);
        if step != 0 {
            put_signed(out, step);
        }
        return;
    }
    let bits = |number: i64| u64::from(64 - zigzag(number).leading_zeros());
    let (mut step_bits, mut change_bits, mut previous) = (0, 0, 0_i64);
    for step in steps() {
        step_bits += bits(step);
        change_bits += bits(step.wrapping_sub(previous));
        previous = step;
    }
    let changes = change_bits < step_bits;
    let mut stream = Vec::with_capacity(numbers.len() * 2);
    put_signed(&mut stream, first);
    let mut previous = 0_i64;
    for step in steps() {
        put_signed(&mut stream, if changes { step.wrapping_sub(previous) } else { step });
        previous = step;
    }
    put_stream(out, if changes { STEP_CHANGES } else { STEPS }, &stream);
}

/// Reads a column of `count` integers; `None` when it is not one.
pub(crate) fn take_ints(input: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    out.clear();
    let kind = input.byte()?;
    match kind & !PACKED {
        CONSTANT => out.resize(count, input.signed()?),
        CONSTANT_STEP => {
            let (first, step) = (input.signed()?, input.signed()?);
            out.extend((0..count as i64).map(|index| first.wrapping_add(step.wrapping_mul(index))));
        }
        order @ (STEPS | STEP_CHANGES) => {
            let stream = take_stream(input, kind & PACKED != 0, count * 10)?;
            let mut stream = Reader::new(&stream);
            let mut number = stream.signed()?;
            out.push(number);
            let mut step = 0_i64;
            for _ in 1..count {
                let delta = stream.signed()?;
                step = if order == STEP_CHANGES { step.wrapping_add(delta) } else { delta };
                number = number.wrapping_add(step);
                out.push(number);
            }
        }
        _ => return None,
    }
    (out.len() == count).then_some(())
}

/// Appends a column of floats.
pub(crate) fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let first = values.first().copied().unwrap_or(0.0).to_bits();
    if values.iter().all(|value| value.to_bits() == first) {
        out.push(FLOAT_CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
        return;
    }
    let begin = out.len();
    if let Some(decimal) = decimal(values) {
        put_decimal(out, &decimal);
        // Long mantissas that jump about are shorter as bits; then both are tried.
        if out.len() - begin <= values.len() * 3 {
            return;
        }
    }
    let mut xor = Vec::with_capacity(values.len() * 8);
    put_xor(&mut xor, values);
    if out.len() == begin || xor.len() < out.len() - begin {
        out.truncate(begin);
        out.extend_from_slice(&xor);
    }
}

fn put_decimal(out: &mut Vec<u8>, decimal: &Decimal) {
    out.push(FLOAT_DECIMAL);
    out.push(decimal.exponent);
    put_varint(out, decimal.exceptions.len() as u64);
    for (index, bits) in &decimal.exceptions {
        put_varint(out, *index);
        out.extend_from_slice(&bits.to_le_bytes());
    }
    put_ints(out, &decimal.mantissas);
}

fn put_xor(out: &mut Vec<u8>, values: &[f64]) {
    out.push(FLOAT_XOR);
    // The same byte of all values together: signs and exponents hardly change.
    let mut planes: [Vec<u8>; 8] = std::array::from_fn(|_| Vec::with_capacity(values.len()));
    let mut previous = 0;
    for value in values {
        let xor = value.to_bits() ^ previous;
        for (plane, byte) in planes.iter_mut().zip(xor.to_be_bytes()) {
            plane.push(byte);
        }
        previous = value.to_bits();
    }
    put_stream(out, 0, &planes.concat());
}

/// Reads a column of `count` floats; `None` when it is not one.
pub(crate) fn take_floats(
    input: &mut Reader<'_>,
    count: usize,
    scratch: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Option<()> {
    out.clear();
    match input.byte()? {
        FLOAT_CONSTANT => out.resize(count, f64::from_bits(input.u64()?)),
        FLOAT_DECIMAL => {
            let power = POWERS.get(usize::from(input.byte()?))?;
            let mut exceptions = Vec::new();
            for _ in 0..input.count()? {
                exceptions.push((usize::try_from(input.varint()?).ok()?, input.u64()?));
            }
            take_ints(input, count, scratch)?;
            if *power == 1.0 {
                out.extend(scratch.iter().map(|mantissa| *mantissa as f64));
            } else {
                out.extend(scratch.iter().map(|mantissa| *mantissa as f64 / power));
            }
            for (index, bits) in exceptions {
                *out.get_mut(index)? = f64::from_bits(bits);
            }
        }
        FLOAT_XOR => {
            let packed = input.byte()? & PACKED != 0;
            let stream = take_stream(input, packed, count * 8)?;
            if stream.len() != count * 8 {
                return None;
            }
            let mut bits = vec![0_u64; count];
            for plane in stream.chunks_exact(count.max(1)) {
                for (value, byte) in bits.iter_mut().zip(plane) {
                    *value = *value << 8 | u64::from(*byte);
                }
            }
            let mut previous = 0;
            out.extend(bits.into_iter().map(|xor| {
                previous ^= xor;
                f64::from_bits(previous)
            }));
        }
        _ => return None,
    }
    Some(())
}

struct Decimal {
    exponent: u8,
    mantissas: Vec<i64>,
    /// Values that are no decimals, such as stale markers, by place.
    exceptions: Vec<(u64, u64)>,
}

/// The values as whole numbers over one power of ten, if dividing gives every bit of them back.
fn decimal(values: &[f64]) -> Option<Decimal> {
    let max_exceptions = values.len() / 16 + 1;
    let mut exponent = 0_usize;
    let exact = |value: f64, power: f64| {
        let mantissa = (value * power).round();
        mantissa.abs() < MAX_MANTISSA && (mantissa as i64 as f64 / power).to_bits() == value.to_bits()
    };
    let mut without = 0;
    for value in values {
        if exact(*value, *POWERS.get(exponent)?) {
            continue;
        }
        let found = (exponent + 1..POWERS.len())
            .find(|exponent| POWERS.get(*exponent).is_some_and(|power| exact(*value, *power)));
        match found {
            Some(larger) => exponent = larger,
            None => {
                without += 1;
                if without > max_exceptions {
                    return None;
                }
            }
        }
    }
    let power = *POWERS.get(exponent)?;
    let mut decimal = Decimal {
        exponent: exponent as u8,
        mantissas: Vec::with_capacity(values.len()),
        exceptions: Vec::new(),
    };
    let mut previous = 0;
    for (index, value) in values.iter().enumerate() {
        if exact(*value, power) {
            previous = (value * power).round() as i64;
        } else {
            decimal.exceptions.push((index as u64, value.to_bits()));
            if decimal.exceptions.len() > max_exceptions {
                return None;
            }
        }
        decimal.mantissas.push(previous);
    }
    Some(decimal)
}

#[cfg(test)]
mod tests;
