//! How much memory there is, how much of it this program uses, and what that means for the store's limits.

mod heap;
mod machine;

pub(crate) use heap::CountingAllocator;

use crate::cli::RunArgs;
use watchfire_metrics::{MemoryProbe, MemoryUse, SeriesLimits};
use watchfire_model::labels::LabelLimits;
use watchfire_scrape::Config;
use watchfire_scrape::config::metrics::MemoryLimit;

/// Where neither the command line nor the configuration says anything: the rest is for the page cache, which makes
/// queries fast, and for other programs.
const DEFAULT: MemoryLimit = MemoryLimit::Percent(60.0);

/// The memory ceiling in bytes, 0 for none. The flag comes before the configuration.
pub(crate) fn ceiling_bytes(args: &RunArgs, config: &Config) -> u64 {
    match args.memory_limit.or(config.metrics.limits.memory).unwrap_or(DEFAULT) {
        MemoryLimit::Bytes(bytes) => bytes,
        // Where it is unknown how much there is, there is no ceiling.
        MemoryLimit::Percent(percent) => machine::memory_bytes(std::path::Path::new("/"))
            .map_or(0, |all| (all as f64 * percent / 100.0) as u64),
    }
}

/// The limits on series.
pub(crate) fn series_limits(config: &Config) -> SeriesLimits {
    let (limits, base) = (&config.metrics.limits, SeriesLimits::default());
    SeriesLimits {
        series: limits.series.unwrap_or(base.series),
        series_per_target: limits.series_per_target.unwrap_or(base.series_per_target),
        series_per_job: limits.series_per_job.unwrap_or(base.series_per_job),
        series_per_tenant: limits.series_per_tenant.unwrap_or(base.series_per_tenant),
        tenant_label: limits.tenant_label.clone().unwrap_or(base.tenant_label),
    }
}

/// The limits on the labels of a series.
pub(crate) fn label_limits(config: &Config) -> LabelLimits {
    let (limits, base) = (&config.metrics.limits, LabelLimits::default());
    let or =
        |limit: Option<u64>, base| limit.map_or(base, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    LabelLimits {
        label_limit: or(limits.label_limit, base.label_limit),
        label_name_length_limit: or(limits.label_name_length_limit, base.label_name_length_limit),
        label_value_length_limit: or(limits.label_value_length_limit, base.label_value_length_limit),
    }
}

/// Asks the allocator and the kernel.
#[derive(Debug)]
pub(crate) struct ProcessMemory;

impl MemoryProbe for ProcessMemory {
    fn measure(&self) -> MemoryUse {
        MemoryUse { live_bytes: heap::live_bytes(), resident_bytes: machine::resident_bytes().unwrap_or(0) }
    }
}
