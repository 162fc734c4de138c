//! Damage for tests of decoders, the same for the same seed.

/// Bytes with one to four changes: bits flipped, bytes and lengths made extreme, stretches cut out, doubled or moved,
/// the end cut off or prolonged.
#[expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "every place is drawn from the length there is; a simulation, as `SimDisk` is"
)]
pub fn mutated(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..random.usize(1..5) {
        if out.is_empty() {
            out.push(random.u8(..));
            continue;
        }
        let at = random.usize(0..out.len());
        let end = (at + random.usize(1..40)).min(out.len());
        match random.u8(0..8) {
            0 | 1 => out[at] ^= 1 << random.u8(0..8),
            2 => out[at] = *random.choice(&[0, 1, 0x7f, 0x80, 0xff]).unwrap(),
            3 => out[at..end].fill(0xff),
            4 => out.truncate(at),
            5 => drop(out.drain(at..end)),
            6 => {
                let piece = out[at..end].to_vec();
                let to = random.usize(0..=out.len());
                out.splice(to..to, piece);
            }
            _ => out.extend((0..random.usize(1..20)).map(|_| random.u8(..))),
        }
    }
    out
}
