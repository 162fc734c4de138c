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

proptest! {
    #[test]
    fn packed_labels_read_back(pairs in proptest::collection::vec(("[a-z]{1,8}", ".{0,200}"), 0..8)) {
        let labels = Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        prop_assert_eq!(Labels::from_bytes(labels.as_bytes()), Some(labels));
    }

    #[test]
    fn pairs_in_order_and_out_of_order_make_the_same_labels(
        pairs in proptest::collection::vec(("[a-d]{1,2}", "[xy]{0,2}"), 0..6)
    ) {
        let mut pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(Labels::from_slice(&pairs), Labels::from_pairs(pairs.iter().copied()));
        pairs.sort_by_key(|(name, _)| *name);
        prop_assert_eq!(Labels::from_slice(&pairs), Labels::from_pairs(pairs.iter().copied()));
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(labels) = Labels::from_bytes(&bytes) {
            prop_assert!(labels.iter().all(|(_, value)| !value.is_empty()));
        }
    }
}
