//! Long lists, written by several threads and handed out in their order.
//!
//! The list is cut into pieces. Each thread takes the next one, writes and compresses it; the thread that asks works too,
//! and hands out what is ready in order.

use super::{PIECE_BYTES, Page, Piece, Sent};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::Builder;

/// For lists of fewer pieces another thread costs more than it brings.
const WORTHWHILE_PIECES: usize = 2;

impl Page {
    /// Appends a list. `about` says about how long the text of an item is; `make` makes for each thread what appends one.
    pub(crate) fn list<T: Sync, W: FnMut(&mut Vec<u8>, &T)>(
        &mut self,
        items: &[T],
        about: impl Fn(&T) -> usize,
        make: impl Fn() -> W + Sync,
    ) {
        self.buffer().push(b'[');
        let pieces = cut(items, about);
        let mut permits = Vec::new();
        if pieces.len() >= WORTHWHILE_PIECES
            && let Some(engine) = &self.helpers
        {
            permits.extend(std::iter::from_fn(|| engine.permit()).take(pieces.len() - 1));
        }
        if permits.is_empty() {
            let mut write = make();
            for (index, item) in items.iter().enumerate() {
                separate(&mut self.text, index);
                write(&mut self.text, item);
                if !self.pause() {
                    break;
                }
            }
        } else {
            self.together(&pieces, permits, &make);
        }
        self.buffer().push(b']');
    }

    /// Writes the pieces with a helper for each permit.
    fn together<T: Sync, P: Send, W: FnMut(&mut Vec<u8>, &T)>(
        &mut self,
        pieces: &[(usize, &[T])],
        permits: Vec<P>,
        make: &(impl Fn() -> W + Sync),
    ) {
        // What was written before the list comes before it.
        self.hand_out();
        let (packing, next, stopped) = (self.packing, &AtomicUsize::new(0), &AtomicBool::new(false));
        let work = move |mut done: Box<dyn FnMut(usize, Option<Piece>) + '_>| {
            let (mut write, mut text) = (make(), Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some((first, items)) = pieces.get(number) else { break };
                text.clear();
                text.reserve(PIECE_BYTES + PIECE_BYTES / 4);
                for (index, item) in (*first..).zip(*items) {
                    separate(&mut text, index);
                    write(&mut text, item);
                }
                done(number, Piece::of(packing, &mut text, false));
            }
        };
        std::thread::scope(|room| {
            let (ready, results) = mpsc::channel();
            for permit in permits {
                let ready = ready.clone();
                let job = move || {
                    let _permit = permit;
                    // Who asked may have gone.
                    work(Box::new(move |number, piece| drop(ready.send((number, piece)))));
                };
                // Without it the others do its share.
                let _ = Builder::new().name("answer-helper".to_owned()).spawn_scoped(room, job);
            }
            drop(ready);
            let mut order = Order { waiting: pieces.iter().map(|_| None).collect(), handed_out: 0 };
            work(Box::new(|number, piece| {
                order.arrived(number, piece, self);
                while let Ok((number, piece)) = results.try_recv() {
                    order.arrived(number, piece, self);
                }
                if matches!(self.sent, Sent::InVain) {
                    stopped.store(true, Ordering::Relaxed);
                }
            }));
            while let Ok((number, piece)) = results.recv() {
                order.arrived(number, piece, self);
            }
            if order.handed_out < pieces.len() {
                self.sent = Sent::InVain;
            }
        });
    }
}

/// Pieces that are ready before those ahead of them.
struct Order {
    waiting: Vec<Option<Option<Piece>>>,
    handed_out: usize,
}

impl Order {
    fn arrived(&mut self, number: usize, piece: Option<Piece>, page: &mut Page) {
        if let Some(place) = self.waiting.get_mut(number) {
            *place = Some(piece);
        }
        while let Some(piece) = self.waiting.get_mut(self.handed_out).and_then(Option::take) {
            page.add(piece);
            self.handed_out += 1;
        }
    }
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

/// Cuts a list where about a piece of text is full; each part with the place of its first item.
fn cut<T>(items: &[T], about: impl Fn(&T) -> usize) -> Vec<(usize, &[T])> {
    let (mut pieces, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (index, item) in items.iter().enumerate() {
        bytes += about(item);
        if bytes >= PIECE_BYTES || index + 1 == items.len() {
            pieces.push((begin, items.get(begin..=index).unwrap_or_default()));
            (begin, bytes) = (index + 1, 0);
        }
    }
    pieces
}
