use super::*;
use crate::config::{Check, Config};
use std::path::Path;

fn job(yaml: &str) -> std::sync::Arc<ScrapeConfig> {
    let text = format!("scrape_configs:\n- {}\n", yaml.replace('\n', "\n  "));
    Config::parse(&text, Path::new("test.yml"), Check::Full).unwrap().scrape_configs.remove(0)
}

fn resolve_job(yaml: &str) -> Resolved {
    let config = job(yaml);
    resolve(&config, &config.discovery.static_groups)
}

#[test]
fn a_target_gets_job_and_instance_and_loses_what_is_hidden() {
    let resolved =
        resolve_job("job_name: j\nstatic_configs: [{targets: ['h:1'], labels: {a: b, __meta_x: y, __z: q}}]");
    let target = &resolved.targets[0];
    assert_eq!(target.labels, Labels::from_pairs([("job", "j"), ("instance", "h:1"), ("a", "b")]));
    assert_eq!(target.url, "http://h:1/metrics");
    assert_eq!(target.discovered.get("__meta_x"), Some("y"));
    assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
    assert_eq!((target.interval, target.timeout), (Duration::from_secs(60), Duration::from_secs(10)));
}

#[test]
fn rules_may_rewrite_everything_about_a_target() {
    let resolved = resolve_job(
        "job_name: j
scheme: https
metrics_path: /m
params: {p: [one, two], q: [z]}
static_configs: [{targets: ['h:1']}]
relabel_configs:
- {target_label: __address__, replacement: 'other:2'}
- {target_label: __scrape_interval__, replacement: 15s}
- {target_label: __param_p, replacement: 'a b'}
- {target_label: __metrics_path__, replacement: /probe}
- {target_label: instance, replacement: name}",
    );
    let target = &resolved.targets[0];
    assert_eq!(target.url, "https://other:2/probe?p=a+b&p=two&q=z");
    assert_eq!(target.labels.get("instance"), Some("name"));
    assert_eq!(target.interval, Duration::from_secs(15));
}

#[test]
fn dropped_targets_are_remembered_and_duplicates_are_one() {
    let resolved = resolve_job(
        "job_name: j
static_configs: [{targets: ['a:1', 'b:1', 'a:1']}]
relabel_configs: [{source_labels: [__address__], regex: 'b.*', action: drop}]",
    );
    assert_eq!(resolved.targets.len(), 1);
    assert_eq!((resolved.dropped.len(), resolved.dropped_count), (1, 1));
    assert_eq!(resolved.dropped[0].discovered.get(ADDRESS), Some("b:1"));
}

#[test]
fn a_target_that_cannot_be_made_is_an_error() {
    for rule in [
        "{target_label: __address__, replacement: ''}",
        "{target_label: __address__, replacement: 'a/b'}",
        "{target_label: __scrape_interval__, replacement: soon}",
        "{target_label: __scrape_interval__, replacement: '0'}",
        "{target_label: __scrape_timeout__, replacement: 5m}",
        "{target_label: __scheme__, replacement: ftp}",
    ] {
        let yaml = format!("job_name: j\nstatic_configs: [{{targets: ['h:1']}}]\nrelabel_configs: [{rule}]");
        let resolved = resolve_job(&yaml);
        assert_eq!((resolved.targets.len(), resolved.errors.len()), (0, 1), "{rule}");
    }
}

#[test]
fn offsets_spread_over_the_interval_and_do_not_change() {
    let interval = Duration::from_secs(15);
    let mut per_third = [0; 3];
    for index in 0..300 {
        let key = TargetKey { labels: Labels::empty(), url: format!("http://h:{index}") };
        let offset = key.offset(interval, 7);
        assert_eq!(offset, key.offset(interval, 7));
        per_third[(offset.as_secs() / 5) as usize] += 1;
    }
    assert!(per_third.iter().all(|count| *count > 60), "{per_third:?}");
}
