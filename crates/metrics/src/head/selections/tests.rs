use super::*;
use crate::ceiling::Ceiling;
use crate::head::Head;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use watchfire_model::Labels;

fn head() -> Head {
    Head::new(Arc::new(Ceiling::new(None)))
}

fn make(head: &Head, labels: &Labels) -> u32 {
    head.with_series(labels.as_bytes(), || Ok(labels.clone()), |known| known.id).unwrap()
}

fn found(head: &Head, matchers: &[Matcher]) -> Vec<Labels> {
    head.select(matchers).into_iter().map(|(labels, _)| labels).collect()
}

fn kept_bytes(head: &Head) -> usize {
    reading(&head.selections.0).bytes()
}

fn series(name: usize, instance: usize, zone: usize) -> Labels {
    let (name, instance, zone) = (format!("m{name}"), format!("i{instance}"), format!("z{zone}"));
    let zone = if zone == "z0" { "" } else { zone.as_str() };
    Labels::from_pairs([("__name__", name.as_str()), ("instance", instance.as_str()), ("zone", zone)])
}

#[derive(Clone, Debug)]
enum Step {
    Make(usize, usize, usize),
    /// Forgets all series of an instance, which is what the end of a target looks like.
    Forget(usize),
    Release,
    Ask(usize, usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let few = 0..4_usize;
    prop_oneof![
        3 => (few.clone(), 0..6_usize, 0..3_usize).prop_map(|(name, instance, zone)| Step::Make(name, instance, zone)),
        1 => (0..6_usize).prop_map(Step::Forget),
        1 => Just(Step::Release),
        5 => (few, 0..6_usize, 0..3_usize, 0..6_usize).prop_map(|(name, instance, zone, kind)| Step::Ask(name, instance, zone, kind)),
    ]
}

fn matchers(name: usize, instance: usize, zone: usize, kind: usize) -> Vec<Matcher> {
    let (name, instance, zone) = (format!("m{name}"), format!("i{instance}"), format!("z{zone}"));
    let with = |label: &str, op, value: &str| Matcher::new(label, op, value).unwrap();
    let name = Matcher::equal("__name__", name);
    match kind {
        0 => vec![name],
        1 => vec![name, Matcher::equal("instance", instance)],
        2 => vec![Matcher::equal("instance", instance), with("zone", MatchOp::NotEqual, &zone)],
        3 => vec![name, with("instance", MatchOp::Regex, "i[0-2]"), with("zone", MatchOp::Equal, "")],
        4 => vec![with("instance", MatchOp::Regex, &instance), with("zone", MatchOp::NotRegex, "z[12]")],
        _ => vec![name, with("zone", MatchOp::Regex, &format!("{zone}|"))],
    }
}

proptest! {
    #[test]
    fn a_selection_is_never_older_than_the_last_series_that_came_or_went(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let head = head();
        let mut there: Vec<(Labels, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Make(name, instance, zone) => {
                    let labels = series(name, instance, zone);
                    let id = make(&head, &labels);
                    if there.iter().all(|(known, _)| *known != labels) {
                        there.push((labels, id));
                    }
                }
                Step::Forget(instance) => {
                    let instance = format!("i{instance}");
                    let (gone, stay): (Vec<_>, Vec<_>) =
                        there.into_iter().partition(|(labels, _)| labels.get("instance") == Some(&instance));
                    head.forget(&gone.iter().map(|(_, id)| *id).collect::<Vec<_>>());
                    there = stay;
                }
                Step::Release => head.release_numbers(),
                Step::Ask(name, instance, zone, kind) => {
                    let matchers = matchers(name, instance, zone, kind);
                    let mut expected: Vec<Labels> = there
                        .iter()
                        .map(|(labels, _)| labels.clone())
                        .filter(|labels| matchers.iter().all(|matcher| matcher.matches_labels(labels)))
                        .collect();
                    expected.sort();
                    // Kept by the first, found by the second.
                    prop_assert_eq!(&found(&head, &matchers), &expected);
                    prop_assert_eq!(&found(&head, &matchers), &expected);
                }
            }
        }
    }
}

#[test]
fn a_selection_is_kept_until_a_series_of_all_its_pairs_may_have_come() {
    let head = head();
    for instance in 0..4 {
        make(&head, &series(1, instance, 1));
    }
    let matchers = matchers(1, 2, 0, 1);
    let selector = Selector::new(&matchers).unwrap();
    let is_kept = || head.selections.find(&selector, &head.index().changes).is_some();
    assert!(!is_kept());
    assert_eq!(found(&head, &matchers).len(), 1);
    assert!(is_kept());
    // Of the same name, and of the same instance.
    make(&head, &series(1, 5, 1));
    assert!(is_kept());
    let other = make(&head, &series(2, 2, 1));
    assert!(!is_kept(), "both of its pairs have one more series now");
    assert_eq!(found(&head, &matchers).len(), 1);
    assert!(is_kept());
    head.forget(&[other]);
    assert!(is_kept(), "no series of that name went");
    make(&head, &series(1, 2, 2));
    assert_eq!(found(&head, &matchers).len(), 2);
}

#[test]
fn what_cannot_be_known_to_be_good_is_not_kept() {
    let head = head();
    make(&head, &series(1, 1, 1));
    let absent = [Matcher::equal("__name__", "nosuch")];
    assert!(found(&head, &absent).is_empty());
    assert_eq!(kept_bytes(&head), 0, "nobody counts the series of a pair that is not there");
    make(&head, &Labels::from_pairs([("__name__", "nosuch")]));
    assert_eq!(found(&head, &absent).len(), 1);
    for op in [MatchOp::Equal, MatchOp::Regex, MatchOp::NotEqual] {
        assert!(Selector::new(&[Matcher::new("zone", op, "").unwrap()]).is_none());
    }
    // What looks the same written one behind the other is not the same.
    let pair = |name: &str, value: &str| Matcher::equal(name, value);
    let selectors = [vec![pair("a", "bc")], vec![pair("ab", "c")], vec![pair("a", "b"), pair("c", "d")]];
    let texts: Vec<_> = selectors.iter().map(|matchers| Selector::new(matchers).unwrap().0).collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2]);
}

#[test]
fn the_selections_asked_for_last_stay_and_all_together_take_no_more_than_they_may() {
    let head = head();
    for instance in 0..50 {
        make(&head, &series(0, instance, 1));
    }
    let before = head.bytes();
    let ask = |number: usize| {
        let matchers = [
            Matcher::equal("__name__", "m0"),
            Matcher::new("zone", MatchOp::NotEqual, format!("{number:0200}")).unwrap(),
        ];
        assert_eq!(found(&head, &matchers).len(), 50);
        matchers
    };
    let most = FEW_BYTES + 50 * BYTES_PER_SERIES;
    for number in 0..5_000 {
        ask(0);
        ask(number);
        let bytes = kept_bytes(&head);
        assert!(bytes <= most && head.bytes() == before + bytes as u64, "{bytes} of {most}");
    }
    let is_kept = |number| {
        let selector = Selector::new(&ask(number)).unwrap();
        head.selections.find(&selector, &head.index().changes).is_some()
    };
    assert!(is_kept(0) && kept_bytes(&head) > most / 4);
    let forgotten = Selector::new(&[
        Matcher::equal("__name__", "m0"),
        Matcher::new("zone", MatchOp::NotEqual, format!("{:0200}", 1)).unwrap(),
    ]);
    assert!(head.selections.find(&forgotten.unwrap(), &head.index().changes).is_none());
}

#[test]
fn who_asks_while_series_are_made_sees_all_that_were_there_before() {
    const SERIES: usize = MAX_SERIES - 1;
    let head = head();
    make(&head, &series(0, 0, 1));
    let (made, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asker = || {
            let matchers = [Matcher::equal("__name__", "m0"), Matcher::equal("zone", "z1")];
            let mut asked = 0;
            while !done.load(Ordering::Acquire) || asked == 0 {
                let least = made.load(Ordering::Acquire);
                let found = head.select(&matchers);
                assert!(found.len() > least, "{} series, but {least} were made", found.len());
                assert!(found.is_sorted_by(|left, right| left.0 < right.0));
                asked += 1;
            }
        };
        let askers = [scope.spawn(asker), scope.spawn(asker), scope.spawn(asker)];
        for number in 1..=SERIES {
            make(&head, &series(0, number, 1));
            // One that the selection does not care for.
            make(&head, &series(1, number, 1));
            made.store(number, Ordering::Release);
        }
        done.store(true, Ordering::Release);
        askers.into_iter().for_each(|asker| asker.join().unwrap());
    });
    assert_eq!(
        found(&head, &[Matcher::equal("__name__", "m0"), Matcher::equal("zone", "z1")]).len(),
        SERIES + 1
    );
}
