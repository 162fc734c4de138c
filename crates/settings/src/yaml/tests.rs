use super::*;

fn map(node: &Node) -> &[(Key, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        other => panic!("not a mapping: {other:?}"),
    }
}

fn text(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(text, _) => text,
        other => panic!("not a scalar: {other:?}"),
    }
}

#[test]
fn scalars_keep_the_text_they_were_written_in_and_everything_has_a_place() {
    let node = parse("a: 1.10\nb:\n  - 0x10\n  - yes\n  - \"no\"\n  - ~\nc: {d: 007}\n").unwrap();
    let entries = map(&node);
    assert_eq!(text(&entries[0].1), "1.10");
    let Value::List(items) = &entries[1].1.value else { panic!("a list") };
    assert_eq!(text(&items[0]), "0x10");
    assert!(matches!(&items[1].value, Value::Scalar(text, ScalarKind::Bool(true)) if text == "yes"));
    assert!(matches!(&items[2].value, Value::Scalar(text, ScalarKind::Text) if text == "no"));
    assert!(items[3].is_null());
    assert_eq!(items[1].place, Place { line: 4, column: 5 });
    assert_eq!(entries[2].0.place, Place { line: 7, column: 1 });
    assert_eq!(text(&map(&entries[2].1)[0].1), "007");
    assert_eq!(map(&entries[2].1)[0].0.place, Place { line: 7, column: 5 });
}

#[test]
fn aliases_stand_where_they_are_used() {
    let node = parse("a: &x 1.50\nb: *x\n").unwrap();
    let entries = map(&node);
    assert_eq!(text(&entries[1].1), "1.50");
    assert_eq!(entries[1].1.place.line, 2);
}

#[test]
fn an_error_is_one_line_with_its_place() {
    for (source, line) in [
        ("a: 1\nb: [1, 2\n", 0),
        ("a: 1\na: 2\n", 2),
        ("a: \"x\n", 0),
        ("a:\n\tb: 1", 0),
        ("a: 1\n b: 2\n", 0),
        ("a: !!binary \"/w==\"\n", 1),
    ] {
        let problem = parse(source).unwrap_err();
        assert!(!problem.message.contains('\n'), "{}", problem.message);
        assert!(problem.place.line >= 1 && problem.place.column >= 1);
        if line > 0 {
            assert_eq!(problem.place.line, line, "{}", problem.message);
        }
    }
}

#[test]
fn anchors_may_be_merged_and_used_by_every_job() {
    let mut source = String::from("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc:\n");
    source.push_str(&"- *a\n".repeat(500));
    let node = parse(&source).unwrap();
    let merged = map(&map(&node)[1].1);
    let value = |name: &str| text(&merged.iter().find(|(key, _)| key.name == name).unwrap().1);
    assert_eq!((merged.len(), value("x"), value("y")), (2, "1", "3"));
}

#[test]
fn a_file_of_thirty_thousand_targets_on_one_line_is_read() {
    let item = r#"{"targets": ["host:9100"], "labels": {"a": "b", "c": "d"}}, "#;
    let source = format!("[{}]", item.repeat(30_000).trim_end_matches(", "));
    let Value::List(items) = parse(&source).unwrap().value else { panic!("a list") };
    assert_eq!(items.len(), 30_000);
}

#[test]
fn an_empty_text_is_nothing() {
    assert!(parse("---\n").unwrap().is_null());
    assert!(parse("\u{feff}# words\n").unwrap().is_null());
    assert!(parse("").unwrap().is_null());
    assert!(parse("# only words\n\n").unwrap().is_null());
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut source = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for depth in 1..10 {
        let previous = format!("*a{}, ", depth - 1).repeat(10);
        source.push_str(&format!("a{depth}: &a{depth} [{}]\n", previous.trim_end_matches(", ")));
    }
    assert!(parse(&source).is_err());
}
