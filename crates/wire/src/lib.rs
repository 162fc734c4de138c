//! Every format telemetry wears on the wire: decoding and encoding, nothing else.
//!
//! Flows in: bytes that somebody else wrote, and are therefore hostile. Flows out: borrowed entries, rows of the
//! model, or bytes for somebody else. This crate promises that no input makes it panic, that every size a sender
//! declares is checked before memory is reserved for it, and that an error says where, what was found and what was
//! expected. It never opens a socket or a file, and never looks at a clock.

pub mod alertmanager;
pub mod event_file;
pub mod exposition;
pub mod prometheus_block;
pub mod protobuf;
pub mod remote_read;
pub mod remote_write;
pub mod snappy;
