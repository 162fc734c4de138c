//! What the store keeps, from the command line and the configuration.

use crate::cli::RunArgs;
use std::time::Duration;
use watchfire_metrics::{KeepRule, Retention, StoreOptions, TierOptions};
use watchfire_scrape::Config;

/// For how long samples are kept where neither a time nor a size is given.
const DEFAULT_TIME: Duration = Duration::from_secs(30 * 86_400);

/// For how long samples are kept; `None` is for ever. As in Prometheus the configuration comes before the flag, zero
/// means "not given", and a size alone leaves the time without a bound.
pub(crate) fn time(args: &RunArgs, config: &Config) -> Option<Duration> {
    let given = config.storage.retention_time.or(args.retention_time.filter(|time| !time.is_zero()));
    match size_bytes(args, config) {
        Some(_) => given,
        None => Some(given.unwrap_or(DEFAULT_TIME)),
    }
}

fn size_bytes(args: &RunArgs, config: &Config) -> Option<u64> {
    config.storage.retention_size_bytes.or(args.retention_size.filter(|size| *size > 0))
}

/// What the store keeps.
pub(crate) fn retention(args: &RunArgs, config: &Config) -> Retention {
    let rules = config.metrics.retention.iter();
    let rules = rules.map(|rule| KeepRule { selectors: rule.matchers.clone(), keep_ms: millis(rule.keep) });
    Retention {
        time_ms: time(args, config).map_or(i64::MAX, millis),
        size_bytes: size_bytes(args, config),
        rules: rules.collect(),
    }
}

/// The downsampled tiers.
pub(crate) fn tiers(config: &Config) -> Vec<TierOptions> {
    let tiers = config.metrics.downsampling.iter();
    let tier = |tier: &watchfire_scrape::config::metrics::Tier| TierOptions {
        resolution_ms: millis(tier.resolution),
        keep_ms: millis(tier.keep),
    };
    tiers.map(tier).collect()
}

/// How many exemplars are kept.
pub(crate) fn max_exemplars(config: &Config) -> usize {
    let given = config.storage.max_exemplars.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    given.unwrap_or(StoreOptions::default().max_exemplars)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;
    use std::path::Path;
    use watchfire_scrape::Check;

    const DAY_MS: i64 = 86_400_000;

    fn keeps(flags: &[&str], file: &str) -> (i64, Option<u64>) {
        let args = Cli::parse_from(["watchfire"].iter().chain(flags)).run;
        let config = Config::parse(file, Path::new("p.yml"), Check::Full).unwrap();
        let retention = retention(&args, &config);
        (retention.time_ms, retention.size_bytes)
    }

    #[test]
    fn the_file_comes_before_the_flags_and_a_size_alone_lifts_the_time() {
        let time = "--storage.tsdb.retention.time";
        let size = "--storage.tsdb.retention.size";
        assert_eq!(keeps(&[], ""), (30 * DAY_MS, None));
        assert_eq!(keeps(&[time, "1y"], ""), (365 * DAY_MS, None));
        assert_eq!(keeps(&[time, "0"], ""), (30 * DAY_MS, None));
        assert_eq!(keeps(&[size, "1KB"], ""), (i64::MAX, Some(1024)));
        assert_eq!(keeps(&[size, "2EB", time, "0"], ""), (i64::MAX, Some(2 << 60)));
        assert_eq!(keeps(&[size, "0"], ""), (30 * DAY_MS, None));
        assert_eq!(keeps(&[size, "1MB", time, "2d"], ""), (2 * DAY_MS, Some(1 << 20)));
        let file = "storage: {tsdb: {retention: {time: 3d, size: 5B}}}";
        assert_eq!(keeps(&[size, "1MB", time, "2d"], file), (3 * DAY_MS, Some(5)));
        let file = "storage: {tsdb: {retention: {time: 0s, size: 0}}}";
        assert_eq!(keeps(&[time, "2d"], file), (2 * DAY_MS, None));
    }

    #[test]
    fn times_and_sizes_that_make_no_sense_are_told() {
        for flag in [
            "--storage.tsdb.retention.time=-1",
            "--storage.tsdb.retention.time=1",
            "--storage.tsdb.retention.size=-1",
            "--storage.tsdb.retention.size=100",
        ] {
            let told = Cli::try_parse_from(["watchfire", flag]).unwrap_err().to_string();
            assert!(told.contains("like "), "{told}");
        }
    }
}
