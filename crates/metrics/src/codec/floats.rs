//! Columns of floats: constant, decimals verified to the last bit, or bits.

use super::bytes::{Reader, put_signed, put_varint};
use super::ints::{put_ints, take_ints};
use std::ops::Range;
use watchfire_model::STALE_NAN;

const KIND: u8 = 0b11;
const CONSTANT: u8 = 0;
const CONSTANT_WHOLE: u8 = 1;
/// Whole numbers over a power of ten, whose exponent stands in the upper four bits.
const DECIMAL: u8 = 2;
/// Their bits as integers of the same order.
const BITS: u8 = 3;
/// Some values are no decimals.
const EXCEPTIONS: u8 = 1 << 2;

/// Whole numbers below this are exact floats.
const MAX_MANTISSA: f64 = (1_u64 << 53) as f64;
/// Powers of ten up to here are exact floats, so a division by one rounds correctly.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Appends a column of floats.
pub(crate) fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    let first = values.first().copied().unwrap_or(0.0);
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        match mantissa(first, 1.0) {
            Some(whole) => {
                out.push(CONSTANT_WHOLE);
                put_signed(out, whole);
            }
            None => {
                out.push(CONSTANT);
                out.extend_from_slice(&first.to_bits().to_le_bytes());
            }
        }
        return;
    }
    let begin = out.len();
    if let Some(decimal) = decimal(values) {
        put_decimal(out, &decimal);
        // Long mantissas that jump about may be shorter as bits; then both are tried.
        if out.len() - begin <= values.len() * 4 {
            return;
        }
    }
    let mut bits = vec![BITS];
    put_ints(&mut bits, &values.iter().map(|value| ordered(value.to_bits())).collect::<Vec<_>>());
    if out.len() == begin || bits.len() < out.len() - begin {
        out.truncate(begin);
        out.extend_from_slice(&bits);
    }
}

/// The bits of floats as integers that ascend with them.
fn ordered(bits: u64) -> i64 {
    let bits = bits as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

fn put_decimal(out: &mut Vec<u8>, decimal: &Decimal) {
    let exceptions = &decimal.exceptions;
    out.push(DECIMAL | decimal.exponent << 4 | if exceptions.is_empty() { 0 } else { EXCEPTIONS });
    if !exceptions.is_empty() {
        put_varint(out, exceptions.len() as u64);
    }
    for (index, bits) in exceptions {
        let stale = *bits == STALE_NAN.to_bits();
        put_varint(out, index << 1 | u64::from(stale));
        if !stale {
            out.extend_from_slice(&bits.to_le_bytes());
        }
    }
    put_ints(out, &decimal.mantissas);
}

/// Reads a column of `count` floats; `None` when it is not one.
pub(crate) fn take_floats(
    input: &mut Reader<'_>,
    count: usize,
    scratch: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Option<()> {
    out.clear();
    take_some_floats(input, count, 0..count, scratch, out)
}

/// Reads a column of `count` floats and appends those at the places `wanted`; `None` when it is not one.
pub(crate) fn take_some_floats(
    input: &mut Reader<'_>,
    count: usize,
    wanted: Range<usize>,
    scratch: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Option<()> {
    let begin = out.len();
    let end = begin + wanted.len();
    let kind = input.byte()?;
    match kind & KIND {
        CONSTANT if kind == CONSTANT => out.resize(end, f64::from_bits(input.u64()?)),
        CONSTANT_WHOLE if kind == CONSTANT_WHOLE => out.resize(end, input.signed()? as f64),
        DECIMAL => {
            let power = *POWERS.get(usize::from(kind >> 4))?;
            let mut exceptions = Vec::new();
            if kind & EXCEPTIONS != 0 {
                for _ in 0..input.count()? {
                    let place = input.varint()?;
                    let stale = place & 1 == 1;
                    let bits = if stale { STALE_NAN.to_bits() } else { input.u64()? };
                    exceptions.push((usize::try_from(place >> 1).ok().filter(|place| *place < count)?, bits));
                }
            }
            take_ints(input, count, scratch)?;
            divide(scratch.get(wanted.clone())?, power, out);
            for (place, bits) in exceptions {
                if let Some(slot) = place.checked_sub(wanted.start).and_then(|at| out.get_mut(begin + at)) {
                    *slot = f64::from_bits(bits);
                }
            }
        }
        BITS if kind == BITS => {
            take_ints(input, count, scratch)?;
            // The order of bits is its own reverse.
            let bits = scratch.get(wanted)?.iter();
            out.extend(bits.map(|bits| f64::from_bits(ordered(*bits as u64) as u64)));
        }
        _ => return None,
    }
    Some(())
}

/// Appends whole numbers over a power of ten.
fn divide(mantissas: &[i64], power: f64, out: &mut Vec<f64>) {
    /// Added to the bits of this float, a whole number of up to 51 bits is added to its value.
    const SHIFT: f64 = 1.5 * (1_u64 << 52) as f64;
    let magnitudes = mantissas.iter().fold(0, |all, mantissa| all | (mantissa ^ (mantissa >> 63)));
    if magnitudes < 1 << 51 {
        // Several at once, which the processor's own conversion is not.
        let shifted = |mantissa: &i64| f64::from_bits(mantissa.wrapping_add(SHIFT.to_bits() as i64) as u64);
        out.extend(mantissas.iter().map(|mantissa| (shifted(mantissa) - SHIFT) / power));
    } else {
        out.extend(mantissas.iter().map(|mantissa| *mantissa as f64 / power));
    }
}

struct Decimal {
    exponent: u8,
    mantissas: Vec<i64>,
    /// Values that are no decimals, such as stale markers, by place.
    exceptions: Vec<(u64, u64)>,
}

/// The whole number that over `power` gives every bit of the value back.
#[inline]
fn mantissa(value: f64, power: f64) -> Option<i64> {
    let scaled = value * power;
    // Rounds to the nearest but for ties, which no decimal of so few digits leaves.
    let mantissa = (scaled + 0.5_f64.copysign(scaled)) as i64;
    let exact = (mantissa as f64 / power).to_bits() == value.to_bits() && scaled.abs() < MAX_MANTISSA;
    exact.then_some(mantissa)
}

/// The values as whole numbers over one power of ten, if dividing gives every bit of them back.
fn decimal(values: &[f64]) -> Option<Decimal> {
    let max_exceptions = values.len() / 16 + 1;
    let mut exponent = 0_usize;
    let mut without = 0;
    for value in values {
        if mantissa(*value, *POWERS.get(exponent)?).is_some() {
            continue;
        }
        let longer = POWERS.iter().enumerate().skip(exponent + 1);
        match longer.clone().find(|(_, power)| mantissa(*value, **power).is_some()) {
            Some((larger, _)) => exponent = larger,
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
        match mantissa(*value, power) {
            Some(mantissa) => previous = mantissa,
            None => {
                decimal.exceptions.push((index as u64, value.to_bits()));
                if decimal.exceptions.len() > max_exceptions {
                    return None;
                }
            }
        }
        decimal.mantissas.push(previous);
    }
    Some(decimal)
}

#[cfg(test)]
mod tests;
