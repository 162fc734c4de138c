//! Texts and places of errors.

use crate::parser::{MAX_HEIGHT, MAX_NESTING, MAX_QUERY_BYTES, ParseOptions, parse, parse_bytes};

fn error(query: &str) -> crate::ParseError {
    match parse(query, ParseOptions::default()) {
        Ok(expr) => panic!("{query}: read as {expr}"),
        Err(error) => error,
    }
}

#[test]
fn errors_speak_and_point_as_prometheus_does() {
    for (query, expected) in [
        ("", "unknown position: parse error: no expression found in input"),
        ("# only\n", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("foo\n  + )", "2:6: parse error: unexpected right parenthesis ')'"),
        ("(foo", "1:5: parse error: unclosed left parenthesis"),
        ("sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"),
        (
            "sum by foo (bar)",
            "1:8: parse error: unexpected identifier \"foo\" in grouping opts, expected \"(\"",
        ),
        ("rat(foo[5m])", "1:1: parse error: unknown function with name \"rat\""),
        (
            "rate(foo)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        (
            "foo offset x",
            "1:12: parse error: unexpected identifier \"x\" in offset, expected number, duration, step(), or range()",
        ),
        ("foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"),
        (
            "foo[]",
            "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
        ),
        ("foo[5m:", "1:8: parse error: unclosed left bracket"),
        (
            "foo[5m 6m]",
            "1:8: parse error: unexpected duration \"6m\" in subquery or range, expected \":\" or \"]\"",
        ),
        (
            "{a=\"b\" c=\"d\"}",
            "1:8: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
        ),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("a + on (x) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("1 + a == bool b{}", ""),
        ("2 > 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        (
            "foo[5m] + 1",
            "1:1: parse error: binary expression must contain only scalar and instant vector types",
        ),
        ("foo and fill(0) bar", "1:1: parse error: filling in missing series not allowed for set operators"),
        (
            "foo anchored smoothed",
            "1:1: parse error: anchored and smoothed modifiers cannot be used together",
        ),
        ("\"a\nb\"", "1:1: parse error: unterminated quoted string"),
        ("\"\\400\"", "1:1: parse error: escape sequence is an invalid Unicode code point"),
        ("foo $ bar", "1:5: parse error: unexpected character: '$'"),
        ("foo \"quite a long string\"", "1:5: parse error: unexpected string \"\\\"quite a l\"..."),
    ] {
        if expected.is_empty() {
            parse(query, ParseOptions::default()).unwrap();
        } else {
            assert_eq!(error(query).to_string(), expected, "{query}");
        }
    }
}

#[test]
fn spans_of_errors_cover_the_culprit() {
    for (query, culprit) in [
        ("rate(rat(foo[5m]))", "rat"),
        ("foo[-1]", "-1"),
        ("foo[1h/0]", "/"),
        ("sum(foo[1m])", "foo[1m]"),
        ("(a + b)[5m]", "[5m]"),
        ("topk(1, a,)", ","),
        ("foo{a=~\"(\"}", "a=~\"(\""),
        ("1 + foo{x=~\".*\", __name__=\"b\"}", "foo{x=~\".*\", __name__=\"b\"}"),
        ("floor(a, b) + 1", "floor(a, b)"),
    ] {
        let found = error(query);
        assert_eq!(&query[found.span.clone()], culprit, "{query}: {found}");
    }
}

#[test]
fn a_misspelt_function_is_answered_with_a_hint() {
    assert_eq!(error("rat(foo[5m])").hint.as_deref(), Some("did you mean \"rate\"?"));
    assert_eq!(
        error("histogram_quantil(1, x)").hint.as_deref(),
        Some("did you mean \"histogram_quantile\"?")
    );
    assert_eq!(error("completely_else(1, x)").hint, None);
}

#[test]
fn bytes_that_are_not_utf8_are_refused_except_in_comments() {
    let options = ParseOptions::default();
    assert_eq!(parse_bytes(b"{a=\"\xff\"}", options).unwrap_err().message, "invalid UTF-8 rune");
    parse_bytes(b"a # \xff", options).unwrap();
    assert_eq!(parse_bytes(b"a\xff", options).unwrap_err().message, "unexpected character: '\u{fffd}'");
}

#[test]
fn depth_chains_and_length_are_bounded_on_a_small_stack() {
    let deepest = MAX_NESTING - 1;
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let calls = |depth: usize| format!("{}a{}", "abs(".repeat(depth), ")".repeat(depth));
    let chain = |terms: usize| vec!["a"; terms].join(" + ");
    let good = [
        nested(deepest),
        calls(deepest),
        "-".repeat(deepest) + "a",
        chain(MAX_HEIGHT),
        format!("a[1{}]", "+1".repeat(200)),
    ];
    let bad = [
        nested(deepest + 1),
        nested(100_000),
        calls(50_000),
        "-".repeat(100_000) + "a",
        "(".repeat(100_000),
        chain(MAX_HEIGHT + 1),
        chain(100_000),
        "a ^ ".repeat(100_000) + "a",
        format!("a[{}1{}]", "(".repeat(100_000), ")".repeat(100_000)),
        format!("a[1{}]", "+1".repeat(100_000)),
        format!(
            "a[{}1{}]",
            "(".repeat(150),
            "+1)".repeat(150).replace(')', &format!("{})", "+1".repeat(150)))
        ),
        "sum by (a) (".repeat(100_000),
        format!("a{}", "[1m:]".repeat(100_000)),
        "x".repeat(MAX_QUERY_BYTES + 1),
    ];
    let work = move || {
        for query in good {
            let expr = parse(&query, ParseOptions::default()).unwrap();
            assert!(!crate::pretty(&expr).is_empty() && crate::to_json(&expr).is_object());
        }
        for query in bad {
            error(&query);
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}
