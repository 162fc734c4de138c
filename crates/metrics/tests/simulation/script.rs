//! A fixed run that does a little of everything, for a fault at each of its calls.

use crate::plan::{Features, Op, Plan};
use watchfire_disk::Fault;

pub(crate) const FAULTS: [Fault; 4] = [Fault::PowerCut, Fault::SyncError, Fault::Full, Fault::BitFlip];

/// The script, with a fault at one call or none.
pub(crate) fn plan(fault: Option<(u64, Fault)>, features: Features) -> Plan {
    use Op::*;
    let hour_ms = 3_600_000;
    let ops = vec![
        Describe,
        Write,
        Write,
        WriteLater,
        WriteLater,
        Settle,
        Query,
        Check,
        Tend { flush: true },
        Check,
        Write,
        Describe,
        Delete,
        Write,
        Advance(hour_ms),
        Write,
        Tend { flush: true },
        Write,
        Kill,
        Check,
        Write,
        Advance(20 * hour_ms),
        Write,
        Compact,
        Check,
        Write,
        Tend { flush: true },
        Write,
        Tend { flush: true },
        Write,
        Tend { flush: true },
        Write,
        Tend { flush: true },
        Query,
        Across(Box::new(Compact)),
        Delete,
        Write,
        Clean,
        Write,
        Close,
        Check,
        Write,
        WriteLater,
        Cut,
        Check,
        Advance(60 * hour_ms),
        Write,
        Compact,
        Write,
        Reopen,
        Describe,
        Write,
        Check,
    ];
    Plan { seed: 20, ops, fault, reorder: false, features }
}
