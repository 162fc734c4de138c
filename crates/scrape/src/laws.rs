//! Laws that hold for whatever a stranger may write.

use crate::config::{Check, Config, glob, units, yaml};
use crate::runner::schedule::Schedule;
use crate::series::SeriesState;
use crate::testing::one_job;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;
use watchfire_model::Labels;
use watchfire_wire::exposition::Format;

/// Text that looks like a configuration often enough to get deep into the reader.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("scrape_configs:".to_owned()),
        Just("global:".to_owned()),
        Just("- job_name: a".to_owned()),
        Just("relabel_configs:".to_owned()),
        Just("- {regex: '(.*)', target_label: '$1'}".to_owned()),
        Just("static_configs: [{targets: ['a:1']}]".to_owned()),
        Just("scrape_interval: 15s".to_owned()),
        Just("kubernetes_sd_configs: [{role: pod, selectors: [{role: pod}]}]".to_owned()),
        Just("tls_config: {ca_file: x}".to_owned()),
        Just("*a".to_owned()),
        Just("&a [*a]".to_owned()),
        "[ -~\n\t]{0,20}",
        "\\PC{0,10}",
    ];
    prop::collection::vec((0_usize..6, word), 0..12).prop_map(|lines| {
        lines.iter().map(|(indent, word)| format!("{}{word}\n", " ".repeat(*indent))).collect()
    })
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_one_line_with_a_place(text in nearly_yaml()) {
        match Config::parse(&text, Path::new("p.yml"), Check::Syntax) {
            Ok(config) => {
                let again = Config::parse(config.to_yaml(), Path::new("p.yml"), Check::Syntax);
                prop_assert!(again.is_ok(), "{:?}\n{}", again, config.to_yaml());
            }
            Err(fault) => {
                prop_assert!(fault.place.line >= 1 && fault.place.column >= 1);
                prop_assert!(!fault.to_string().contains('\n'), "{}", fault);
            }
        }
    }

    #[test]
    fn a_quoted_text_reads_back_whatever_it_holds(text in "\\PC{0,40}") {
        let source = serde_json::to_string(&text).unwrap();
        let node = yaml::parse(&format!("a: {source}")).unwrap();
        let yaml::Value::Map(entries) = node.value else { panic!("a mapping") };
        let yaml::Value::Scalar(read, _) = &entries[0].1.value else { panic!("a scalar") };
        prop_assert_eq!(read, &text);
    }

    #[test]
    fn sizes_are_read_or_refused(text in "[0-9.]{0,24}[KMGTPEiB]{0,3}") {
        if let Some(bytes) = units::parse_size(&text) {
            prop_assert!(bytes <= i64::MAX as u64);
        }
    }

    #[test]
    fn globs_agree_with_regular_expressions(pattern in "[ab*?]{0,8}", name in "[ab]{1,8}") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(&name), "").unwrap();
        let regex = format!("^{}$", pattern.replace('*', ".*").replace('?', "."));
        let found = !glob::expand(&folder.path().join(&pattern)).is_empty();
        let expected = !pattern.is_empty() && regex::Regex::new(&regex).unwrap().is_match(&name);
        prop_assert!(pattern.is_empty() || found == expected, "{} {}", pattern, name);
    }

    #[test]
    fn a_schedule_never_goes_back_nor_stalls(
        start in 0_i64..10_000_000,
        interval in 1_u64..100_000,
        offset in 0_u64..200_000,
        lateness in prop::collection::vec(0_i64..250_000, 1..50),
    ) {
        let interval_ms = i64::try_from(interval).unwrap();
        let mut now = start;
        let mut schedule = Schedule::start(now, Duration::from_millis(interval), Duration::from_millis(offset));
        let mut last = i64::MIN;
        for late in lateness {
            let wait = i64::try_from(schedule.wait(now).as_millis()).unwrap();
            prop_assert!(wait <= interval_ms);
            now += wait + late;
            let tick = schedule.tick(now);
            prop_assert!(tick.timestamp_ms > last || (late == 0 && wait == 0), "{} after {}", tick.timestamp_ms, last);
            prop_assert!(tick.timestamp_ms <= now && now - tick.timestamp_ms <= 2);
            last = tick.timestamp_ms;
        }
    }

    #[test]
    fn every_series_that_lived_is_alive_or_ended(bodies in prop::collection::vec(prop::collection::vec(0_u8..8, 0..8), 1..12)) {
        let config = one_job("", "h:1").scrape_configs.remove(0);
        let mutator = crate::series::Mutator::new(config, Labels::from_pairs([("job", "j")]));
        let mut state = SeriesState::default();
        let mut alive = std::collections::BTreeSet::new();
        for (index, body) in bodies.iter().enumerate() {
            let broken = body.contains(&7);
            let text: String = body.iter().map(|n| if *n == 7 { "{\n".to_owned() } else { format!("m{n} 1\n") }).collect();
            let outcome = state.ingest(text.as_bytes(), Ok(Format::Text), index as i64, &mutator);
            prop_assert_eq!(outcome.error.is_some(), broken);
            for row in &outcome.rows {
                let name = row.series.metric_name().to_owned();
                if row.value.is_stale() {
                    prop_assert!(alive.remove(&name), "{} ended without having lived", name);
                } else {
                    alive.insert(name);
                }
            }
            let wanted: std::collections::BTreeSet<String> =
                if broken { Default::default() } else { body.iter().map(|n| format!("m{n}")).collect() };
            prop_assert_eq!(&alive, &wanted);
        }
    }
}
