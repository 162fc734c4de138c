//! Why a collector has nothing to say.

use std::path::PathBuf;

/// Why a collector failed. What it had collected before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not as the kernel writes it.
    #[error("{}:{line}: found {found:?}, expected {expected}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What stands there, shortened.
        found: String,
        /// What would be right there.
        expected: &'static str,
    },
    /// This machine has no such thing; nobody has to worry.
    #[error("this machine has no {0}")]
    NoData(&'static str),
    /// A device or its driver failed.
    #[error("{message}")]
    Device {
        /// A word for it, for a label.
        reason: &'static str,
        /// What failed, and what to do.
        message: String,
    },
    /// A system call failed.
    #[error("{call}: {source}")]
    Call {
        /// The call.
        call: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CollectError {
    /// A word for what went wrong, for a label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Read { source, .. } | Self::Call { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => "not_found",
                std::io::ErrorKind::PermissionDenied => "permission_denied",
                std::io::ErrorKind::TimedOut => "timeout",
                _ => "read_failed",
            },
            Self::Parse { .. } => "garbage",
            Self::NoData(_) => "no_data",
            Self::Device { reason, .. } => reason,
        }
    }

    /// Whether what should be read is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

impl From<crate::gpu::Fault> for CollectError {
    fn from(fault: crate::gpu::Fault) -> Self {
        Self::Device { reason: fault.reason, message: fault.message }
    }
}
