//! Canonical text, layout and JSON.

use crate::{ParseOptions, parse, pretty, to_json};
use serde_json::json;

fn canonical(query: &str) -> String {
    parse(query, ParseOptions::default()).unwrap_or_else(|error| panic!("{query}: {error}")).to_string()
}

#[test]
fn canonical_text_has_one_form_for_everything() {
    for (query, expected) in [
        ("sum(foo)by(a)", "sum by (a) (foo)"),
        ("sum by () (foo)", "sum(foo)"),
        ("SUM without () (foo)", "sum without () (foo)"),
        ("topk(5,foo)", "topk(5, foo)"),
        ("foo{}", "foo"),
        ("foo{b='c',a='b'}", r#"foo{a="b",b="c"}"#),
        ("{'foo'}", r#"{__name__="foo"}"#),
        ("{a='b', 'foo.bar'}", r#"{__name__="foo.bar",a="b"}"#),
        ("a > 90s", "a > 1m30s"),
        ("a[5m*2]", "a[5m * 2]"),
        ("a[-(-300)]", "a[5m]"),
        ("foo[90s]offset-1d", "foo[1m30s] offset -1d"),
        ("foo@1.5", "foo @ 1.500"),
        ("foo@-.25", "foo @ -0.250"),
        ("a+on(x)group_left b", "a + on (x) group_left () b"),
        ("a>bool 1e3", "a > bool 1000"),
        ("a+fill(0)b", "a + fill (0) b"),
        ("-  foo", "-foo"),
        ("1e-7 + 0x10", "0.0000001 + 16"),
        ("`\"\\`", r#""\"\\""#),
        ("by(x)", ""),
    ] {
        if expected.is_empty() {
            assert!(parse(query, ParseOptions::default()).is_err());
        } else {
            assert_eq!(canonical(query), expected, "{query}");
        }
    }
}

#[test]
fn long_queries_are_laid_out_over_several_lines() {
    let query = "topk by (job) (5, sum by (job, instance) (rate(http_requests_total{code=~\"5..\"}[5m]))) \
                 / on (job) group_left () \
                 histogram_quantile(0.99, sum by (job, le) (rate(http_request_duration_seconds_bucket{code=~\"2..\"}[10m])))";
    let expr = parse(query, ParseOptions::default()).unwrap();
    let expected = r#"  topk by (job) (5, sum by (job, instance) (rate(http_requests_total{code=~"5.."}[5m])))
/ on (job) group_left ()
  histogram_quantile(
    0.99,
    sum by (job, le) (rate(http_request_duration_seconds_bucket{code=~"2.."}[10m]))
  )"#;
    assert_eq!(pretty(&expr), expected);
    assert_eq!(pretty(&parse("a  +b", ParseOptions::default()).unwrap()), "a + b");
}

#[test]
fn json_has_the_shape_of_parse_query() {
    let json_of = |query: &str| to_json(&parse(query, ParseOptions::default()).unwrap());
    assert_eq!(
        json_of("sum by (job) (rate(x[5m] @ start() offset 1m))"),
        json!({
            "type": "aggregation",
            "op": "sum",
            "param": null,
            "grouping": ["job"],
            "without": false,
            "expr": {
                "type": "call",
                "func": {"name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector"},
                "args": [{
                    "type": "matrixSelector",
                    "name": "x",
                    "matchers": [{"name": "__name__", "value": "x", "type": "="}],
                    "range": 300_000,
                    "rangeExpr": null,
                    "offset": 60_000,
                    "offsetExpr": null,
                    "timestamp": null,
                    "startOrEnd": "start",
                    "anchored": false,
                    "smoothed": false,
                }],
            },
        })
    );
    assert_eq!(
        json_of("-a or b"),
        json!({
            "type": "binaryExpr",
            "op": "or",
            "bool": false,
            "lhs": {"type": "unaryExpr", "op": "-", "expr": json_of("a")},
            "rhs": json_of("b"),
            "matching": {
                "card": "many-to-many",
                "labels": [],
                "on": false,
                "include": [],
                "fillValues": {"lhs": null, "rhs": null},
            },
        })
    );
    assert_eq!(
        json_of("x[5m * (step() - 2)]")["rangeExpr"],
        json!({
            "type": "durationExpr",
            "op": "*",
            "lhs": {"type": "numberLiteral", "val": "300", "duration": true},
            "rhs": {
                "type": "durationExpr",
                "op": "-",
                "lhs": {"type": "durationExpr", "op": "step", "lhs": null, "rhs": null, "wrapped": false},
                "rhs": {"type": "numberLiteral", "val": "2", "duration": false},
                "wrapped": true,
            },
            "wrapped": false,
        })
    );
    assert_eq!(json_of("1 + 1.5")["matching"], json!(null));
    assert_eq!(json_of("(a)[5m:1m]")["step"], json!(60_000));
    assert_eq!(json_of("1.5"), json!({"type": "numberLiteral", "val": "1.5"}));
}
