//! Compressing answers as gzip (RFC 1951 and 1952), for texts that are mostly numbers.
//!
//! JSON of samples is long runs of digits between a few bytes that come again and again. General compressors look for
//! what was there before at every byte, of which digits of measurements give next to nothing. This one looks where
//! something else than a number begins, and at the first byte of a number; what is left of it is written digit by digit,
//! in a code made for each block. That is several times as fast as the fastest level of the usual ones, and about as short.

mod bits;
mod codes;

use bits::BitWriter;
use codes::{Coder, Histogram};
use flate2::Crc;

/// How far back what comes again may lie.
const WINDOW: usize = 32 << 10;
/// Bytes that are compressed together.
const BLOCK: usize = 96 << 10;
/// What comes again is worth saying so from this length on; shorter ones happen by chance among digits.
const MIN_MATCH: usize = 6;
const MAX_MATCH: usize = 258;
const HASH_BITS: u32 = 13;
/// Where positions begin, so that an empty place of the table is too far back from all of them.
const FIRST: u32 = WINDOW as u32 + 1;
/// Before positions run out, the table is emptied.
const LAST: u32 = 1 << 30;

/// Bytes that stand for themselves, and behind them a stretch that was there before.
#[derive(Clone, Copy, Debug)]
struct Token {
    plain: u32,
    /// None at the end of a block: length 0.
    length: u16,
    distance: u16,
}

/// A gzip stream under construction. Bytes are put in with [`Gzip::input`] and come out, compressed, with
/// [`Gzip::take`] whenever there are enough of them, and at the end with [`Gzip::finish`].
#[derive(Debug)]
pub struct Gzip {
    /// Up to a window of what was compressed, and what was not yet.
    input: Vec<u8>,
    /// Up to here it is compressed.
    done: usize,
    /// The position of the first byte of `input`.
    first: u32,
    /// Where six bytes were seen last, by their hash.
    places: Vec<u32>,
    tokens: Vec<Token>,
    out: BitWriter,
    crc: Crc,
}

impl Default for Gzip {
    fn default() -> Self {
        Self::new()
    }
}

impl Gzip {
    /// A stream without anything in it.
    pub fn new() -> Self {
        let mut out = BitWriter::default();
        // Deflate, no name, no time, made by the fastest method, on a system that does not matter.
        out.bytes(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
        Self {
            input: Vec::new(),
            done: 0,
            first: FIRST,
            places: vec![0; 1 << HASH_BITS],
            tokens: Vec::new(),
            out,
            crc: Crc::new(),
        }
    }

    /// Where bytes are appended that are to be compressed. What is there already must be left as it is.
    pub const fn input(&mut self) -> &mut Vec<u8> {
        &mut self.input
    }

    /// Compresses what was put in, if that is enough to be worth it, and gives the compressed bytes so far; `None` while
    /// there is little.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.input.len() - self.done < BLOCK {
            return None;
        }
        self.block(false);
        self.slide();
        Some(self.out.take())
    }

    /// Compresses the rest and ends the stream; gives what [`Gzip::take`] has not given yet.
    pub fn finish(mut self) -> Vec<u8> {
        self.block(true);
        self.out.align();
        self.out.bytes(&self.crc.sum().to_le_bytes());
        self.out.bytes(&self.crc.amount().to_le_bytes());
        self.out.take()
    }

    fn block(&mut self, last: bool) {
        let mut histogram = Histogram::default();
        self.crc.update(self.input.get(self.done..).unwrap_or_default());
        self.find(&mut histogram);
        let coder = Coder::new(&histogram);
        coder.begin(last, &mut self.out);
        let mut at = self.done;
        for token in &self.tokens {
            let plain = token.plain as usize;
            coder.plain(self.input.get(at..at + plain).unwrap_or_default(), &mut self.out);
            if token.length > 0 {
                coder.again(token.length, token.distance, &mut self.out);
            }
            at += plain + usize::from(token.length);
        }
        coder.end(&mut self.out);
        self.done = self.input.len();
    }

    /// Cuts what was put in into tokens.
    fn find(&mut self, histogram: &mut Histogram) {
        self.tokens.clear();
        let input = self.input.as_slice();
        let mut at = self.done;
        let mut plain = at;
        while let Some(ahead) = eight(input, at) {
            let position = self.first.wrapping_add(at as u32);
            let mut seen = 0;
            if let Some(place) = self.places.get_mut(hash(ahead)) {
                seen = std::mem::replace(place, position);
            }
            let distance = position.wrapping_sub(seen) as usize;
            // A place before what is kept of the input is too far back as well.
            let length =
                if distance <= WINDOW && distance <= at { matching(input, at, distance, ahead) } else { 0 };
            if length < MIN_MATCH {
                at += plain_run(input, at, ahead);
                continue;
            }
            let token =
                Token { plain: (at - plain) as u32, length: length as u16, distance: (distance - 1) as u16 };
            histogram.add(input.get(plain..at).unwrap_or_default(), token.length, token.distance);
            self.tokens.push(token);
            at += length;
            plain = at;
        }
        let rest = input.get(plain..).unwrap_or_default();
        histogram.add(rest, 0, 0);
        self.tokens.push(Token { plain: rest.len() as u32, length: 0, distance: 0 });
    }

    /// Forgets what lies too far back.
    fn slide(&mut self) {
        let gone = self.input.len().saturating_sub(WINDOW);
        self.input.copy_within(gone.., 0);
        self.input.truncate(self.input.len() - gone);
        self.done = self.input.len();
        self.first += gone as u32;
        if self.first > LAST {
            self.first = FIRST;
            self.places.fill(0);
        }
    }
}

#[inline(always)]
fn eight(input: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*input.get(at..)?.first_chunk()?))
}

/// Of the first six bytes.
#[inline(always)]
fn hash(ahead: u64) -> usize {
    ((ahead << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS)) as usize
}

/// How many bytes are as those `distance` before; fewer than [`MIN_MATCH`] where it is not worth counting.
#[inline(always)]
fn matching(input: &[u8], at: usize, distance: usize, ahead: u64) -> usize {
    let Some(before) = eight(input, at - distance) else { return 0 };
    let different = ahead ^ before;
    if different != 0 {
        return (different.trailing_zeros() / 8) as usize;
    }
    let mut length = 8;
    while length + 8 <= MAX_MATCH {
        let (Some(ahead), Some(before)) = (eight(input, at + length), eight(input, at + length - distance))
        else {
            break;
        };
        let different = ahead ^ before;
        if different != 0 {
            return length + (different.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    length
}

/// How many bytes from here on are taken as they are: a number to its end, or one byte of anything else.
#[inline(always)]
fn plain_run(input: &[u8], at: usize, ahead: u64) -> usize {
    let is_digit = |byte: u8| byte.wrapping_sub(b'-') <= b'9' - b'-';
    if !is_digit(ahead as u8) {
        return 1;
    }
    let rest = input.get(at + 1..).unwrap_or_default();
    // The last bytes of the input are handled by the caller, who looks at eight at a time.
    rest.iter().take_while(|byte| is_digit(**byte)).count() + 1
}

#[cfg(test)]
mod tests;
