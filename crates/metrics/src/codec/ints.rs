//! Columns of whole numbers: constant, of constant step, or what is left after the best of a few simple guesses, over
//! its greatest common divisor, in bins.

use super::bins;
use super::bytes::{Reader, put_signed, put_varint, zigzag};
use std::cell::RefCell;

const CONSTANT: u8 = 0;
const CONSTANT_STEP: u8 = 1;
const BINNED: u8 = 2;
const KIND: u8 = 0b11;
/// What was left is counted in units of a divisor.
const DIVIDED: u8 = 1 << 4;

/// Guesses look at so many numbers at each end.
const SAMPLE: usize = 256;

/// What a number is guessed from; what is written is how far that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// Nothing.
    Zero,
    /// The number before.
    Last,
    /// The number before and the step to it.
    Step,
    /// A straight line.
    Line,
}

impl Guess {
    const ALL: [Self; 4] = [Self::Zero, Self::Last, Self::Step, Self::Line];

    fn bits(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::Last => 1 << 2,
            Self::Step => 2 << 2,
            Self::Line => 3 << 2,
        }
    }

    fn from_bits(kind: u8) -> Self {
        match kind >> 2 & 3 {
            0 => Self::Zero,
            1 => Self::Last,
            2 => Self::Step,
            _ => Self::Line,
        }
    }

    /// Numbers at the front that are written as they are.
    fn unguessed(self) -> usize {
        match self {
            Self::Zero | Self::Line => 0,
            Self::Last => 1,
            Self::Step => 2,
        }
    }

    /// How far each number is off, but for those at the front.
    fn residuals(self, numbers: &[i64], slope: i64, out: &mut Vec<i64>) {
        out.clear();
        let pairs = numbers.iter().zip(numbers.iter().skip(1));
        match self {
            Self::Zero => out.extend_from_slice(numbers),
            Self::Last => out.extend(pairs.map(|(last, number)| number.wrapping_sub(*last))),
            Self::Step => {
                let triples = pairs.zip(numbers.iter().skip(2));
                out.extend(triples.map(|((before, last), number)| {
                    number.wrapping_sub(*last).wrapping_sub(last.wrapping_sub(*before))
                }));
            }
            Self::Line => {
                let line = (0..).map(|index: i64| slope.wrapping_mul(index));
                out.extend(numbers.iter().zip(line).map(|(number, line)| number.wrapping_sub(line)));
            }
        }
    }
}

/// About how many bits bins take for numbers: each costs how rare its length is, and its other bits.
fn estimate(residuals: &[i64]) -> f32 {
    let sum: i128 = residuals.iter().map(|number| i128::from(*number)).sum();
    let mean = (sum / residuals.len().max(1) as i128) as i64;
    let mut lengths = [0_u32; 65];
    for number in residuals {
        let length = 64 - zigzag(number.wrapping_sub(mean)).leading_zeros();
        if let Some(count) = lengths.get_mut(length as usize) {
            *count += 1;
        }
    }
    let all = bins::log2(residuals.len());
    let mut bits = 0.0;
    for (length, count) in lengths.iter().enumerate().filter(|(_, count)| **count > 0) {
        bits += *count as f32 * (all - bins::log2(*count as usize) + length.saturating_sub(1) as f32);
    }
    bits
}

fn slope(numbers: &[i64]) -> i64 {
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return 0 };
    let count = numbers.len().saturating_sub(1).max(1) as i128;
    let rise = i128::from(*last) - i128::from(*first);
    // To the nearest: over a day, half a step too little would sum up.
    ((2 * rise + count * rise.signum()) / (2 * count)) as i64
}

/// The guess that seems to leave the least, and the slope of the line.
fn best_guess(numbers: &[i64], scratch: &mut Vec<i64>) -> (Guess, i64) {
    let slope = slope(numbers);
    let head = numbers.get(..numbers.len().min(SAMPLE)).unwrap_or_default();
    let tail = numbers.get(numbers.len().saturating_sub(SAMPLE).max(head.len())..).unwrap_or_default();
    let mut best = (Guess::Last, f32::INFINITY);
    for guess in Guess::ALL {
        let mut bits = 0.0;
        for part in [head, tail] {
            guess.residuals(part, slope, scratch);
            bits += estimate(scratch);
        }
        // Zero and Last are the quickest to read.
        if bits < best.1 * 0.98 - 8.0 || (best.1 == f32::INFINITY) {
            best = (guess, bits);
        }
    }
    (best.0, slope)
}

fn common_divisor(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut divisor = 0_u64;
    for number in numbers {
        if divisor != 0 && number % divisor == 0 {
            continue;
        }
        let (mut left, mut right) = (divisor, number);
        while right != 0 {
            (left, right) = (right, left % right);
        }
        divisor = left;
        if divisor == 1 {
            break;
        }
    }
    divisor.max(1)
}

#[derive(Debug, Default)]
struct Scratch {
    residuals: Vec<i64>,
    quotients: Vec<u64>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Appends a column of integers.
pub(crate) fn put_ints(out: &mut Vec<u8>, numbers: &[i64]) {
    let first = numbers.first().copied().unwrap_or(0);
    let step = numbers.get(1).map_or(0, |second| second.wrapping_sub(first));
    let mut steps = numbers.iter().zip(numbers.iter().skip(1)).map(|(left, right)| right.wrapping_sub(*left));
    if steps.all(|other| other == step) {
        out.push(if step == 0 { CONSTANT } else { CONSTANT_STEP });
        put_signed(out, first);
        if step != 0 {
            put_signed(out, step);
        }
        return;
    }
    SCRATCH.with_borrow_mut(|scratch| put_guessed(out, numbers, scratch));
}

fn put_guessed(out: &mut Vec<u8>, numbers: &[i64], scratch: &mut Scratch) {
    let (guess, slope) = best_guess(numbers, &mut scratch.residuals);
    guess.residuals(numbers, slope, &mut scratch.residuals);
    let base = scratch.residuals.iter().copied().min().unwrap_or(0);
    let distance = |number: &i64| number.wrapping_sub(base) as u64;
    let divisor = common_divisor(scratch.residuals.iter().map(distance));
    out.push(BINNED | guess.bits() | if divisor > 1 { DIVIDED } else { 0 });
    match guess {
        Guess::Zero => {}
        Guess::Line => put_signed(out, slope),
        Guess::Last | Guess::Step => {
            let mut before = 0;
            for number in numbers.iter().take(guess.unguessed()) {
                put_signed(out, number.wrapping_sub(before));
                before = *number;
            }
        }
    }
    put_signed(out, base);
    scratch.quotients.clear();
    if divisor > 1 {
        put_varint(out, divisor);
        scratch.quotients.extend(scratch.residuals.iter().map(|number| distance(number) / divisor));
    } else {
        scratch.quotients.extend(scratch.residuals.iter().map(distance));
    }
    bins::put(out, &scratch.quotients);
}

/// Reads a column of `count` integers; `None` when it is not one.
pub(crate) fn take_ints(input: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Option<()> {
    out.clear();
    let kind = input.byte()?;
    match kind & KIND {
        CONSTANT if kind == CONSTANT => out.resize(count, input.signed()?),
        CONSTANT_STEP if kind == CONSTANT_STEP => {
            let (first, step) = (input.signed()?, input.signed()?);
            let mut number = first.wrapping_sub(step);
            out.resize(count, 0);
            for slot in out {
                number = number.wrapping_add(step);
                *slot = number;
            }
        }
        BINNED => SCRATCH.with_borrow_mut(|scratch| take_guessed(kind, input, count, scratch, out))?,
        _ => return None,
    }
    Some(())
}

fn take_guessed(
    kind: u8,
    input: &mut Reader<'_>,
    count: usize,
    scratch: &mut Scratch,
    out: &mut Vec<i64>,
) -> Option<()> {
    let guess = Guess::from_bits(kind);
    let slope = if guess == Guess::Line { input.signed()? } else { 0 };
    let guessed = count.checked_sub(guess.unguessed())?;
    let first = if guess.unguessed() > 0 { input.signed()? } else { 0 };
    let step = if guess.unguessed() > 1 { input.signed()? } else { 0 };
    let base = input.signed()?;
    let divisor = if kind & DIVIDED != 0 { input.varint()? } else { 1 };
    let quotients = &mut scratch.quotients;
    // What is there is overwritten: growing alone costs.
    quotients.resize(guessed.max(quotients.len()), 0);
    let quotients = quotients.get_mut(..guessed)?;
    let used = bins::take(input.rest(), quotients)?;
    input.bytes(used)?;
    out.reserve(count);
    let residuals = quotients.iter().map(|quotient| *quotient as i64);
    if divisor == 1 {
        restore(guess, residuals.map(move |number| number.wrapping_add(base)), (first, step, slope), out);
    } else {
        let divisor = divisor as i64;
        let residuals = residuals.map(move |number| number.wrapping_mul(divisor).wrapping_add(base));
        restore(guess, residuals, (first, step, slope), out);
    }
    Some(())
}

#[inline(always)]
fn restore(
    guess: Guess,
    residuals: impl Iterator<Item = i64>,
    (first, step, slope): (i64, i64, i64),
    out: &mut Vec<i64>,
) {
    // Closures own what changes from number to number, so that it stays in a register.
    match guess {
        Guess::Zero => out.extend(residuals),
        Guess::Last => {
            let mut number = first;
            out.push(first);
            out.extend(residuals.map(move |residual| {
                number = number.wrapping_add(residual);
                number
            }));
        }
        Guess::Step => {
            let (mut step, mut number) = (step, first.wrapping_add(step));
            out.extend([first, number]);
            out.extend(residuals.map(move |residual| {
                step = step.wrapping_add(residual);
                number = number.wrapping_add(step);
                number
            }));
        }
        Guess::Line => {
            let mut line = 0_i64;
            out.extend(residuals.map(move |residual| {
                let number = residual.wrapping_add(line);
                line = line.wrapping_add(slope);
                number
            }));
        }
    }
}

#[cfg(test)]
mod tests;
