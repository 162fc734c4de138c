//! What a route asks of its caller.

/// The permission a route declares. Until users exist, a caller on this machine has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing: liveness, and the files of the web UI, which hold no telemetry.
    Open,
    /// A signature over the body with a secret that is shared with the sender; the route itself checks it.
    Signed,
    /// Read telemetry, rules, alerts, and the state of the program.
    Read,
    /// Add telemetry.
    Write,
    /// Change how the program runs: reload, merge, delete, stop.
    Admin,
}

impl Permission {
    /// A word for texts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}
