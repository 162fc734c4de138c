use super::*;

fn pairs<const N: usize>(pairs: [(&'static str, &'static str); N]) -> Texts {
    Texts::from_pairs(pairs.map(|(name, text)| (Cow::Borrowed(name), Cow::Borrowed(text))))
}

#[test]
fn texts_are_the_json_that_a_sorted_map_would_be() {
    let map = BTreeMap::from([
        ("summary".to_owned(), "it's \"hot\"\n\u{1}<b>é".to_owned()),
        ("b\"".to_owned(), String::new()),
    ]);
    let texts = Texts::from(&map);
    assert_eq!(texts.as_json(), serde_json::to_string(&map).unwrap());
    assert_eq!(texts.to_map(), map);
    assert_eq!(serde_json::to_value(&texts).unwrap(), serde_json::to_value(&map).unwrap());
}

#[test]
fn the_order_in_which_texts_come_does_not_matter_and_the_last_of_a_name_counts() {
    let texts = pairs([("b", "1"), ("a", ""), ("b", "2")]);
    assert_eq!(texts, pairs([("a", ""), ("b", "2")]));
    assert_eq!(texts.as_json(), r#"{"a":"","b":"2"}"#);
    assert!(!texts.is_empty());
}

#[test]
fn no_texts_are_an_empty_object() {
    assert!(Texts::default().is_empty() && pairs([]).is_empty());
    assert_eq!(pairs([]), Texts::default());
    assert_eq!(Texts::from(BTreeMap::new()), Texts::default());
}

#[test]
fn a_label_set_is_written_as_a_sorted_map_is() {
    let labels = Labels::from_pairs([("job", "a\\b"), ("alertname", "X\"")]);
    let map: BTreeMap<&str, &str> = labels.iter().collect();
    assert_eq!(labels_text(&labels), serde_json::to_string(&map).unwrap());
}
