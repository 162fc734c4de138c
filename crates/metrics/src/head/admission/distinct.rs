//! How many different values there are among those seen: exactly while they are few, then closely, in bounded memory.

use hashbrown::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Up to so many, every value's hash is kept.
const FEW: usize = 1024;
/// The bits of a hash that choose a register: 4096 registers estimate within 2 %.
const REGISTER_BITS: u32 = 12;
const REGISTERS: usize = 1 << REGISTER_BITS;
/// The bits of a hash that are left for a register's rank.
const RANK_BITS: u32 = 64 - REGISTER_BITS;
/// About what a hash takes in the set.
const FEW_ENTRY_BYTES: usize = 10;

/// Hashes need no hashing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A set of hashes that forgets all but its size.
#[derive(Debug)]
pub(super) enum Distinct {
    Few(HashSet<u64, BuildHasherDefault<Same>>),
    /// For each register, the longest run of zeros that began a hash, plus one.
    Many(Box<[u8]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(HashSet::default())
    }
}

impl Distinct {
    pub(super) fn add(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > FEW {
                    let mut registers = vec![0; REGISTERS].into_boxed_slice();
                    for hash in hashes.iter() {
                        note(&mut registers, *hash);
                    }
                    *self = Self::Many(registers);
                }
            }
            Self::Many(registers) => note(registers, hash),
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(hashes)) => hashes.iter().for_each(|hash| self.add(*hash)),
            (Self::Many(registers), Self::Many(others)) => {
                for (register, other) in registers.iter_mut().zip(others) {
                    *register = (*register).max(*other);
                }
            }
            (Self::Few(hashes), Self::Many(others)) => {
                let mut registers = others.clone();
                for hash in hashes.iter() {
                    note(&mut registers, *hash);
                }
                *self = Self::Many(registers);
            }
        }
    }

    /// About how many there are.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Few(hashes) => hashes.len() as u64,
            Self::Many(registers) => estimate(registers).round() as u64,
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Few(_))
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Few(hashes) => hashes.capacity() * FEW_ENTRY_BYTES,
            Self::Many(registers) => registers.len(),
        }
    }
}

fn note(registers: &mut [u8], hash: u64) {
    let rank = ((hash << REGISTER_BITS).leading_zeros().min(RANK_BITS) + 1) as u8;
    if let Some(register) = registers.get_mut((hash >> RANK_BITS) as usize) {
        *register = (*register).max(rank);
    }
}

/// The estimate of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6: it
/// needs neither thresholds nor tables.
fn estimate(registers: &[u8]) -> f64 {
    let mut ranks = [0.0_f64; RANK_BITS as usize + 2];
    for register in registers {
        if let Some(rank) = ranks.get_mut(usize::from(*register)) {
            *rank += 1.0;
        }
    }
    let count = registers.len() as f64;
    let [zeros, middle @ .., full] = &ranks;
    let mut sum = count * tau(1.0 - full / count);
    for rank in middle.iter().rev() {
        sum = 0.5 * (sum + rank);
    }
    sum += count * sigma(zeros / count);
    count * count / (2.0 * std::f64::consts::LN_2 * sum)
}

fn sigma(mut share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, share);
    loop {
        share *= share;
        let before = sum;
        sum += share * factor;
        factor += factor;
        if sum <= before {
            return sum;
        }
    }
}

fn tau(mut share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - share);
    loop {
        share = share.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - share) * (1.0 - share) * factor;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests;
