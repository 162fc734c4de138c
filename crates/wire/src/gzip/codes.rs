//! The codes of a block: how often each symbol comes, and how many bits it therefore gets.

use super::bits::BitWriter;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Bytes, the end of a block, and lengths.
const LITERALS: usize = 286;
const END: usize = 256;
const DISTANCES: usize = 30;
/// No code is longer, so that four of them fit between two flushes.
const MAX_BITS: u8 = 12;
/// The code in which codes are written down.
const META: usize = 19;
const META_BITS: u8 = 7;
/// The order in which its lengths come.
const META_ORDER: [usize; META] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What stands for a length or a distance: a symbol, and bits behind it.
#[derive(Clone, Copy, Debug)]
struct Symbol {
    symbol: usize,
    extra: u64,
    extra_bits: u32,
}

/// Of a length less 3: a power of two, the next two bits in the symbol, the rest behind it.
#[inline(always)]
const fn length_symbol(length: u16) -> Symbol {
    if length == 258 {
        return Symbol { symbol: 285, extra: 0, extra_bits: 0 };
    }
    let number = length as u64 - 3;
    if number < 8 {
        return Symbol { symbol: 257 + number as usize, extra: 0, extra_bits: 0 };
    }
    let extra_bits = number.ilog2() - 2;
    let symbol = 257 + 4 * extra_bits as usize + (number >> extra_bits) as usize;
    Symbol { symbol, extra: number & ((1 << extra_bits) - 1), extra_bits }
}

/// Of a distance less 1: as with lengths, but one bit in the symbol.
#[inline(always)]
const fn distance_symbol(distance: u16) -> Symbol {
    let number = distance as u64;
    if number < 4 {
        return Symbol { symbol: number as usize, extra: 0, extra_bits: 0 };
    }
    let extra_bits = number.ilog2() - 1;
    let symbol = 2 * extra_bits as usize + (number >> extra_bits) as usize;
    Symbol { symbol, extra: number & ((1 << extra_bits) - 1), extra_bits }
}

/// How often symbols come.
#[derive(Debug)]
pub(super) struct Histogram {
    /// Of bytes; neighbours are counted apart, for the same byte twice would wait for itself.
    even: [u32; 256],
    odd: [u32; 256],
    lengths: [u32; LITERALS - END],
    distances: [u32; DISTANCES],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { even: [0; 256], odd: [0; 256], lengths: [0; LITERALS - END], distances: [0; DISTANCES] }
    }
}

impl Histogram {
    /// Counts bytes and what comes again behind them, if its length is not 0.
    #[inline(always)]
    pub(super) fn add(&mut self, plain: &[u8], length: u16, distance: u16) {
        let mut pairs = plain.chunks_exact(2);
        for pair in pairs.by_ref() {
            if let [even, odd] = pair {
                self.even[usize::from(*even)] += 1;
                self.odd[usize::from(*odd)] += 1;
            }
        }
        for byte in pairs.remainder() {
            self.even[usize::from(*byte)] += 1;
        }
        if length > 0 {
            if let Some(count) = self.lengths.get_mut(length_symbol(length).symbol - END) {
                *count += 1;
            }
            if let Some(count) = self.distances.get_mut(distance_symbol(distance).symbol) {
                *count += 1;
            }
        }
    }
}

/// A symbol's code, its first bit lowest, and how many bits it has.
#[derive(Clone, Copy, Debug, Default)]
struct Code {
    bits: u16,
    len: u8,
}

/// Writes the tokens of one block.
#[derive(Debug)]
pub(super) struct Coder {
    /// By byte.
    plain: [Code; 256],
    /// By length less 3, with the bits behind the symbol.
    lengths: [(u32, u8); 256],
    end: Code,
    distances: [Code; DISTANCES],
    literal_lens: Vec<u8>,
    distance_lens: Vec<u8>,
}

impl Coder {
    pub(super) fn new(histogram: &Histogram) -> Self {
        let mut counts = [0_u32; LITERALS];
        for (count, (even, odd)) in counts.iter_mut().zip(histogram.even.iter().zip(&histogram.odd)) {
            *count = even + odd;
        }
        for (count, more) in counts.iter_mut().skip(END).zip(&histogram.lengths) {
            *count = *more;
        }
        counts[END] = 1;
        let literal_lens = code_lengths(&counts, MAX_BITS);
        let distance_lens = code_lengths(&histogram.distances, MAX_BITS);
        let literals = codes(&literal_lens);
        let mut plain = [Code::default(); 256];
        for (code, made) in plain.iter_mut().zip(&literals) {
            *code = *made;
        }
        let mut lengths = [(0, 0); 256];
        for (length, slot) in (3..).zip(&mut lengths) {
            let Symbol { symbol, extra, extra_bits } = length_symbol(length);
            let code = literals.get(symbol).copied().unwrap_or_default();
            *slot = (u32::from(code.bits) | (extra as u32) << code.len, code.len + extra_bits as u8);
        }
        let mut distances = [Code::default(); DISTANCES];
        for (code, made) in distances.iter_mut().zip(codes(&distance_lens)) {
            *code = made;
        }
        let end = literals.get(END).copied().unwrap_or_default();
        Self { plain, lengths, end, distances, literal_lens, distance_lens }
    }

    /// Writes the head of the block, with the codes.
    pub(super) fn begin(&self, last: bool, out: &mut BitWriter) {
        let used = |lens: &[u8], least: usize| {
            lens.iter().rposition(|len| *len > 0).map_or(least, |last| (last + 1).max(least))
        };
        let literals = used(&self.literal_lens, END + 1);
        let distances = used(&self.distance_lens, 1);
        let lens: Vec<u8> = self
            .literal_lens
            .iter()
            .take(literals)
            .chain(self.distance_lens.iter().take(distances))
            .copied()
            .collect();
        let runs = runs(&lens);
        let mut counts = [0_u32; META];
        for (symbol, _, _) in &runs {
            if let Some(count) = counts.get_mut(*symbol) {
                *count += 1;
            }
        }
        let meta_lens = code_lengths(&counts, META_BITS);
        let meta = codes(&meta_lens);
        let len_of = |symbol: &usize| meta_lens.get(*symbol).copied().unwrap_or(0);
        let written =
            META_ORDER.iter().rposition(|symbol| len_of(symbol) > 0).map_or(4, |last| (last + 1).max(4));
        out.put(u64::from(last), 1);
        // Codes of its own.
        out.put(2, 2);
        out.put(literals as u64 - 257, 5);
        out.put(distances as u64 - 1, 5);
        out.put(written as u64 - 4, 4);
        for symbol in META_ORDER.iter().take(written) {
            out.flush();
            out.put(u64::from(len_of(symbol)), 3);
        }
        for (symbol, extra, extra_bits) in runs {
            let code = meta.get(symbol).copied().unwrap_or_default();
            out.flush();
            out.put(u64::from(code.bits), u32::from(code.len));
            out.put(extra, extra_bits);
        }
        out.flush();
    }

    /// Writes bytes as they are.
    #[inline(always)]
    pub(super) fn plain(&self, bytes: &[u8], out: &mut BitWriter) {
        let mut fours = bytes.chunks_exact(4);
        for four in fours.by_ref() {
            for byte in four {
                let code = self.plain[usize::from(*byte)];
                out.put(u64::from(code.bits), u32::from(code.len));
            }
            out.flush();
        }
        for byte in fours.remainder() {
            let code = self.plain[usize::from(*byte)];
            out.put(u64::from(code.bits), u32::from(code.len));
        }
        out.flush();
    }

    /// Writes that so many bytes are as those so far back, less 1.
    #[inline(always)]
    pub(super) fn again(&self, length: u16, distance: u16, out: &mut BitWriter) {
        let (bits, count) = self.lengths.get(usize::from(length - 3)).copied().unwrap_or_default();
        out.put(u64::from(bits), u32::from(count));
        let Symbol { symbol, extra, extra_bits } = distance_symbol(distance);
        let code = self.distances.get(symbol).copied().unwrap_or_default();
        out.put(u64::from(code.bits) | extra << code.len, u32::from(code.len) + extra_bits);
        out.flush();
    }

    pub(super) fn end(&self, out: &mut BitWriter) {
        out.put(u64::from(self.end.bits), u32::from(self.end.len));
        out.flush();
    }
}

/// How many bits each symbol gets, `max` at most; none for one that does not come.
fn code_lengths(counts: &[u32], max: u8) -> Vec<u8> {
    let mut lens = vec![0_u8; counts.len()];
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
        .map(|(at, count)| Reverse((u64::from(*count), at)))
        .collect();
    if heap.len() < 2 {
        // A code of one symbol still takes a bit.
        if let Some(len) = heap.pop().and_then(|Reverse((_, only))| lens.get_mut(only)) {
            *len = 1;
        }
        return lens;
    }
    // Huffman's tree: leaves first, then the nodes above them, each after its children.
    let leaves = counts.len();
    let mut parents = vec![usize::MAX; leaves];
    while let (Some(Reverse((less, left))), Some(Reverse((more, right)))) = (heap.pop(), heap.pop()) {
        let node = parents.len();
        parents.push(usize::MAX);
        for child in [left, right] {
            if let Some(parent) = parents.get_mut(child) {
                *parent = node;
            }
        }
        if heap.is_empty() {
            break;
        }
        heap.push(Reverse((less + more, node)));
    }
    let mut depths = vec![0_u8; parents.len()];
    for node in (0..parents.len()).rev() {
        let parent = parents.get(node).and_then(|parent| depths.get(*parent)).copied();
        if let (Some(depth), Some(parent)) = (depths.get_mut(node), parent) {
            *depth = parent.saturating_add(1);
        }
    }
    for ((len, depth), count) in lens.iter_mut().zip(&depths).zip(counts) {
        *len = if *count > 0 { (*depth).min(max) } else { 0 };
    }
    shorten(&mut lens, counts, max);
    lens
}

/// Where codes were cut to `max` bits there are more than fit: rare ones are made longer until they do, and what room
/// that leaves goes to frequent ones, for a code must use all of it.
fn shorten(lens: &mut [u8], counts: &[u32], max: u8) {
    let share = |len: u8| 1_u64 << (max - len);
    let room = 1_u64 << max;
    let mut used: u64 = lens.iter().filter(|len| **len > 0).map(|len| share(*len)).sum();
    if used <= room {
        return;
    }
    let mut order: Vec<usize> =
        (0..lens.len()).filter(|at| lens.get(*at).is_some_and(|len| *len > 0)).collect();
    order.sort_by_key(|at| counts.get(*at).copied());
    for at in &order {
        let Some(len) = lens.get_mut(*at) else { continue };
        while used > room && *len < max {
            *len += 1;
            used -= share(*len);
        }
    }
    while used < room {
        let before = used;
        for at in order.iter().rev() {
            let Some(len) = lens.get_mut(*at) else { continue };
            if *len > 1 && used + share(*len) <= room {
                used += share(*len);
                *len -= 1;
            }
        }
        if used == before {
            return;
        }
    }
}

/// The codes of these lengths, in the order the format prescribes.
fn codes(lens: &[u8]) -> Vec<Code> {
    let mut counts = [0_u16; 16];
    for len in lens.iter().filter(|len| **len > 0) {
        counts[usize::from(*len & 15)] += 1;
    }
    let mut next = [0_u16; 16];
    let mut code = 0_u16;
    for (len, slot) in next.iter_mut().enumerate().skip(1) {
        code = (code + counts[len - 1]) << 1;
        *slot = code;
    }
    lens.iter()
        .map(|len| {
            if *len == 0 {
                return Code::default();
            }
            let slot = &mut next[usize::from(*len & 15)];
            let code = *slot;
            *slot += 1;
            Code { bits: code.reverse_bits() >> (16 - u32::from(*len)), len: *len }
        })
        .collect()
}

/// Lengths with what repeats said once: a symbol, and bits behind it.
fn runs(lens: &[u8]) -> Vec<(usize, u64, u32)> {
    let mut out = Vec::new();
    let mut rest = lens;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|len| *len == first).count();
        let taken = match (first, run) {
            (0, 11..) => {
                let taken = run.min(138);
                out.push((18, taken as u64 - 11, 7));
                taken
            }
            (0, 3..) => {
                out.push((17, run as u64 - 3, 3));
                run
            }
            (len, 4..) if *len > 0 => {
                let taken = run.min(7);
                out.push((usize::from(*len), 0, 0));
                out.push((16, taken as u64 - 4, 2));
                taken
            }
            (len, _) => {
                out.push((usize::from(*len), 0, 0));
                1
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

/// The lengths of codes of bytes with these frequencies, for tests.
#[cfg(test)]
pub(super) fn lengths_of(counts: &[u32]) -> Vec<u8> {
    code_lengths(counts, MAX_BITS)
}
