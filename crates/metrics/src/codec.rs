//! How numbers become bytes and come back: varints, columns in parts, bits in memory, packing.

pub(crate) mod bins;
pub(crate) mod bits;
pub(crate) mod bytes;
pub(crate) mod chunk;
pub(crate) mod floats;
pub(crate) mod ints;
pub(crate) mod pack;
