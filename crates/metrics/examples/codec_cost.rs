//! What columns cost in parts, by kind of series and length of block:
//! `cargo run --profile quick-release -p watchfire-metrics --example codec_cost -- [DIRECTORY]`.
//!
//! Columns are shaped as in `bench/`; with a directory of expositions, one file for each scrape in the order of their
//! names, those of its series that vary are measured too. Prints bytes per sample, and nanoseconds per sample for
//! writing and reading.

#[expect(dead_code, reason = "only columns are measured")]
#[path = "../src/codec"]
mod codec {
    pub(crate) mod bins;
    pub(crate) mod bits;
    pub(crate) mod bytes;
    pub(crate) mod floats;
    pub(crate) mod ints;
}
#[allow(dead_code, reason = "only its values are used")]
#[path = "../../../bench/src/load.rs"]
mod load;

use codec::bytes::Reader;
use codec::floats::{put_floats, take_floats};
use codec::ints::{put_ints, take_ints};
use std::collections::BTreeMap;
use std::time::Instant;

const SCRAPES: usize = 8192;
const LENGTHS: [usize; 5] = [120, 480, 1440, 5760, 8192];

/// Columns by kind.
type Columns = BTreeMap<String, Vec<Vec<f64>>>;

#[derive(Clone, Copy, Default)]
struct Cost {
    samples: usize,
    bytes: usize,
    write_s: f64,
    read_s: f64,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.bytes += other.bytes;
        self.write_s += other.write_s;
        self.read_s += other.read_s;
    }

    fn print(&self) {
        let each = 1e9 / self.samples.max(1) as f64;
        let bytes = self.bytes as f64 / self.samples.max(1) as f64;
        print!("{:>8.3}{:>7.1}{:>7.2}", bytes, self.write_s * each, self.read_s * each);
    }
}

/// Whether reading gives the bits of what was written back.
fn cost<T: Copy>(
    columns: &[Vec<T>],
    length: usize,
    write: &mut dyn FnMut(&mut Vec<u8>, &[T]),
    read: &mut dyn FnMut(&[u8], &[T]) -> bool,
) -> Cost {
    let blocks: Vec<&[T]> = columns.iter().flat_map(|column| column.chunks(length)).collect();
    let mut cost = Cost { samples: blocks.iter().map(|block| block.len()).sum(), ..Cost::default() };
    let began = Instant::now();
    let packed: Vec<Vec<u8>> = blocks
        .iter()
        .map(|block| {
            let mut out = Vec::new();
            write(&mut out, block);
            out
        })
        .collect();
    cost.write_s = began.elapsed().as_secs_f64();
    cost.bytes = packed.iter().map(Vec::len).sum();
    let rounds = 5;
    let began = Instant::now();
    for _ in 0..rounds {
        for (bytes, block) in packed.iter().zip(&blocks) {
            assert!(read(bytes, block), "a column does not come back");
        }
    }
    cost.read_s = began.elapsed().as_secs_f64() / f64::from(rounds);
    cost
}

fn floats(columns: &[Vec<f64>], length: usize) -> Cost {
    let (mut scratch, mut found) = (Vec::new(), Vec::new());
    let mut seen = 0_usize;
    cost(columns, length, &mut |out, values| put_floats(out, values), &mut |bytes, values| {
        let read = take_floats(&mut Reader::new(bytes), values.len(), &mut scratch, &mut found).is_some();
        // Comparing all would be most of what is measured; one place in each block, another each time, is enough.
        seen = (seen + 7919) % values.len();
        read && found.len() == values.len() && found[seen].to_bits() == values[seen].to_bits()
    })
}

fn ints(columns: &[Vec<i64>], length: usize) -> Cost {
    let mut found = Vec::new();
    cost(columns, length, &mut |out, numbers| put_ints(out, numbers), &mut |bytes, numbers| {
        take_ints(&mut Reader::new(bytes), numbers.len(), &mut found).is_some() && found == numbers
    })
}

fn generated() -> (Columns, Vec<Vec<i64>>) {
    let mut targets = load::targets(8 * load::SERIES_PER_TARGET, 1);
    let mut columns: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    let mut timestamps = Vec::new();
    for target in &mut targets {
        let mut values = vec![Vec::new(); load::SERIES_PER_TARGET];
        let mut names = vec![String::new(); load::SERIES_PER_TARGET];
        let mut times = Vec::new();
        for scrape in 0..SCRAPES as i64 {
            let (at, samples) = target.scrape(1_700_000_000_000 + scrape * 15_000);
            times.push(at);
            for ((slot, name), (labels, _, value)) in values.iter_mut().zip(&mut names).zip(samples) {
                slot.push(value);
                if scrape == 0 {
                    name.clone_from(&labels.iter().find(|(name, _)| name == "__name__").expect("a name").1);
                }
            }
        }
        // An eighth of each kind is plenty.
        for (name, values) in names.into_iter().zip(values).step_by(3) {
            columns.entry(name).or_default().push(values);
        }
        timestamps.push(times);
    }
    (columns, timestamps)
}

fn captured(directory: &str) -> std::io::Result<Columns> {
    let mut files: Vec<_> =
        std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let mut series: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for file in files {
        for line in std::fs::read_to_string(file)?.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, value)) = line.rsplit_once(' ')
                && let Ok(value) = value.parse()
            {
                series.entry(name.to_owned()).or_default().push(value);
            }
        }
    }
    let mut columns = Columns::new();
    for values in series.into_values() {
        let varies = values.iter().any(|value| value.to_bits() != values[0].to_bits());
        columns
            .entry(if varies { "captured, varying" } else { "captured, constant" }.to_owned())
            .or_default()
            .push(values);
    }
    Ok(columns)
}

fn table(columns: &Columns) {
    let mut totals = [Cost::default(); LENGTHS.len()];
    for (kind, columns) in columns {
        print!("{kind:42}");
        for (length, total) in LENGTHS.iter().zip(&mut totals) {
            let cost = floats(columns, *length);
            total.add(cost);
            cost.print();
        }
        println!();
    }
    print!("{:42}", "all");
    totals.iter().for_each(Cost::print);
    println!();
}

fn main() -> std::io::Result<()> {
    let (columns, timestamps) = generated();
    print!("{:42}", "bytes, ns to write, ns to read; blocks of");
    LENGTHS.iter().for_each(|length| print!("{length:>22}"));
    println!();
    table(&columns);
    let (even, odd): (Vec<_>, Vec<_>) =
        timestamps.into_iter().partition(|times| times.windows(2).all(|pair| pair[1] - pair[0] == 15_000));
    for (kind, columns) in [("timestamps, aligned", even), ("timestamps, jittered", odd)] {
        print!("{kind:42}");
        LENGTHS.iter().for_each(|length| ints(&columns, *length).print());
        println!();
    }
    // Mostly what does not change or changes evenly, as on an idle host.
    let steady: Vec<Vec<f64>> = (0..1000)
        .map(|series| match series % 10 {
            0..4 => vec![series as f64; SCRAPES],
            4..8 => (0..SCRAPES).map(|at| (at * series) as f64).collect(),
            8 => columns["DCGM_FI_DEV_GPU_TEMP"][series % 100].clone(),
            _ => columns["vllm:time_to_first_token_seconds_bucket"][series % 100].clone(),
        })
        .collect();
    table(&Columns::from([("steady mix".to_owned(), steady)]));
    if let Some(directory) = std::env::args().nth(1) {
        table(&captured(&directory)?);
    }
    Ok(())
}
