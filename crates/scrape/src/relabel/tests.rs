use super::*;
use crate::config::yaml::{Value, parse};
use watchfire_model::Labels;

fn rules(yaml: &str) -> Vec<Rule> {
    let Value::List(items) = parse(yaml).unwrap().value else { panic!("a list") };
    read_rules(items, NameScheme::Utf8).unwrap()
}

fn run(yaml: &str, labels: &[(&str, &str)]) -> Option<Labels> {
    let mut builder = Labels::from_pairs(labels.iter().copied()).to_builder();
    match apply(&rules(yaml), &mut builder) {
        Verdict::Keep => Some(builder.build()),
        Verdict::Drop => None,
    }
}

fn check(yaml: &str, before: &[(&str, &str)], after: Option<&[(&str, &str)]>) {
    let expected = after.map(|pairs| Labels::from_pairs(pairs.iter().copied()));
    assert_eq!(run(yaml, before), expected, "{yaml}");
}

#[test]
fn replace_expands_captures_and_is_anchored() {
    let before: &[(&str, &str)] = &[("a", "foo"), ("b", "bar"), ("c", "baz")];
    check(
        "[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch$1'}]",
        before,
        Some(&[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-choo")]),
    );
    check(
        "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}, \
          {source_labels: [c, a], regex: '(b).*b(.*)ba(.*)', target_label: d, replacement: '$1$2$2$3'}]",
        before,
        Some(&[("a", "boobam"), ("b", "bar"), ("c", "baz"), ("d", "boooom")]),
    );
    check("[{source_labels: [a], regex: o, target_label: d, replacement: x}]", before, Some(before));
}

#[test]
fn an_empty_result_removes_the_target_label() {
    check(
        "[{source_labels: [a], regex: '.*', target_label: a, replacement: ''}]",
        &[("a", "x"), ("b", "y")],
        Some(&[("b", "y")]),
    );
    check("[{source_labels: [a], target_label: b}]", &[("b", "y")], Some(&[]));
}

#[test]
fn the_target_label_may_be_a_template_and_an_empty_one_changes_nothing() {
    check(
        "[{source_labels: [a], regex: '([^=]+)=(.*)', target_label: 'x_${1}', replacement: '$2'}]",
        &[("a", "k=v")],
        Some(&[("a", "k=v"), ("x_k", "v")]),
    );
    check(
        "[{source_labels: [a], regex: 'k(x?)', target_label: '$1', replacement: z}]",
        &[("a", "k")],
        Some(&[("a", "k")]),
    );
}

#[test]
fn dollar_signs_read_as_in_go() {
    let with = |replacement: &str| {
        let yaml = format!(
            "[{{source_labels: [a], regex: '(?P<word>.*)', target_label: b, replacement: '{replacement}'}}]"
        );
        run(&yaml, &[("a", "v")]).unwrap().get("b").map(str::to_owned)
    };
    assert_eq!(with("$1").as_deref(), Some("v"));
    assert_eq!(with("$word").as_deref(), Some("v"));
    assert_eq!(with("${word}x").as_deref(), Some("vx"));
    assert_eq!(with("$1x"), None, "a reference takes the longest word");
    assert_eq!(with("$9."), Some(".".to_owned()));
    assert_eq!(with("$$1").as_deref(), Some("$1"));
    assert_eq!(with("a$").as_deref(), Some("a$"));
    assert_eq!(with("${").as_deref(), Some("${"));
    assert_eq!(with("${a b}").as_deref(), Some("${a b}"));
}

#[test]
fn keep_and_drop_and_their_equal_forms_decide() {
    let before: &[(&str, &str)] = &[("a", "foo"), ("b", "foo"), ("c", "bar")];
    check("[{source_labels: [a], regex: fo+, action: keep}]", before, Some(before));
    check("[{source_labels: [a], regex: fo, action: keep}]", before, None);
    check("[{source_labels: [a], regex: fo+, action: drop}]", before, None);
    check("[{source_labels: [a], regex: fo, action: drop}]", before, Some(before));
    check("[{source_labels: [a], target_label: b, action: keepequal}]", before, Some(before));
    check("[{source_labels: [a], target_label: c, action: keepequal}]", before, None);
    check("[{source_labels: [a], target_label: b, action: dropequal}]", before, None);
    check("[{source_labels: [a], target_label: c, action: DropEqual}]", before, Some(before));
}

#[test]
fn hashmod_is_the_low_half_of_md5() {
    check(
        "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
        &[("c", "baz")],
        Some(&[("c", "baz"), ("d", "976")]),
    );
    check(
        "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
        &[("c", "foo\nbar")],
        Some(&[("c", "foo\nbar"), ("d", "734")]),
    );
}

#[test]
fn labels_are_mapped_dropped_and_kept_by_name() {
    check(
        "[{regex: '__meta_(ws.*)', action: labelmap, replacement: 'bar_${1}'}]",
        &[("a", "x"), ("__meta_ws_a", "1"), ("__meta_x", "2")],
        Some(&[("a", "x"), ("__meta_ws_a", "1"), ("__meta_x", "2"), ("bar_ws_a", "1")]),
    );
    check("[{regex: '__meta_.*', action: labeldrop}]", &[("a", "x"), ("__meta_b", "1")], Some(&[("a", "x")]));
    check(
        "[{regex: 'a|c', action: labelkeep}]",
        &[("a", "1"), ("b", "2"), ("c", "3")],
        Some(&[("a", "1"), ("c", "3")]),
    );
}

#[test]
fn case_is_changed() {
    check(
        "[{source_labels: [a], target_label: u, action: uppercase}, {source_labels: [a], target_label: l, action: lowercase}]",
        &[("a", "bAr123Foo")],
        Some(&[("a", "bAr123Foo"), ("u", "BAR123FOO"), ("l", "bar123foo")]),
    );
}

#[test]
fn rules_that_prometheus_refuses_are_refused() {
    for yaml in [
        "[{source_labels: [a]}]",
        "[{action: hashmod, source_labels: [a], target_label: b}]",
        "[{action: labeldrop, source_labels: [a]}]",
        "[{action: keepequal, source_labels: [a], target_label: b, regex: c}]",
        "[{action: lowercase, source_labels: [a], target_label: b, replacement: c}]",
        "[{action: nothing}]",
        "[{regex: '(', target_label: a}]",
        "[{source_label: [a], target_label: b}]",
        "[~]",
    ] {
        let Value::List(items) = parse(yaml).unwrap().value else { panic!("a list") };
        let problem = read_rules(items, NameScheme::Utf8).unwrap_err();
        assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{yaml}");
    }
}
