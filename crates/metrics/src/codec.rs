//! How numbers become bytes and come back: varints, columns in parts, bits in memory, packing.

pub(crate) mod bytes;
pub(crate) mod chunk;
pub(crate) mod column;
pub(crate) mod pack;
