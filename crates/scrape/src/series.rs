//! From the body of an answer to rows: which series each line is, and which series ended.

mod mutate;
mod state;

pub(crate) use mutate::Mutator;
pub(crate) use state::{Counts, Outcome, SeriesState, stale};
