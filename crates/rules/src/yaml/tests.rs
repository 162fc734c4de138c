use super::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Doc {
    a: Spanned<String>,
    #[serde(default)]
    b: Option<Spanned<String>>,
}

fn place(text: &str, needle: &str) -> (u64, u64) {
    let doc: Doc = read("f.yml", text).unwrap();
    let offset = doc.a.value.find(needle).unwrap();
    let place = place_inside(text, Place::of(&doc.a), &doc.a.value, offset);
    (place.line, place.column)
}

#[test]
fn a_place_inside_a_scalar_is_found_in_every_style() {
    assert_eq!(place("a: sum(rat(x))\n", "rat"), (1, 8));
    assert_eq!(place("a: 'sum(rat(x))'\n", "rat"), (1, 9));
    assert_eq!(place("a: \"sum(\\\"q\\\", rat(x))\"\n", "rat"), (1, 16));
    assert_eq!(place("a: 'it''s rat'\n", "rat"), (1, 11));
    assert_eq!(place("# head\na: |\n  sum(\n    rat(x)\n  )\n", "rat"), (4, 5));
    assert_eq!(place("a: >-\n  sum(\n\n  rat(x)\n  )\n", "rat"), (4, 3));
    assert_eq!(place("a: sum(\n  rat(x))\n", "rat"), (2, 3));
    assert_eq!(place("a: &e |\n  sum(rat(x))\nb: *e\n", "rat"), (2, 7));
    assert_eq!(place("a: &e sum(rat(x))\n", "rat"), (1, 11));
}

#[test]
fn an_alias_points_to_where_its_value_was_written() {
    let text = "b: &e sum(rat(x))\na: *e\n";
    assert_eq!(place(text, "rat"), (1, 11));
    let doc: Doc = read("f.yml", text).unwrap();
    assert!(doc.b.is_some());
}

#[test]
fn errors_are_one_line_with_the_place() {
    let error = read::<Doc>("f.yml", "a: x\nsurprise: 1\n").unwrap_err();
    assert_eq!((error.place.line, error.place.column), (2, 1), "{error}");
    assert!(error.to_string().starts_with("f.yml:2:1: "), "{error}");
    assert!(error.message.contains("surprise"), "{error}");
    let error = read::<Doc>("f.yml", "a: x\na: y\n").unwrap_err();
    assert_eq!(error.place.line, 2, "{error}");
    let error = read::<Doc>("f.yml", "a: [\n").unwrap_err();
    assert!(!error.message.contains('\n'), "{error}");
}
