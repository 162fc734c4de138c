//! The filled stretches of chunks that still grow, in blocks that many series share.
//!
//! A buffer of its own for each series would be made larger again and again: the halves that are not used yet, and the
//! holes that the outgrown ones leave, took as much memory as the samples. Pieces have one size, and so do their blocks;
//! a block of which no piece is used any more is freed.

/// Bytes of a chunk in one piece.
pub(crate) const PIECE_BYTES: usize = 24;
/// Two kibibytes' worth.
const BLOCK_PIECES: usize = 72;

/// What one piece takes.
pub(crate) const PIECE_SIZE: usize = size_of::<Piece>();

/// Pieces by number, counted from 1: 0 is none.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    blocks: Vec<Block>,
    /// The blocks that are not full.
    open: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    bytes: [u8; PIECE_BYTES],
    /// The piece before it in its chunk; of a free one, the next that is free in its block, counted from 1.
    before: u32,
}

#[derive(Debug, Default)]
struct Block {
    /// None while no piece is used.
    pieces: Option<Box<[Piece; BLOCK_PIECES]>>,
    used: u32,
    /// The first that is free, counted from 1.
    free: u32,
}

impl Block {
    fn fresh() -> Box<[Piece; BLOCK_PIECES]> {
        let mut pieces = Box::new([Piece { bytes: [0; PIECE_BYTES], before: 0 }; BLOCK_PIECES]);
        for (next, piece) in (2..=BLOCK_PIECES as u32).zip(pieces.iter_mut()) {
            piece.before = next;
        }
        pieces
    }

    /// Fills a free piece and returns its place; `None` when there is none.
    fn take(&mut self, bytes: &[u8; PIECE_BYTES], before: u32) -> Option<u32> {
        let pieces = self.pieces.get_or_insert_with(|| {
            self.free = 1;
            Self::fresh()
        });
        let at = self.free.checked_sub(1)?;
        let piece = pieces.get_mut(at as usize)?;
        self.free = piece.before;
        *piece = Piece { bytes: *bytes, before };
        self.used += 1;
        Some(at)
    }

    /// Frees a piece and returns which was before it.
    fn give_back(&mut self, at: u32) -> Option<u32> {
        let piece = self.pieces.as_mut()?.get_mut(at as usize)?;
        let before = std::mem::replace(&mut piece.before, self.free);
        self.free = at + 1;
        self.used -= 1;
        if self.used == 0 {
            *self = Self::default();
        }
        Some(before)
    }

    fn is_full(&self) -> bool {
        self.used as usize == BLOCK_PIECES
    }
}

/// Where a piece is: its block, and its place there.
fn place(number: u32) -> Option<(u32, u32)> {
    let index = number.checked_sub(1)?;
    Some((index / BLOCK_PIECES as u32, index % BLOCK_PIECES as u32))
}

impl Pieces {
    /// Keeps bytes that follow those of the piece `before`, and returns their number. There are numbers for 112 GiB.
    pub(crate) fn keep(&mut self, bytes: &[u8; PIECE_BYTES], before: u32) -> u32 {
        let at = match self.open.last() {
            Some(at) => *at,
            None => {
                let at = self.blocks.len() as u32;
                self.blocks.push(Block::default());
                self.open.push(at);
                at
            }
        };
        let block = self.blocks.get_mut(at as usize);
        let taken = block.and_then(|block| Some((block.take(bytes, before)?, block.is_full())));
        debug_assert!(taken.is_some(), "an open block has room");
        let Some((piece, is_full)) = taken else { return before };
        if is_full {
            self.open.pop();
        }
        at * BLOCK_PIECES as u32 + piece + 1
    }

    /// Frees a piece and all before it.
    pub(crate) fn free(&mut self, mut last: u32) {
        while let Some((at, piece)) = place(last) {
            let Some(block) = self.blocks.get_mut(at as usize) else { return };
            let was_full = block.is_full();
            let Some(before) = block.give_back(piece) else { return };
            if was_full {
                self.open.push(at);
            }
            last = before;
        }
    }

    /// Fills `out`, which is as long as so many pieces, with the bytes of a piece and those before it, the first first.
    pub(crate) fn gather(&self, mut last: u32, out: &mut [u8]) {
        for to in out.rchunks_exact_mut(PIECE_BYTES) {
            let piece = place(last)
                .and_then(|(at, piece)| self.blocks.get(at as usize)?.pieces.as_ref()?.get(piece as usize));
            let Some(piece) = piece else { return };
            to.copy_from_slice(&piece.bytes);
            last = piece.before;
        }
    }

    /// Blocks that hold anything.
    #[cfg(test)]
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.iter().filter(|block| block.pieces.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chains_hold_what_was_put_in_them_until_they_are_freed(
            steps in prop::collection::vec((0..8_usize, prop::bool::weighted(0.05)), 1..1500),
        ) {
            let mut pieces = Pieces::default();
            let mut chains = vec![(0_u32, Vec::<u8>::new()); 8];
            for (step, (chain, ends)) in steps.into_iter().enumerate() {
                let (last, bytes) = &mut chains[chain];
                if ends {
                    pieces.free(std::mem::take(last));
                    bytes.clear();
                } else {
                    let piece = [step as u8; PIECE_BYTES];
                    *last = pieces.keep(&piece, *last);
                    bytes.extend_from_slice(&piece);
                }
                let mut found = vec![0; chains[chain].1.len()];
                pieces.gather(chains[chain].0, &mut found);
                prop_assert_eq!(&found, &chains[chain].1);
            }
            let mut left = 0;
            for (last, bytes) in &chains {
                let mut found = vec![0; bytes.len()];
                pieces.gather(*last, &mut found);
                prop_assert_eq!(&found, bytes);
                left += bytes.len() / PIECE_BYTES;
            }
            prop_assert!(pieces.blocks() >= left.div_ceil(BLOCK_PIECES));
            for (last, _) in chains {
                pieces.free(last);
            }
            prop_assert_eq!(pieces.blocks(), 0);
        }
    }
}
