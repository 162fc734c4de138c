use super::*;
use crate::file::{ReadOptions, Rule, RuleFile};
use watchfire_model::SampleValue;
use watchfire_promql::engine::EngineOptions;
use watchfire_promql::testing::MemorySource;

const RULES: &str = "
groups:
- name: g
  interval: 30s
  rules:
  - alert: Hot
    expr: temperature > 80
    for: 1m
    keep_firing_for: 1m
    labels: {value: '{{ $value }}', team: a}
";

fn replay() -> Replay {
    let file =
        RuleFile::parse("r.yml", &RULES.replace("value: '{{ $value }}', ", ""), ReadOptions::default())
            .unwrap();
    let group = &file.groups[0];
    let Rule::Alerting(rule) = &group.rules[0] else { panic!("no alert") };
    let settings =
        Settings { external_labels: Labels::from_pairs([("region", "north")]), ..Settings::default() };
    let engine = Engine::new(EngineOptions::default());
    Replay::new(("r.yml", group), rule, &settings, (engine, Arc::new(MemorySource::default())), 1_000_000)
}

fn hot(value: f64, at_ms: i64) -> Vec<VectorSample> {
    let labels = Labels::from_pairs([("__name__", "temperature"), ("gpu", "0")]);
    vec![VectorSample { labels, timestamp_ms: at_ms, value: SampleValue::Float(value) }]
}

#[test]
fn a_rule_is_replayed_at_the_times_and_with_the_states_of_production() {
    let mut replay = replay();
    let timing = replay.timing();
    assert_eq!(timing.interval_ms, 30_000);
    assert!((1_000_000..1_030_000).contains(&timing.first_ms));
    let at = |step: i64| timing.first_ms + step * 30_000;
    assert!(replay.step(at(0), Ok(Vec::new())).is_none(), "nothing was and is");
    let mut lives = Vec::new();
    let mut states = Vec::new();
    for (step, value) in [81.0, 95.0, 90.0, 0.0, 0.0, 0.0, 0.0, 82.0].into_iter().enumerate() {
        let step = i64::try_from(step).unwrap() + 1;
        let samples = if value > 80.0 { hot(value, at(step)) } else { Vec::new() };
        if let Some((evaluation, ended)) = replay.step(at(step), Ok(samples)) {
            states.extend(evaluation.instances.iter().map(|instance| instance.state));
            lives.extend(ended);
        }
    }
    use AlertState::{Firing, Inactive, Pending};
    assert_eq!(states, [Pending, Pending, Firing, Firing, Firing, Inactive, Inactive, Pending]);
    assert_eq!(
        lives,
        [Life {
            labels: Labels::from_pairs([
                ("alertname", "Hot"),
                ("gpu", "0"),
                ("region", "north"),
                ("team", "a")
            ]),
            active_ms: at(1),
            fired_ms: Some(at(3)),
            ended_ms: Some(at(6)),
            value: 90.0,
            peak: 95.0,
        }]
    );
    let left = replay.finish();
    assert_eq!((left.len(), left[0].fired_ms, left[0].ended_ms), (1, None, None));
    assert_eq!(replay.error(), None);
}

mod whole;
