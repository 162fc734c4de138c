use super::*;
use proptest::prelude::*;

fn one(text: &str) -> Condition {
    let mut conditions = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(conditions.len(), 1, "{text}");
    conditions.pop().unwrap()
}

fn fault(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn filters_of_the_documentation_are_understood() {
    let conditions =
        parse("metrics.rmse < 1 AND params.model_type = 'tree' and tags.\"mlflow.source.type\" != \"JOB\"")
            .unwrap();
    assert_eq!(conditions[0].subject, Subject::Metric("rmse".into()));
    assert_eq!(conditions[0].test, Test::Number(Comparison::Less, 1.0));
    assert_eq!(conditions[1].test, Test::Text(Comparison::Equal, "tree".into()));
    assert_eq!(conditions[2].subject, Subject::Tag("mlflow.source.type".into()));
    assert_eq!(one("params.`learning rate` LIKE '0.%'").subject, Subject::Param("learning rate".into()));
    assert_eq!(one("status = 'RUNNING'").subject, Subject::Attribute(Attribute::Status));
    assert_eq!(
        one("attributes.start_time > 1664067852747").test,
        Test::Number(Comparison::Greater, 1_664_067_852_747.0)
    );
    let test = one("attribute.run_id NOT IN ('a', 'b')").test;
    assert_eq!(test, Test::In { values: vec!["a".into(), "b".into()], is_negated: true });
    assert_eq!(one("tags.x IS NOT NULL").test, Test::Null { is_negated: true });
    assert_eq!(one("metrics.eval/loss>=1e-3").subject, Subject::Metric("eval/loss".into()));
    assert!(parse("  ").unwrap().is_empty());
}

#[test]
fn faults_name_their_place() {
    assert!(fault("metrics.loss < 'x'").starts_with("filter, column 16: found \"'x'\", expected a number"));
    assert!(fault("metrics.loss").starts_with("filter, column 13: found the end"));
    assert!(fault("params.lr = 5").contains("a text in quotes"));
    assert!(fault("nonsense.x = 'a'").contains("metrics.KEY"));
    assert!(fault("attributes.colour = 'a'").contains("run_name"));
    assert!(
        fault("status = 'a' OR status = 'b'").contains("column 14: found \"OR status = 'b'\", expected AND")
    );
    assert!(fault("status = 'a").contains("closing quote"));
    assert!(fault("metrics.loss LIKE 'x'").contains("this is a number"));
    assert!(fault(&"x".repeat(10_001)).contains("10000 bytes"));
}

#[test]
fn orders_are_read_with_their_direction() {
    assert_eq!(parse_order("metrics.loss DESC").unwrap(), (Subject::Metric("loss".into()), true));
    assert_eq!(parse_order("start_time").unwrap(), (Subject::Attribute(Attribute::StartTime), false));
    assert_eq!(parse_order("params.`a b` asc").unwrap(), (Subject::Param("a b".into()), false));
    assert!(parse_order("metrics.loss DESC now").is_err());
}

#[test]
fn what_is_missing_satisfies_only_is_null_and_nan_is_only_unequal() {
    let nan = Some(Value::Number(f64::NAN));
    assert!(!one("metrics.a < 1").test.holds(None));
    assert!(!one("metrics.a != 1").test.holds(None));
    assert!(one("tags.a IS NULL").test.holds(None));
    assert!(one("metrics.a != 1").test.holds(nan));
    assert!(!one("metrics.a <= 1").test.holds(nan));
}

#[test]
fn patterns_are_sql_s() {
    for (pattern, text, holds) in [
        ("nl%", "nlp", true),
        ("%a_c%", "xxabcxx", true),
        ("%%%", "", true),
        ("_", "", false),
        ("a%b%c", "a-b-b-c", true),
        ("A%", "ab", false),
    ] {
        assert_eq!(is_like(text, pattern), holds, "{text} like {pattern}");
    }
    assert!(one("tags.a ILIKE 'A%'").test.holds(Some(Value::Text("ab"))));
    let (text, pattern) = ("a".repeat(8_000), "%a".repeat(2_000) + "b");
    assert!(!is_like(&text, &pattern), "in no long time");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = parse(&text);
        let _ = parse_order(&text);
    }

    #[test]
    fn patterns_agree_with_a_search_of_all_ways(text in "[ab]{0,8}", pattern in "[ab%_]{0,6}") {
        fn slow(text: &[u8], pattern: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'%', rest)) => (0..=text.len()).any(|skip| slow(&text[skip..], rest)),
                Some((wanted, rest)) => text.split_first().is_some_and(|(found, left)| (*wanted == b'_' || wanted == found) && slow(left, rest)),
            }
        }
        prop_assert_eq!(is_like(&text, &pattern), slow(text.as_bytes(), pattern.as_bytes()));
    }
}
