use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

proptest! {
    #[test]
    fn each_text_is_there_once_and_in_order_wherever_it_came_from(
        places in prop::collection::vec((any::<bool>(), prop::collection::vec("[ab\u{0}é]{0,10}", 0..12)), 0..5)
    ) {
        let mut texts = Texts::default();
        let mut expected = BTreeSet::new();
        for (at_once, place) in &places {
            texts.next_place();
            if *at_once {
                texts.add_all(place.iter().map(String::as_str));
            } else {
                place.iter().for_each(|text| texts.add(text));
            }
            expected.extend(place.iter().cloned());
        }
        prop_assert_eq!(texts.into_sorted(), expected.into_iter().collect::<Vec<_>>());
    }
}
