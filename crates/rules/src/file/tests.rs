use super::*;

fn parse(text: &str) -> Result<RuleFile, Vec<String>> {
    RuleFile::parse("r.yml", text, ReadOptions::default())
        .map_err(|errors| errors.iter().map(FileError::to_string).collect())
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().join("\n")
}

#[test]
fn a_rule_file_is_read_as_prometheus_reads_it() {
    let file = parse(
        r#"
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: x, tier: web}
  rules:
  - alert: Down
    expr: |
      up
        == 0
    for: 1m
    keep_firing_for: 5m
    labels: {tier: "{{ $labels.tier }}"}
    annotations:
      summary: "{{ $labels.instance }} is down"
      empty:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {a: b}
- name: empty
"#,
    )
    .unwrap();
    assert_eq!((file.groups.len(), file.rule_count()), (2, 2));
    let group = &file.groups[0];
    assert_eq!(group.interval, Some(Duration::from_secs(30)));
    assert_eq!((group.query_offset, group.limit), (Some(Duration::from_secs(60)), 5));
    let Rule::Alerting(alert) = &group.rules[0] else { panic!("not an alert") };
    assert_eq!(alert.expr.text, "up == 0");
    assert_eq!((alert.hold.as_secs(), alert.keep_firing_for.as_secs()), (60, 300));
    assert_eq!(alert.labels["tier"], "{{ $labels.tier }}");
    assert_eq!(alert.labels["team"], "x");
    assert_eq!(alert.annotations["empty"], "");
    let Rule::Recording(record) = &group.rules[1] else { panic!("not a recording") };
    assert_eq!(record.labels.to_string(), "{a=\"b\", team=\"x\", tier=\"web\"}");
    assert_eq!(record.id, "r.yml;g;job:up:sum;{a=\"b\",team=\"x\",tier=\"web\"}");
}

#[test]
fn an_empty_file_has_no_groups() {
    for text in ["", "# nothing\n", "groups:\n", "groups: []\n"] {
        assert_eq!(parse(text).unwrap().groups.len(), 0, "{text}");
    }
}

#[test]
fn what_is_wrong_is_told_on_one_line_with_its_place() {
    let rules = |rule: &str| format!("groups:\n- name: gpu\n  rules:\n{rule}");
    for (text, place, words) in [
        (
            rules("  - alert: Hot\n    expr: |\n      sum(\n        rat(x[5m])) > 1\n"),
            "r.yml:7:9: group \"gpu\": alert \"Hot\": could not parse expression: ",
            "unknown function",
        ),
        (rules("  - alert: Hot\n    expr: up ==\n"), "r.yml:5:1", "unexpected end of input"),
        (rules("  - alert: Hot\n    expr: ''\n"), "r.yml:4:12: ", "field 'expr' must be set in rule"),
        (rules("  - expr: '1'\n"), "r.yml:4:11: ", "one of 'record' or 'alert' must be set"),
        (
            rules("  - {alert: A, record: b, expr: '1'}\n"),
            "r.yml:4:24: ",
            "only one of 'record' and 'alert' must be set",
        ),
        (
            rules("  - {record: b, expr: '1', for: 1m}\n"),
            "r.yml:4:14: ",
            "invalid field 'for' in recording rule",
        ),
        (
            rules("  - {alert: A, expr: '1', for: soon}\n"),
            "r.yml:4:32: ",
            "not a valid duration string: \"soon\"",
        ),
        (rules("  - {alert: A, expr: '1', annotation: {}}\n"), "r.yml:4:27: ", "annotation"),
        (rules("  - {alert: A, expr: '1', labels: {__name__: x}}\n"), "r.yml:4:46: ", "invalid label name"),
        (
            rules("  - alert: A\n    expr: '1'\n    annotations:\n      s: \"{{ $label.x }}\"\n"),
            "r.yml:7:14: group \"gpu\": alert \"A\": annotation \"s\": ",
            "undefined variable \"$label\"",
        ),
        (
            "groups: [{name: a}, {name: a}]\n".to_owned(),
            "r.yml:1:28: ",
            "groupname: \"a\" is repeated in the same file",
        ),
        ("groups: [{name: ''}]\n".to_owned(), "r.yml:1:17: ", "Groupname must not be empty"),
        ("groups:\n  - name: [\n".to_owned(), "r.yml:", ""),
    ] {
        let found = error(&text);
        assert!(found.starts_with(place), "{text}\n{found}");
        assert!(found.contains(words), "{text}\n{found}");
        assert!(!found.contains('\n'), "{found}");
    }
}

#[test]
fn a_slip_in_a_functions_name_is_mended() {
    let found = error("groups: [{name: g, rules: [{alert: A, expr: 'rat(x[5m])'}]}]\n");
    assert!(found.ends_with("did you mean \"rate\"?"), "{found}");
}

#[test]
fn unknown_fields_are_refused_unless_asked_otherwise() {
    let text = "groups: [{name: g, owner: {x: y}, rules: []}]\n";
    assert!(error(text).contains("owner"));
    let options = ReadOptions { ignore_unknown_fields: true, ..ReadOptions::default() };
    assert!(RuleFile::parse("r.yml", text, options).is_ok());
}

#[test]
fn prometheus_own_good_and_bad_files_are_told_apart() {
    let shared = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/prometheus/rulefmt");
    let Ok(listing) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let mut cases = 0;
    for entry in listing {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Bad only under the legacy naming scheme, which Prometheus 3 does not use by default.
        let good = !name.contains(".bad.") || name.starts_with("legacy_validation");
        let result = RuleFile::load(&path, ReadOptions::default());
        assert_eq!(result.is_ok(), good, "{name}: {result:?}");
        if let Err(errors) = result {
            assert!(errors[0].place.line > 0, "{name}: {errors:?}");
        }
        cases += 1;
    }
    println!("{cases} rule files of Prometheus");
    assert!(cases >= 16);
}

#[test]
fn patterns_name_files_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yml", "b.yml", "c.txt", "d1.rules"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let names = |patterns: &[&str]| -> Vec<String> {
        let patterns: Vec<PathBuf> = patterns.iter().map(|pattern| folder.path().join(pattern)).collect();
        let files = files_of(&patterns).unwrap();
        files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(&["*.yml", "a.yml"]), ["a.yml", "b.yml"]);
    assert_eq!(names(&["d[0-9].rules", "missing.yml", "none/*.yml"]), ["d1.rules", "missing.yml"]);
}
