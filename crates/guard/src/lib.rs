//! Who may do what.
//!
//! Flows in: the permission a route declares, the address listened on, a request's headers. Flows out: yes, or a
//! refusal that says why. It promises that nothing is open to the network before a user exists, and that a web page
//! from elsewhere can neither read through a renamed host nor change anything through the browser of somebody who may.
//! It never handles a request itself.

mod browser;
mod listen;
mod permission;

pub use browser::{HostPolicy, Refused};
pub use listen::{ListenError, check_listen_address};
pub use permission::Permission;
