use super::*;

fn texts(text: &str) -> Result<Vec<String>, MatcherParseError> {
    Ok(MatcherMode::Fallback.parse(text, "test")?.iter().map(AlertMatcher::to_string).collect())
}

#[test]
fn both_grammars_are_read() {
    for (text, expected) in [
        ("severity=\"critical\"", vec!["severity=\"critical\""]),
        ("severity=critical", vec!["severity=\"critical\""]),
        (" { a = \"b\" , c=~\"d|e\", } ", vec!["a=\"b\"", "c=~\"d|e\""]),
        ("{}", vec![]),
        ("a!=b, c!~\"x.*\"", vec!["a!=\"b\"", "c!~\"x.*\""]),
        ("\"a b\"=\"c\"", vec!["\"a b\"=\"c\""]),
        ("a=\"say \\\"hi\\\"\"", vec!["a=\"say \\\"hi\\\"\""]),
        ("a=~b=c", vec!["a=~\"b=c\""]),
        ("grün=ja", vec!["grün=\"ja\""]),
        ("a=\"\"", vec!["a=\"\""]),
        ("a=~\"x\\.y\\d+\"", vec!["a=~\"x\\\\.y\\\\d+\""]),
        ("", vec![]),
    ] {
        assert_eq!(texts(text).unwrap(), expected, "{text}");
    }
    for text in ["a", "=b", "a=\"b", "a=~\"(\"", "1a=\"b\"c"] {
        assert!(texts(text).is_err(), "{text}");
    }
}

#[test]
fn conditions_hold_on_absent_labels_as_on_empty_ones() {
    let labels = Labels::from_pairs([("a", "x")]);
    let holds = |text: &str| {
        MatcherMode::Fallback.parse(text, "test").unwrap().iter().all(|matcher| matcher.matches(&labels))
    };
    assert!(holds("a=x") && holds("b=\"\"") && holds("b!=\"y\"") && holds("a=~\"x|y\""));
    assert!(!holds("a=~\"xx\"") && !holds("b=~\".+\""));
}

#[test]
fn alertmanagers_own_cases_are_read_as_alertmanager_reads_them() {
    let shared = std::env::var_os("WATCHFIRE_SHARED").map_or_else(
        || std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        std::path::PathBuf::from,
    );
    let path = shared.join("data/alertmanager/derived/matcher-utf8-vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (mut agreed, mut disagreed) = (0, Vec::new());
    for case in vectors["cases"].as_array().unwrap() {
        let input = case["input"].as_str().unwrap();
        // These are of the function that reads exactly one.
        let single = case["test"] == "TestMatcher";
        let expected = case.get("matchers").and_then(|matchers| matchers.as_array()).map(|matchers| {
            let key = |matcher: &serde_json::Value| {
                let word = |index: usize| matcher[index].as_str().unwrap().to_owned();
                (word(1), word(0), word(2))
            };
            matchers.iter().map(key).collect::<Vec<_>>()
        });
        let found =
            utf8::parse(input).ok().filter(|matchers| !single || matchers.len() == 1).map(|matchers| {
                let key = |matcher: &AlertMatcher| {
                    let matcher = &matcher.matcher;
                    (matcher.name.clone(), matcher.op.as_str().to_owned(), matcher.value.clone())
                };
                matchers.iter().map(key).collect::<Vec<_>>()
            });
        // The vectors keep only the first of several matchers.
        let found = match (found, &expected) {
            (Some(mut found), Some(expected)) => {
                found.truncate(expected.len().max(1));
                Some(found)
            }
            (found, _) => found,
        };
        if found == expected {
            agreed += 1;
        } else {
            disagreed.push(format!("{input:?}: expected {expected:?}, found {found:?}"));
        }
    }
    println!("matchers of Alertmanager: {agreed} agree, {} disagree", disagreed.len());
    assert!(disagreed.is_empty(), "{}", disagreed.join("\n"));
}

#[test]
fn each_mode_reads_what_alertmanager_reads_in_it() {
    let texts = |mode: MatcherMode, text: &str| -> Option<Vec<String>> {
        let matchers = mode.parse(text, "test").ok()?;
        Some(
            matchers
                .iter()
                .map(|matcher| format!("{}|{}|{}", matcher.name(), matcher.op().as_str(), matcher.value()))
                .collect(),
        )
    };
    let one = |text: &str| Some(vec![text.to_owned()]);
    for (text, classic, strict, fallback) in [
        // Both agree.
        ("a=b", one("a|=|b"), one("a|=|b"), one("a|=|b")),
        // Only the newer one knows such names.
        ("ü=\"b\"", None, one("ü|=|b"), one("ü|=|b")),
        ("\"a b\"=c", None, one("a b|=|c"), one("a b|=|c")),
        // Only the older one takes these values.
        ("a=b c", one("a|=|b c"), None, one("a|=|b c")),
        ("a={b}", one("a|=|{b"), None, one("a|=|{b")),
        ("{a=b", one("a|=|b"), None, one("a|=|b")),
        ("a=~\"\\d+\"", one("a|=~|\\d+"), None, one("a|=~|\\d+")),
        ("foo:bar=baz", one("foo:bar|=|baz"), one("foo:bar|=|baz"), one("foo:bar|=|baz")),
        // They disagree, and the older one wins.
        ("a=\"\\t\"", one("a|=|\\t"), one("a|=|\t"), one("a|=|\\t")),
        ("a=", one("a|=|"), None, one("a|=|")),
        ("a=\"b\"\"c\"", None, None, None),
        ("a=b\"", None, None, None),
        ("a=b,,c=d", None, None, None),
    ] {
        assert_eq!(texts(MatcherMode::Classic, text), classic, "classic: {text}");
        assert_eq!(texts(MatcherMode::Utf8Strict, text), strict, "strict: {text}");
        assert_eq!(texts(MatcherMode::Fallback, text), fallback, "fallback: {text}");
    }
    assert_eq!(MatcherMode::of_features(["classic-mode"]), MatcherMode::Classic);
}

#[test]
fn what_should_be_one_matcher_may_have_commas_in_its_value() {
    let read = |text: &str| {
        MatcherMode::Fallback.parse_one(text, "test").map(|matchers| super::list_text(&matchers)).ok()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read("a=b,c=d"), some(r#"{a="b,c=d"}"#));
    assert_eq!(read("a=b,,c"), some(r#"{a="b,,c"}"#));
    assert_eq!(read(r#"a="b,c""#), some(r#"{a="b,c"}"#));
    assert_eq!(read(r#"{a="b",c=~"d"}"#), some(r#"{a="b",c=~"d"}"#));
    assert_eq!(read(r#"a="b",c="d""#), some(r#"{a="b",c="d"}"#));
    assert_eq!(read("🔥=x"), some(r#"{🔥="x"}"#));
    for wrong in ["", "{}", "a", "a=\"", "{"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}
