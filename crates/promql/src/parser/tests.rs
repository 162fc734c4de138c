//! What is read, what is refused, in which words and at which place.

mod corpus;
mod errors;
mod laws;
mod series;

use super::*;
use crate::ast::{
    AtModifier, BinaryOp, Cardinality, DurationKind, ExprKind, RangeExtension, ValueType, VectorSelector,
};

fn read(query: &str) -> Expr {
    parse(query, ParseOptions::default()).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn number(query: &str) -> f64 {
    match read(query).kind {
        ExprKind::Number(value) | ExprKind::Duration(value) => value,
        other => panic!("{query}: {other:?}"),
    }
}

fn selector(query: &str) -> VectorSelector {
    match read(query).kind {
        ExprKind::VectorSelector(selector) => selector,
        other => panic!("{query}: {other:?}"),
    }
}

/// The tree with every operator in its own parentheses.
fn shape(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary(binary) => {
            format!("({} {} {})", shape(&binary.left), binary.op.as_str(), shape(&binary.right))
        }
        ExprKind::Unary(unary) => {
            format!("({}{})", if unary.negative { "-" } else { "+" }, shape(&unary.expr))
        }
        ExprKind::Paren(inner) => shape(inner),
        _ => expr.to_string(),
    }
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    for (query, value) in [
        ("1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0755", 493.0),
        ("089", 89.0),
        ("0xFF", 255.0),
        ("1_000", 1000.0),
        ("1_000.5", 1000.5),
        ("5e-3", 0.005),
        ("-7", -7.0),
        ("+-+7", -7.0),
        ("1h30m", 5400.0),
        ("100ms", 0.1),
        ("9223372036854775808", 9_223_372_036_854_775_808.0),
    ] {
        assert_eq!(number(query), value, "{query}");
    }
    assert!(number("NaN").is_nan() && number("nan").is_nan());
    assert_eq!((number("Inf"), number("-iNf")), (f64::INFINITY, f64::NEG_INFINITY));
}

#[test]
fn strings_are_unescaped_as_in_go() {
    for (query, text) in [
        (r#""a\tb\\\"""#, "a\tb\\\""),
        (r"'it\'s'", "it's"),
        (r"`raw\n`", r"raw\n"),
        (r#""\x41\101\u00e4\U0001F600""#, "AAä😀"),
        // Bytes that make a character together.
        (r#""\xe2\x98\xba""#, "☺"),
        (r#""\xff""#, "\u{fffd}"),
    ] {
        let ExprKind::String(literal) = read(query).kind else { panic!("{query} is no string") };
        assert_eq!(literal.as_str(), text, "{query}");
    }
}

#[test]
fn operators_bind_as_tightly_as_they_should() {
    for (query, expected) in [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("-a ^ b", "(-(a ^ b))"),
        ("-a * b", "((-a) * b)"),
        ("a ^ -b ^ c", "(a ^ (-(b ^ c)))"),
        ("a ^ -b * c", "((a ^ (-b)) * c)"),
        ("a or b and c unless d", "(a or ((b and c) unless d))"),
        ("a == b + c", "(a == (b + c))"),
        ("a < b >/ 1 + 2", "((a < b) >/ (1 + 2))"),
        ("a atan2 b / c", "((a atan2 b) / c)"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-1 ^ 2", "(-(1 ^ 2))"),
        ("a OR b", "(a or b)"),
    ] {
        assert_eq!(shape(&read(query)), expected, "{query}");
    }
}

#[test]
fn keywords_are_also_names_where_nothing_else_fits() {
    for name in
        ["sum", "by", "without", "offset", "and", "start", "step", "anchored", "fill", "min_of", "a:b"]
    {
        let found = selector(name);
        assert_eq!(found.name.as_deref(), Some(name));
        assert_eq!(found.matchers, [Matcher::equal("__name__", name)]);
    }
    read("sum by (sum, by, on, start, smoothed, group_left) (sum)");
    read("foo + on (bool) group_left (offset) bar");
    read("fill + fill");
    read("sum{on=\"x\", by=\"y\"}");
}

#[test]
fn quoted_names_are_conditions_where_they_stand() {
    let found = selector(r#"{"foo.bar", "l.x"="v", y!="z",}"#);
    assert_eq!(found.name, None);
    let shown: Vec<String> = found.matchers.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [r#"__name__="foo.bar""#, r#""l.x"="v""#, r#"y!="z""#]);
    assert_eq!(selector("{a=~\"b\"}").name, None);
}

#[test]
fn modifiers_belong_to_the_selector_before_them() {
    let found = selector("foo @ 1.5 offset -1h30m");
    assert_eq!(found.modifiers.at, Some(AtModifier::Timestamp(1500)));
    assert_eq!(found.modifiers.offset.unwrap().kind, DurationKind::Literal(-5_400_000));
    assert_eq!(selector("foo offset 0").modifiers.offset, None);
    assert_eq!(selector("foo @ END()").modifiers.at, Some(AtModifier::End));
    let ExprKind::MatrixSelector(matrix) = read("foo{a=\"b\"}[5m] smoothed @ start() offset 1").kind else {
        panic!("not a range");
    };
    assert_eq!(matrix.selector_span, 0..10);
    assert_eq!(matrix.range.kind, DurationKind::Literal(300_000));
    assert_eq!(matrix.selector.extension, Some(RangeExtension::Smoothed));
    assert_eq!(matrix.selector.modifiers.at, Some(AtModifier::Start));
    assert_eq!(matrix.selector.modifiers.offset.unwrap().kind, DurationKind::Literal(1000));
}

#[test]
fn an_offset_ends_before_an_operator_unless_it_stands_in_parentheses() {
    for (query, printed) in [
        ("foo offset 100 + 2", "foo offset 1m40s + 2"),
        ("foo offset -2 ^ 2", "foo offset -2s ^ 2"),
        ("foo offset (100 + 2)", "foo offset (100 + 2)"),
        ("foo offset (5s) + 8", "foo offset (5s + 8)"),
        ("foo offset -(5s) + 8", "foo offset -5s + 8"),
        ("foo offset -step() * 2", "foo offset -step() * 2"),
        ("foo offset MIN_OF(step(), 1s) + 3", "foo offset min_of(step(), 1s) + 3"),
        ("foo[-2 ^ 2]", "foo[-2 ^ 2]"),
        ("foo[ 1h*0.0001 ]", "foo[1h * 0.0001]"),
    ] {
        assert_eq!(read(query).to_string(), printed, "{query}");
    }
}

#[test]
fn subqueries_may_stand_behind_any_vector() {
    let ExprKind::Subquery(subquery) = read("rate(foo[1m])[30m:] @ 5 offset 1m").kind else {
        panic!("not a subquery");
    };
    assert_eq!(subquery.step, None);
    assert_eq!(subquery.modifiers.at, Some(AtModifier::Timestamp(5000)));
    assert_eq!(read("(a + b)[5m:1m]").value_type(), ValueType::Matrix);
}

#[test]
fn binary_modifiers_say_how_series_meet() {
    let query = "a / bool on (x, 'y z',) group_left (w) fill_right(-1) fill_left(2m) b";
    let error = parse(query, ParseOptions::default()).unwrap_err();
    assert_eq!(error.message, "bool modifier can only be used on comparison operators");
    let ExprKind::Binary(binary) = read(&query.replacen('/', ">=", 1)).kind else { panic!("not binary") };
    assert_eq!((binary.op, binary.return_bool), (BinaryOp::GreaterOrEqual, true));
    let matching = binary.matching;
    assert_eq!((matching.on, matching.cardinality), (true, Cardinality::ManyToOne));
    assert_eq!((matching.labels, matching.include), (vec!["x".into(), "y z".into()], vec!["w".to_owned()]));
    assert_eq!((matching.fill_left, matching.fill_right), (Some(120.0), Some(-1.0)));
    let ExprKind::Binary(binary) = read("a unless ignoring (x) b").kind else { panic!("not binary") };
    assert_eq!(binary.matching.cardinality, Cardinality::ManyToMany);
}

#[test]
fn spans_cover_exactly_what_was_written() {
    let query = " sum by (a) ( foo{x=\"}\"} offset 5m ) + -( 1 ) # end";
    let expr = read(query);
    let ExprKind::Binary(binary) = &expr.kind else { panic!("not binary") };
    let text = |expr: &Expr| &query[expr.span.clone()];
    assert_eq!(text(&binary.left), "sum by (a) ( foo{x=\"}\"} offset 5m )");
    assert_eq!(text(&binary.right), "-( 1 )");
    let ExprKind::Aggregate(aggregate) = &binary.left.kind else { panic!("not an aggregation") };
    assert_eq!(text(&aggregate.expr), "foo{x=\"}\"} offset 5m");
    assert_eq!(&query[read(query).span], query[1..].trim_end_matches(" # end"));
}

#[test]
fn comments_and_blanks_may_stand_anywhere() {
    let expr = read("sum # all of them\n(\n\tfoo{ # inside\n a = \"b\" }\r\n) # done");
    assert_eq!(expr.to_string(), "sum(foo{a=\"b\"})");
}

#[test]
fn experimental_functions_can_be_refused() {
    let strict = ParseOptions::of_features(&[]);
    for (query, message) in [
        ("mad_over_time(a[5m])", "function \"mad_over_time\" is not enabled"),
        (
            "limitk(1, a)",
            "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
        ("start_timestamp(a)", "function \"start_timestamp\" is not enabled"),
        ("a anchored", "anchored modifier is experimental and not enabled"),
        ("rate(a[5m] smoothed)", "smoothed modifier is experimental and not enabled"),
        ("a + fill(0) b", "binop fill modifiers are experimental and not enabled"),
    ] {
        assert_eq!(parse(query, strict).unwrap_err().message, message);
        read(query);
    }
    // What was an experiment once.
    for query in ["first_over_time(a[5m])", "rate(a[5m * 2])"] {
        assert!(parse(query, strict).is_ok(), "{query}");
    }
    let features = ["promql-experimental-functions", "other"].map(str::to_owned);
    assert!(parse("start_timestamp(a)", ParseOptions::of_features(&features)).is_ok());
}

#[test]
fn selectors_and_metrics_are_read_by_themselves() {
    assert_eq!(parse_metric_selector("foo{a=~\"b\"}").unwrap().len(), 2);
    for bad in ["", "{}", "foo + bar", "foo[5m]", "rate(foo[5m])", "{a=\"\"}"] {
        assert!(parse_metric_selector(bad).is_err(), "{bad}");
    }
    let labels = parse_metric("foo{b=\"1\", \"a.x\"='2'}").unwrap();
    assert_eq!((labels.metric_name(), labels.get("a.x"), labels.len()), ("foo", Some("2"), 3));
    assert_eq!(parse_metric("foo { a = 'b' }").unwrap().get("a"), Some("b"));
    assert_eq!(parse_metric("{\"foo\"}").unwrap().metric_name(), "foo");
    assert!(parse_metric("foo{a=~\"b\"}").is_err());
}

#[test]
fn functions_are_found_by_name_and_sorted() {
    assert!(functions::FUNCTIONS.is_sorted_by(|left, right| left.name < right.name));
    for function in functions::FUNCTIONS {
        assert_eq!(functions::find(function.name), Some(function));
    }
    assert_eq!(functions::nearest("rat"), Some("rate"));
    assert_eq!(functions::nearest("som"), Some("sum"));
    assert_eq!(functions::nearest("non_existent_function"), None);
}
