//! Virtual memory, from /proc/vmstat.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use watchfire_model::MetricType;

/// `node_vmstat_*`, without a type: the file mixes counters and gauges.
#[derive(Debug)]
pub(super) struct VmStat {
    /// Fields that are told.
    pub(super) fields: Option<Regex>,
}

impl Collector for VmStat {
    fn name(&self) -> &'static str {
        "vmstat"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("vmstat")?;
        for (number, line) in source.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(field) = words.next().filter(|field| passes(field, self.fields.as_ref(), None)) else {
                continue;
            };
            let value = source.number(number, words.next())?;
            let help = format!("The field {field} of /proc/vmstat.");
            out.add(MetricType::Unknown, format!("node_vmstat_{field}"), &help, &[], value);
        }
        Ok(())
    }
}
