//! What runs on a host and turns its state into metrics, under the names node_exporter 1.12 made the field's own.
//!
//! Flows in: files below [`Roots`] (/proc, /sys, mounted file systems, udev's database). Flows out: metric families,
//! which become rows for a sink ([`rows`]) or text for a reader (`watchfire_wire::exposition::write`). This crate
//! promises that one collector that fails, panics, meets a dead mount or a hung driver costs no other, and says so in
//! `node_scrape_collector_success` and `watchfire_collector_success`. It never writes, never needs to be root, and runs
//! only the programs of GPUs' makers, where their drivers tell too little otherwise.

#![cfg_attr(target_os = "macos", allow(dead_code, reason = "what reads Linux's files is compiled there too"))]

mod bus;
mod collection;
mod error;
mod gpu;
mod host;
mod llm;
mod processes;
mod roots;
mod rows;

pub use collection::{Collection, Label};
pub use error::CollectError;
pub use gpu::{GpuAliases, GpuOptions};
pub use host::{COLLECTORS, Collector, Flag, Host, Known, Options, SystemdOptions};
pub use llm::{Engine, LlmDiscovery, LlmServer};
pub use roots::Roots;
pub use rows::rows;
