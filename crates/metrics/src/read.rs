//! Answering: which series, and their samples gathered from memory and parts.

pub(crate) mod gather;
pub(crate) mod reader;
pub(crate) mod selection;
pub(crate) mod texts;
