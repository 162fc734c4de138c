use super::*;
use proptest::prelude::*;

fn any_labels() -> impl Strategy<Value = Labels> {
    let pair = ("[a-d]", "[x-z]{0,3}");
    prop::collection::vec(pair, 0..6).prop_map(|pairs| {
        Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    })
}

proptest! {
    #[test]
    fn label_sets_come_back_and_compare_as_before(sets in prop::collection::vec(any_labels(), 1..20)) {
        let mut pairs = Pairs::default();
        let kept: Vec<PairIds> = sets.iter().map(|labels| pairs.take(labels).unwrap()).collect();
        let ranks = Ranks::of(pairs.some(0, usize::MAX).into_iter().flatten().collect());
        for (labels, ids) in sets.iter().zip(&kept) {
            prop_assert_eq!(&pairs.labels(ids), labels);
            let mut packed = Vec::new();
            pairs.pack(ids, &mut packed);
            prop_assert_eq!(packed.as_slice(), labels.as_bytes());
            for (other, other_ids) in sets.iter().zip(&kept) {
                prop_assert_eq!(pairs.are(ids, other.as_bytes()), labels == other);
                prop_assert_eq!(ranks.compare(ids, other_ids), labels.cmp(other));
            }
        }
    }

    #[test]
    fn a_pair_is_there_as_long_as_a_set_has_it(
        sets in prop::collection::vec(any_labels(), 1..20),
        gone in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut pairs = Pairs::default();
        let mut kept: Vec<(Labels, PairIds)> =
            sets.iter().map(|labels| (labels.clone(), pairs.take(labels).unwrap())).collect();
        let mut gone = gone.into_iter();
        kept.retain(|(_, ids)| {
            let stays = !gone.next().unwrap();
            if !stays {
                pairs.give_back(ids);
            }
            stays
        });
        // Numbers that came free are used again.
        kept.extend(sets.iter().map(|labels| (labels.clone(), pairs.take(labels).unwrap())));
        let mut expected: Vec<(&str, &str)> = kept.iter().flat_map(|(labels, _)| labels).collect();
        expected.sort_unstable();
        expected.dedup();
        let mut found: Vec<(&str, &str)> = Vec::new();
        for (name, ids) in pairs.names() {
            prop_assert_eq!(pairs.of_name(name), ids);
            found.extend(ids.iter().map(|id| pairs.get(*id).unwrap().parts()));
        }
        found.sort_unstable();
        prop_assert_eq!(found, expected);
        for (labels, ids) in &kept {
            prop_assert_eq!(&pairs.labels(ids), labels);
        }
        for (_, ids) in &kept {
            pairs.give_back(ids);
        }
        prop_assert_eq!((pairs.names().count(), pairs.bytes()), (0, 0));
    }
}
