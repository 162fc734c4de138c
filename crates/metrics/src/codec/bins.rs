//! Whole numbers in bins: a number is coded as the bin it is in, by how frequent that is, and its place in the bin.
//!
//! Bins are halves of halves of the whole width, split wherever that makes the numbers shorter by more than telling of
//! it costs. Which bin comes next is coded with tabled asymmetric numeral systems (Duda 2013), so that a bin which
//! holds nearly all numbers costs nearly nothing; places inside of bins are plain bits. One bin alone is plain bit
//! packing.
//!
//! A number can be read only when the one before it was. Many numbers are therefore dealt out to lanes, one stretch to
//! each, which are coded apart and read side by side: a processor has one to do while it waits for another.

use super::bits::{BitReader, BitWriter, low};
use std::cell::RefCell;
use std::sync::OnceLock;

const MAX_BINS: usize = 64;
/// States are numbers of so many bits.
const MIN_LOG: u32 = 5;
const MAX_LOG: u32 = 10;
const STATES: usize = 1 << MAX_LOG;
/// Where a bin and a state are read in one step, they have at most so many bits together.
const ONE_PEEK_BITS: u32 = 57;
const LANES: usize = 4;
/// Fewer numbers are all in one lane.
const MIN_LANED: usize = 192;
/// Tells how many bits a lane has: 2048 numbers of 64 bits with their states fit.
const LANE_LENGTH_BITS: u32 = 18;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Split,
    Empty,
    Bin(Bin),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bin {
    /// The smallest number in it.
    lower: u64,
    /// It holds `1 << bits` numbers.
    bits: u32,
    /// How many of the numbers coded it holds; once normalised, how many of the states are its.
    weight: u32,
}

/// Logarithms to base 2 of counts, which are asked for often.
pub(crate) fn log2(count: usize) -> f32 {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| (0..=8192).map(|count: u16| f32::from(count).log2()).collect());
    table.get(count).copied().unwrap_or_else(|| (count as f32).log2())
}

/// What telling of the tree costs, and how small a bin may be.
struct Costs {
    bin: f32,
    log_all: f32,
    /// Bins of so few numbers are not looked into.
    few: usize,
}

/// Adds the cheapest tree over sorted numbers that lie in `lower..lower + (1 << bits)`; its cost in bits.
fn plan(sorted: &[u64], lower: u64, bits: u32, costs: &Costs, nodes: &mut Vec<Node>) -> f32 {
    let count = sorted.len();
    if count == 0 {
        nodes.push(Node::Empty);
        return 2.0;
    }
    let bin = Node::Bin(Bin { lower, bits, weight: count as u32 });
    let as_bin = count as f32 * (bits as f32 + costs.log_all - log2(count)) + costs.bin;
    if bits == 0 || count <= costs.few {
        nodes.push(bin);
        return as_bin;
    }
    let at = nodes.len();
    nodes.push(Node::Split);
    let upper = lower + (1_u64 << (bits - 1));
    let (left, right) = sorted.split_at(sorted.partition_point(|number| *number < upper));
    let split = 2.0 + plan(left, lower, bits - 1, costs, nodes) + plan(right, upper, bits - 1, costs, nodes);
    if split < as_bin {
        return split;
    }
    nodes.truncate(at);
    nodes.push(bin);
    as_bin
}

/// The bits of states that fit this many numbers: more would tell the weights more exactly, but a table of all states is
/// made before the first number is read.
fn log_for(count: usize) -> u32 {
    (usize::BITS - count.leading_zeros()).saturating_sub(2).clamp(MIN_LOG, MAX_LOG)
}

/// How many lanes there are for so many numbers, and how many are in each; what is over is in the last.
const fn lanes_of(count: usize) -> (usize, usize) {
    if count < MIN_LANED { (1, count) } else { (LANES, count / LANES) }
}

/// Makes the weights of bins sum to the number of states, none zero.
fn normalise(bins: &mut [Bin], count: usize, log: u32) {
    let states = 1_i64 << log;
    let mut left = states;
    for bin in bins.iter_mut() {
        let share = (u64::from(bin.weight) << (log + 1)) / count.max(1) as u64;
        bin.weight = (share.div_ceil(2) as u32).max(1);
        left -= i64::from(bin.weight);
    }
    while left != 0 {
        let Some(largest) = bins.iter_mut().max_by_key(|bin| bin.weight) else { return };
        let change = left.max(1 - i64::from(largest.weight));
        largest.weight = (i64::from(largest.weight) + change) as u32;
        left -= change;
    }
}

/// How far a state is handed out from the one before; in the end each was handed out once.
const fn stride(log: u32) -> usize {
    let states = 1_usize << log;
    (states >> 1) + (states >> 3) + 3
}

/// Hands out the states as [`fill`] does.
fn spread(bins: &[Bin], log: u32, mut each: impl FnMut(usize, usize)) {
    let (states, step) = (1_usize << log, stride(log));
    let mut state = 0;
    for (index, bin) in bins.iter().enumerate() {
        for _ in 0..bin.weight {
            each(index, state);
            state = (state + step) & (states - 1);
        }
    }
}

/// Memory for coding, used again and again.
#[derive(Debug, Default)]
struct Encoder {
    sorted: Vec<u64>,
    nodes: Vec<Node>,
    bins: Vec<Bin>,
    /// Where the states of each bin begin in `states`.
    begins: Vec<u32>,
    /// The states of the first bin in the order they were handed out, then those of the next.
    states: Vec<u16>,
    /// For each number of a lane, the last one first, its bin, and what is written to get to the state after it.
    steps: Vec<(u8, u8, u16)>,
}

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::default();
    static TABLE: RefCell<Box<[Entry; STATES]>> = RefCell::new(Box::new([Entry::default(); STATES]));
}

/// Appends numbers, 8192 at most; [`take`] must be told how many there are.
pub(crate) fn put(out: &mut Vec<u8>, numbers: &[u64]) {
    ENCODER.with_borrow_mut(|encoder| encoder.put(out, numbers));
}

impl Encoder {
    fn put(&mut self, out: &mut Vec<u8>, numbers: &[u64]) {
        let largest = numbers.iter().copied().max().unwrap_or(0);
        let width = u64::BITS - largest.leading_zeros();
        let mut writer = BitWriter::new(out);
        writer.put(u64::from(width), 7);
        let log = log_for(numbers.len());
        self.plan(numbers, width, log);
        if self.bins.len() <= 1 {
            writer.put(0, 1);
            for number in numbers {
                writer.put(*number, width);
            }
            writer.finish();
            return;
        }
        normalise(&mut self.bins, numbers.len(), log);
        self.write_tree(&mut writer, log);
        self.prepare(log);
        let (lanes, each) = lanes_of(numbers.len());
        let mut begins = [0; LANES];
        for (lane, begin) in begins.iter_mut().enumerate().take(lanes) {
            let end = if lane + 1 == lanes { numbers.len() } else { (lane + 1) * each };
            *begin = self.steps.len();
            let first = self.add_steps(numbers.get(lane * each..end).unwrap_or_default(), log);
            writer.put(first, log);
            if lane + 1 < lanes {
                let bits = |(bin, taken, _): &(u8, u8, u16)| {
                    u64::from(*taken) + self.bins.get(usize::from(*bin)).map_or(0, |bin| u64::from(bin.bits))
                };
                let length = self.steps.iter().skip(*begin).map(bits).sum();
                writer.put(length, LANE_LENGTH_BITS);
            }
        }
        for (lane, begin) in begins.iter().enumerate().take(lanes) {
            let end = begins.get(lane + 1).filter(|_| lane + 1 < lanes).copied().unwrap_or(self.steps.len());
            let steps = self.steps.get(*begin..end).unwrap_or_default().iter().rev();
            let numbers = numbers.get(lane * each..).unwrap_or_default();
            for (number, (bin, taken, rest)) in numbers.iter().zip(steps) {
                let Some(bin) = self.bins.get(usize::from(*bin)) else { continue };
                writer.put(u64::from(*rest), u32::from(*taken));
                writer.put(number - bin.lower, bin.bits);
            }
        }
        writer.finish();
    }

    fn plan(&mut self, numbers: &[u64], width: u32, log: u32) {
        self.sorted.clear();
        self.sorted.extend_from_slice(numbers);
        self.sorted.sort_unstable();
        let few = (numbers.len() / 512).max(4);
        let mut costs = Costs { bin: (log + 1) as f32, log_all: log2(numbers.len()), few };
        loop {
            self.nodes.clear();
            self.bins.clear();
            plan(&self.sorted, 0, width, &costs, &mut self.nodes);
            let bins = self
                .nodes
                .iter()
                .filter_map(|node| if let Node::Bin(bin) = node { Some(*bin) } else { None });
            self.bins.extend(bins);
            if self.bins.len() <= MAX_BINS.min(1 << (log - 1)) {
                return;
            }
            costs.bin *= 2.0;
        }
    }

    /// Hands out the states.
    fn prepare(&mut self, log: u32) {
        self.begins.clear();
        let mut begin = 0;
        for bin in &self.bins {
            self.begins.push(begin);
            begin += bin.weight;
        }
        self.states.clear();
        spread(&self.bins, log, |_, state| self.states.push(state as u16));
        self.steps.clear();
    }

    /// Adds the steps from the last number of a lane to the first; returns the state to start from when reading.
    fn add_steps(&mut self, numbers: &[u64], log: u32) -> u64 {
        let mut state = 1_u32 << log;
        for number in numbers.iter().rev() {
            let index = self.bins.partition_point(|bin| bin.lower <= *number).saturating_sub(1);
            let (Some(bin), Some(begin)) = (self.bins.get(index), self.begins.get(index)) else { continue };
            let mut taken = log - bin.weight.ilog2();
            if state >> taken < bin.weight {
                taken -= 1;
            }
            self.steps.push((index as u8, taken as u8, low(u64::from(state), taken) as u16));
            let place = (begin + (state >> taken) - bin.weight) as usize;
            state = (1 << log) + u32::from(self.states.get(place).copied().unwrap_or(0));
        }
        u64::from(state - (1 << log))
    }

    fn write_tree(&self, writer: &mut BitWriter<'_>, log: u32) {
        let mut bins = self.bins.iter();
        for (index, node) in self.nodes.iter().enumerate() {
            match node {
                Node::Split => writer.put(0b01, 2),
                Node::Empty => writer.put(0b11, 2),
                Node::Bin(_) => {
                    writer.put(0, 1);
                    writer.put(bins.next().map_or(0, |bin| u64::from(bin.weight)), log);
                }
            }
            if index == 0 {
                writer.put(u64::from(log), 4);
            }
        }
    }
}

/// What is to be done in a state.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    lower: u64,
    /// The state after it, but for the bits taken.
    next: u16,
    taken: u8,
    bits: u8,
    /// Both together.
    all: u8,
}

/// Reads numbers that [`put`] wrote, into all of `out`; returns how many bytes they took, `None` when they are none.
pub(crate) fn take(bytes: &[u8], out: &mut [u64]) -> Option<usize> {
    let mut reader = BitReader::new(bytes);
    let width = reader.take(7) as u32;
    if width > 64 {
        return None;
    }
    if reader.take(1) == 0 {
        unpack(&mut reader, width, out);
    } else {
        TABLE.with_borrow_mut(|table| take_binned(&mut reader, width, table, out))?;
    }
    (!reader.is_over()).then(|| reader.used_bytes())
}

fn unpack(reader: &mut BitReader<'_>, width: u32, out: &mut [u64]) {
    if width > 56 {
        out.fill_with(|| reader.take(width));
        return;
    }
    let mut reading = *reader;
    for slot in out {
        *slot = low(reading.peek(), width);
        reading.skip(width);
    }
    *reader = reading;
}

fn take_binned(
    reader: &mut BitReader<'_>,
    width: u32,
    table: &mut [Entry; STATES],
    out: &mut [u64],
) -> Option<()> {
    if reader.take(1) != 0 || width == 0 {
        return None;
    }
    let log = reader.take(4) as u32;
    if !(MIN_LOG..=MAX_LOG).contains(&log) {
        return None;
    }
    let upper = 1_u64 << (width - 1);
    let mut open = vec![(upper, width - 1), (0, width - 1)];
    let mut bins = Vec::with_capacity(MAX_BINS);
    let mut weights = 0;
    while let Some((lower, bits)) = open.pop() {
        if reader.take(1) == 0 {
            let weight = reader.take(log) as u32;
            weights += weight;
            bins.push(Bin { lower, bits, weight });
            if weight == 0 || bins.len() > MAX_BINS {
                return None;
            }
        } else if reader.take(1) == 0 {
            let bits = bits.checked_sub(1)?;
            open.push((lower + (1_u64 << bits), bits));
            open.push((lower, bits));
        }
    }
    if weights != 1 << log {
        return None;
    }
    fill(table, &bins, log);
    let longest = bins.iter().map(|bin| bin.bits + log).max().unwrap_or(0);
    let (lanes, each) = lanes_of(out.len());
    if lanes == 1 {
        let mut lane = Lane { state: reader.take(log) as usize, reader: *reader };
        lane.read(table, longest, out);
        *reader = lane.reader;
        return Some(());
    }
    let mut states = [0; LANES];
    let mut lengths = [0; LANES];
    for (lane, (state, length)) in states.iter_mut().zip(&mut lengths).enumerate() {
        *state = reader.take(log) as usize;
        if lane + 1 < LANES {
            *length = reader.take(LANE_LENGTH_BITS) as u32;
        }
    }
    let mut begin = *reader;
    let mut readers = states.into_iter().zip(lengths).map(|(state, length)| {
        let lane = Lane { state, reader: begin };
        begin.skip(length);
        lane
    });
    let (Some(mut one), Some(mut two), Some(mut three), Some(mut four)) =
        (readers.next(), readers.next(), readers.next(), readers.next())
    else {
        return None;
    };
    let (first, rest) = out.split_at_mut_checked(each)?;
    let (second, rest) = rest.split_at_mut_checked(each)?;
    let (third, fourth) = rest.split_at_mut_checked(each)?;
    if longest <= ONE_PEEK_BITS {
        let (side_by_side, over) = fourth.split_at_mut_checked(each)?;
        for (((first, second), third), fourth) in first.iter_mut().zip(second).zip(third).zip(side_by_side) {
            *first = one.next(table);
            *second = two.next(table);
            *third = three.next(table);
            *fourth = four.next(table);
        }
        over.fill_with(|| four.next(table));
    } else {
        one.read(table, longest, first);
        two.read(table, longest, second);
        three.read(table, longest, third);
        four.read(table, longest, fourth);
    }
    // Each ends where the next begins.
    if [one, two, three].iter().any(|lane| lane.reader.is_over()) {
        return None;
    }
    *reader = four.reader;
    Some(())
}

/// A stretch of numbers under way.
#[derive(Clone, Copy, Debug)]
struct Lane<'a> {
    reader: BitReader<'a>,
    state: usize,
}

impl Lane<'_> {
    /// The next number, where bins and states are short enough to be read in one step.
    #[inline(always)]
    fn next(&mut self, table: &[Entry; STATES]) -> u64 {
        #[expect(clippy::indexing_slicing, reason = "the mask keeps it inside of the array")]
        let entry = &table[self.state & (STATES - 1)];
        let word = self.reader.peek();
        self.reader.skip(u32::from(entry.all));
        self.state = usize::from(entry.next) + low(word, u32::from(entry.taken)) as usize;
        entry.lower + low(word >> (entry.taken & 63), u32::from(entry.bits))
    }

    fn read(&mut self, table: &[Entry; STATES], longest: u32, out: &mut [u64]) {
        if longest <= ONE_PEEK_BITS {
            let mut lane = *self;
            out.fill_with(|| lane.next(table));
            *self = lane;
            return;
        }
        for slot in out {
            #[expect(clippy::indexing_slicing, reason = "the mask keeps it inside of the array")]
            let entry = &table[self.state & (STATES - 1)];
            self.state = usize::from(entry.next) + self.reader.take(u32::from(entry.taken)) as usize;
            *slot = entry.lower.wrapping_add(self.reader.take(u32::from(entry.bits)));
        }
    }
}

/// Says what is to be done in each state. Bins have a weight, and their weights sum to the number of states.
fn fill(table: &mut [Entry; STATES], bins: &[Bin], log: u32) {
    let (states, step) = (1_usize << log, stride(log));
    let mut state = 0;
    for bin in bins {
        for number in bin.weight..2 * bin.weight {
            let taken = log - number.ilog2();
            #[expect(clippy::indexing_slicing, reason = "the mask keeps it inside of the array")]
            let entry = &mut table[state & (STATES - 1)];
            *entry = Entry {
                lower: bin.lower,
                next: ((number << taken) - (1 << log)) as u16,
                taken: taken as u8,
                bits: bin.bits as u8,
                all: (taken + bin.bits) as u8,
            };
            state = (state + step) & (states - 1);
        }
    }
}

#[cfg(test)]
mod tests;
