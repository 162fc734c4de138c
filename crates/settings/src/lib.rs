//! Configuration files: YAML read with the place of everything, and the parts that every configuration shares.
//!
//! Flows in: the text of a file. Flows out: a tree that knows lines and columns, sections read key by key so that an
//! unknown key is refused with the nearest known one, secrets that cannot be printed, and the shape and the building of
//! HTTP clients as Prometheus and Alertmanager configure them. It promises that what is wrong is told as
//! `FILE:LINE:COL: found; expected`. It never decides what a configuration means, and opens no connection.

pub mod client;
pub mod glob;
pub mod http;
mod reading;
pub mod secret;
pub mod section;
pub mod tls;
pub mod units;
pub mod web;
pub mod yaml;

pub use reading::Reading;
pub use secret::Secret;
pub use section::Section;
pub use yaml::{Fault, Node, Place, Problem};
