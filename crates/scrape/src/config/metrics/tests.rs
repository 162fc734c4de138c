use super::{MemoryLimit, StoreLimits};
use crate::{Check, Config};
use std::path::Path;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("p.yml"), Check::Full).map_err(|fault| fault.to_string())
}

#[test]
fn the_section_says_how_long_series_and_their_coarser_copies_are_kept() {
    let config = parse(
        "metrics:\n  retention:\n  - matchers: ['{job=\"debug\"}', 'go_gc{env=~\"dev|test\"}']\n    keep: 3d\n  - {matchers: ['up'], keep: 1y}\n  \
         downsampling: [{resolution: 5m, keep: 30d}, {resolution: 1h, keep: 1y}]\n  limits: {}\n",
    )
    .unwrap()
    .metrics;
    let [debug, up] = config.retention.as_slice() else { panic!("two rules") };
    assert_eq!((debug.matchers.len(), debug.keep), (2, 3 * DAY));
    assert_eq!(debug.matchers[1].iter().map(|matcher| matcher.name.as_str()).collect::<Vec<_>>().len(), 2);
    assert_eq!(up.keep, 365 * DAY);
    let tiers: Vec<_> =
        config.downsampling.iter().map(|tier| (tier.resolution.as_secs(), tier.keep)).collect();
    assert_eq!(tiers, [(300, 30 * DAY), (3600, 365 * DAY)]);
    assert!(config.check_tiers(Some(7 * DAY)).is_ok());
    assert!(config.check_tiers(Some(30 * DAY)).is_err());
    assert!(config.check_tiers(None).is_err());
}

#[test]
fn every_fault_of_the_section_is_one_line_with_its_place() {
    for (text, expected) in [
        (
            "metrics: {retentions: []}",
            "p.yml:1:11: unknown key \"retentions\" in metrics configuration; did you mean \"retention\"?",
        ),
        (
            "metrics:\n  retention:\n  - keep: 3d",
            "p.yml:3:5: matchers is missing in retention rule; expected a list of selectors",
        ),
        (
            "metrics:\n  retention:\n  - matchers: [up]",
            "p.yml:3:5: keep is missing; expected a duration such as \"30d\" or \"1y\"",
        ),
        (
            "metrics:\n  retention:\n  - matchers: [up]\n    keep: 0s",
            "p.yml:4:11: keep is zero; expected a longer time",
        ),
        (
            "metrics:\n  downsampling:\n  - {resolution: 1500ms, keep: 1d}",
            "p.yml:3:18: resolution is not a whole number of seconds",
        ),
        (
            "metrics:\n  downsampling:\n  - {resolution: 7m, keep: 1d}",
            "p.yml:3:18: resolution is 7m; expected a length that divides a day, such as 5m or 1h",
        ),
        (
            "metrics:\n  downsampling:\n  - {resolution: 5m, keep: 1d}\n  - {resolution: 8m, keep: 2d}",
            "p.yml:4:18: resolution is 8m; expected a multiple of 5m, the resolution before it",
        ),
        (
            "metrics:\n  downsampling:\n  - {resolution: 5m, keep: 2d}\n  - {resolution: 10m, keep: 2d}",
            "p.yml:4:29: keep is 2d; expected more than 2d, for which the finer resolution 5m is kept",
        ),
        (
            "storage: {tsdb: {retention: {time: 30d}}}\nmetrics:\n  downsampling: [{resolution: 5m, keep: 30d}]",
            "p.yml:3:41: keep is 30d while samples themselves are kept 30d; expected a longer time",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), expected);
    }
    let selector = parse("metrics:\n  retention:\n  - matchers: ['{job=debug}']\n    keep: 3d").unwrap_err();
    assert!(selector.starts_with("p.yml:3:16: \"{job=debug}\" is no selector: "), "{selector}");
    assert!(!selector.contains('\n'), "{selector}");
    let limits = parse("metrics: {limits: {x: 1}}").unwrap_err();
    assert!(limits.starts_with("p.yml:1:20: unknown key \"x\" in metric store's limits"), "{limits}");
}

#[test]
fn limits_are_counts_and_memory_is_a_size_or_a_share() {
    let limits =
        |text: &str| parse(&format!("metrics: {{limits: {{{text}}}}}")).map(|config| config.metrics.limits);
    let all = limits(
        "memory: 4GB, series: 1000, series_per_target: 0, series_per_job: 30, series_per_tenant: 40, tenant_label: team, \
         label_limit: 50, label_name_length_limit: 0, label_value_length_limit: 70",
    );
    let expected = StoreLimits {
        memory: Some(MemoryLimit::Bytes(4 << 30)),
        series: Some(1000),
        series_per_target: Some(0),
        series_per_job: Some(30),
        series_per_tenant: Some(40),
        tenant_label: Some("team".to_owned()),
        label_limit: Some(50),
        label_name_length_limit: Some(0),
        label_value_length_limit: Some(70),
    };
    assert_eq!(all, Ok(expected));
    assert_eq!(limits("memory: 62.5%").unwrap().memory, Some(MemoryLimit::Percent(62.5)));
    assert_eq!(limits("memory: 0").unwrap().memory, Some(MemoryLimit::Bytes(0)));
    for wrong in ["101%", "0%", "-1%", "inf%", "1e1%", "60 %", "4", "much"] {
        let fault = limits(&format!("memory: {wrong:?}")).unwrap_err();
        assert!(fault.contains("expected a size such as \"4GB\" or a share such as \"60%\""), "{fault}");
    }
    assert!(limits("series: many").unwrap_err().contains("series is \"many\"; expected a whole number"));
    let fault = limits("label_limit: -1").unwrap_err();
    assert!(fault.contains("label_limit is \"-1\"; expected a whole number"), "{fault}");
    assert!(limits("tenant_label: ''").unwrap_err().contains("tenant_label is empty"));
}
