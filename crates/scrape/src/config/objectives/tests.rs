use super::*;
use std::path::Path;

fn parse(text: &str) -> Result<Objectives, String> {
    let told = |problem: Problem| problem.in_file(Path::new("f")).to_string();
    let node = watchfire_settings::yaml::parse(text).map_err(told)?;
    Ok(read(Some(node)).map_err(told)?.unwrap())
}

#[test]
fn the_shipped_rules_are_what_the_defaults_say() {
    let shipped = include_str!("../../../../../content/rules/objectives.yml");
    assert_eq!(Objectives::default().rules(), shipped);
}

#[test]
fn what_no_entry_says_is_as_it_is_without_any() {
    assert_eq!(parse("{}").unwrap(), Objectives::default());
    let own = parse("llm: [{model: 'llama-.*', ttft: 250ms}]\nprobes: [{instance: 'https://a', goal: 0.99}]")
        .unwrap();
    assert_eq!(own.llm.len(), 2);
    assert_eq!(own.llm[0].ttft, Some(Duration::from_millis(250)));
    assert_eq!(own.llm[1], Objectives::default().llm[0]);
    assert_eq!((own.probes[0].goal, own.probes[1].goal), (0.99, 0.999));
}

#[test]
fn the_first_entry_that_matches_and_says_it_is_asked_first() {
    let own = parse("llm:\n- {model: 'a\"\\d', ttft: 2s}\n- {job: b, goal: 0.9, e2e: 30s}").unwrap();
    let rules = own.rules();
    assert!(
        rules.contains(
            "group by (job, instance, model_name) (llm:ttft_seconds_bucket:rate5m{model_name=~\"a\\\"\\\\d\"}) * 2\n          \
             or group by (job, instance, model_name) (llm:ttft_seconds_bucket:rate5m) * 1\n"
        ),
        "{rules}"
    );
    assert!(
        rules.contains("(histogram_fraction(0, 30, llm:e2e_seconds_bucket:rate5m{job=~\"b\"}))"),
        "{rules}"
    );
    assert!(rules.contains(
        "llm:objective:seconds{job=~\"b\"} * 0 + 0.9\n          or llm:objective:seconds * 0 + 0.99\n"
    ));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        ("llm: [{ttft: 0s}]", "f:1:14: ttft is 0"),
        ("llm: [{ttft: soon}]", "f:1:14: ttft is"),
        ("llm: [{model: '('}]", "f:1:15: model \"(\" is no regular expression"),
        ("llm: [{goal: 99.9}]", "goal is 99.9; expected a share from 0.5 to less than 1"),
        ("probes: [{instance: a}]", "goal is missing"),
        ("probes: [{model: a, goal: 0.9}]", "unknown key \"model\""),
        ("web: []", "unknown key \"web\" in objectives"),
    ] {
        let told = parse(text).unwrap_err();
        assert!(told.contains(expected), "{told}");
    }
}
