//! The kernel's pool of randomness, from /proc/sys/kernel/random.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_entropy_*`.
pub(super) struct Entropy;

impl Collector for Entropy {
    fn name(&self) -> &'static str {
        "entropy"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        for (file, name, help) in [
            ("entropy_avail", "node_entropy_available_bits", "Bits of randomness there are."),
            ("poolsize", "node_entropy_pool_size_bits", "Bits of randomness that the pool can hold."),
        ] {
            let source = roots.proc(&format!("sys/kernel/random/{file}"))?;
            out.gauge(name, help, &[], source.number(1, Some(source.text.trim()))?);
        }
        Ok(())
    }
}
