use super::*;
use proptest::prelude::*;

#[test]
fn labels_are_sorted_and_empty_values_vanish() {
    let labels = Labels::from_pairs([("job", "a"), ("__name__", "up"), ("gone", ""), ("job", "b")]);
    assert_eq!(labels.iter().collect::<Vec<_>>(), [("__name__", "up"), ("job", "b")]);
    assert_eq!(labels.get("job"), Some("b"));
    assert_eq!(labels.get("gone"), None);
    assert_eq!(labels.to_string(), "up{job=\"b\"}");
    assert_eq!(labels.without_name().to_string(), "{job=\"b\"}");
}

#[test]
fn a_name_that_needs_quotes_gets_them() {
    assert_eq!(Labels::from_pairs([("__name__", "a.b"), ("c.d", "e")]).to_string(), r#"{"a.b", "c.d"="e"}"#);
    assert_eq!(Labels::from_pairs([("__name__", "up")]).to_string(), "up");
    assert_eq!(Labels::empty().to_string(), "{}");
}

#[test]
fn bytes_that_are_no_text_are_named_with_their_label() {
    let problem = |name: &[u8], value: &[u8]| {
        let mut packed = Vec::new();
        push_raw_label(&mut packed, name, value);
        (Labels::from_raw(&packed).unwrap_err().to_string(), RawLabels(&packed).to_string())
    };
    let (told, shown) = problem(b"path", b"a\xffb");
    assert_eq!(told, "the value of the label \"path\" is not UTF-8 text");
    assert_eq!(shown, "{path=\"a\u{fffd}b\"}");
    assert_eq!(problem(b"p\xff", b"").0, "the label name \"p\u{fffd}\" is not UTF-8 text");
    let long = problem(&[b'n'; 5000], b"\xff").1;
    assert!(long.len() < 300 && long.contains('…'), "{long}");
}

#[test]
fn labels_above_a_limit_are_told_with_the_limit() {
    let limits = LabelLimits { label_limit: 2, label_name_length_limit: 3, label_value_length_limit: 4 };
    let check = |pairs: &[(&str, &str)]| {
        let labels = Labels::from_pairs(pairs.iter().copied());
        limits.check(labels.as_bytes()).map_err(|problem| {
            assert!(problem.is_limit());
            problem.to_string()
        })
    };
    assert_eq!(check(&[("abc", "1234"), ("d", "1")]), Ok(()));
    assert_eq!(
        check(&[("a", "1"), ("b", "1"), ("c", "1")]).unwrap_err(),
        "3 labels are more than label_limit, 2"
    );
    assert_eq!(
        check(&[("abcd", "1")]).unwrap_err(),
        "the label name \"abcd\" of 4 bytes is longer than label_name_length_limit, 3"
    );
    assert_eq!(
        check(&[("a", "12345")]).unwrap_err(),
        "the value of the label \"a\" of 5 bytes is longer than label_value_length_limit, 4"
    );
    let none = LabelLimits { label_limit: 0, label_name_length_limit: 0, label_value_length_limit: 0 };
    assert_eq!(none.check(Labels::from_pairs([("abcd", "12345")]).as_bytes()), Ok(()));
}

#[test]
fn some_labels_pack_as_those_alone_do() {
    let labels = Labels::from_pairs([("__name__", "up"), ("instance", &"x".repeat(300)), ("job", "a")]);
    for kept in [&[][..], &["job"], &["__name__", "instance"], &["instance", "job", "none"]] {
        let mut packed = Vec::new();
        labels.pack_those(&mut packed, |name| kept.contains(&name));
        assert_eq!(packed, labels.without(|name| !kept.contains(&name)).as_bytes());
    }
}

proptest! {
    #[test]
    fn packed_labels_read_back(pairs in proptest::collection::vec(("[a-z]{1,8}", ".{0,200}"), 0..8)) {
        let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        prop_assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
    }

    #[test]
    fn sent_labels_become_the_set_they_are_or_a_problem_that_is_named(
        pairs in proptest::collection::vec(("[a-d]{0,2}", "[xy]{0,2}"), 0..6)
    ) {
        let mut packed = Vec::new();
        for (name, value) in &pairs {
            push_label(&mut packed, name, value);
        }
        let names: std::collections::HashSet<&String> = pairs.iter().map(|(name, _)| name).collect();
        match Labels::from_raw(&packed) {
            Ok(labels) => {
                let expected = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                prop_assert_eq!(labels, expected);
                prop_assert_eq!(names.len(), pairs.len());
            }
            Err(LabelProblem::EmptyName) => prop_assert!(names.contains(&String::new())),
            Err(LabelProblem::Twice(name)) => prop_assert!(pairs.iter().filter(|pair| pair.0 == name).count() > 1),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = (Labels::from_raw(&bytes), RawLabels(&bytes).to_string());
        if let Some(labels) = Labels::from_bytes(&bytes) {
            prop_assert!(labels.iter().all(|(_, value)| !value.is_empty()));
        }
    }
}
