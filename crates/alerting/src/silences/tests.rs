use super::*;

fn matcher(name: &str, op: &str, value: &str) -> SilenceMatcher {
    SilenceMatcher {
        name: name.to_owned(),
        value: value.to_owned(),
        is_regex: op.ends_with('~'),
        is_equal: op.starts_with('='),
    }
}

fn silence(id: &str, sets: Vec<Vec<SilenceMatcher>>) -> Silence {
    Silence {
        id: id.to_owned(),
        matchers: sets,
        starts_ms: 10,
        ends_ms: 20,
        updated_ms: 10,
        created_by: "me".to_owned(),
        comment: String::new(),
        annotations: BTreeMap::new(),
    }
}

#[test]
fn a_silence_mutes_from_its_start_until_before_its_end() {
    let one = silence("s", vec![vec![matcher("a", "=", "x")]]);
    let states: Vec<&str> =
        [9, 10, 19, 20].iter().map(|now_ms| SilenceState::of(&one, *now_ms).as_str()).collect();
    assert_eq!(states, ["pending", "active", "active", "expired"]);
    let all = Silences::new(vec![one]);
    let labels = Labels::from_pairs([("a", "x")]);
    let muting: Vec<usize> =
        [9, 10, 19, 20].iter().map(|now_ms| all.muting(&labels, *now_ms).len()).collect();
    assert_eq!(muting, [0, 1, 1, 0]);
}

#[test]
fn whether_an_alert_is_muted_is_said_alike_for_one_and_for_many() {
    let all = Silences::new(vec![
        silence(
            "s",
            vec![vec![matcher("a", "=", "x"), matcher("b", "!=", "no")], vec![matcher("c", "=~", "1|2")]],
        ),
        silence("t", vec![vec![matcher("a", "=", "y"), matcher("b", "=~", "n.*")]]),
        silence("u", vec![vec![matcher("d", "!=", "")]]),
    ]);
    let mut muted = 0;
    for now_ms in [9, 10, 19, 20] {
        let active = all.active(now_ms);
        for values in (0..81).map(|number: usize| [1, 3, 9, 27].map(|power| number / power % 3)) {
            let words = [["", "x", "y"], ["", "no", "yes"], ["", "1", "12"], ["", "d", "e"]];
            let pairs = ["a", "b", "c", "d"].into_iter().zip(words.iter().zip(values));
            let labels = Labels::from_pairs(pairs.map(|(name, (words, value))| (name, words[value])));
            assert_eq!(
                active.mute(&labels),
                !all.muting(&labels, now_ms).is_empty(),
                "{labels:?} at {now_ms}"
            );
            muted += usize::from(active.mute(&labels));
        }
    }
    assert!(muted > 81, "{muted}");
}

#[test]
fn matchers_of_a_set_must_all_hold_and_of_several_sets_one() {
    let all = Silences::new(vec![silence(
        "s",
        vec![vec![matcher("a", "=", "x"), matcher("b", "!=", "no")], vec![matcher("c", "=~", "1|2")]],
    )]);
    let muted = |pairs: &[(&str, &str)]| all.muting(&Labels::from_pairs(pairs.iter().copied()), 15) == ["s"];
    assert!(muted(&[("a", "x")]) && muted(&[("a", "x"), ("b", "yes")]) && muted(&[("c", "2")]));
    assert!(muted(&[("a", "x"), ("c", "1")]), "and is named once");
    assert!(!muted(&[("a", "x"), ("b", "no")]) && !muted(&[("c", "12")]) && !muted(&[("a", "y")]));
}

#[test]
fn a_silence_that_is_replaced_or_removed_leaves_nothing_behind() {
    let mut all =
        Silences::new(vec![silence("s", vec![vec![matcher("a", "=", "x")], vec![matcher("b", "=~", "y")]])]);
    all.put(silence("s", vec![vec![matcher("a", "=", "z")]])).unwrap();
    let muted = |all: &Silences, name: &str, value: &str| {
        !all.muting(&Labels::from_pairs([(name, value)]), 15).is_empty()
    };
    assert!(!muted(&all, "a", "x") && !muted(&all, "b", "y") && muted(&all, "a", "z"));
    all.remove("s");
    assert!(!muted(&all, "a", "z") && all.len() == 0 && all.by_value.values().all(HashMap::is_empty));
}

#[test]
fn a_silence_that_would_mute_everything_or_nothing_is_refused() {
    let refused =
        |sets: Vec<Vec<SilenceMatcher>>| check(&silence("s", sets), MatcherMode::Fallback).unwrap_err();
    assert!(refused(vec![]).contains("at least one matcher required"));
    assert!(refused(vec![vec![]]).contains("at least one matcher required"));
    assert!(refused(vec![vec![matcher("a", "=~", ".*")]]).contains("must not match the empty string"));
    check(&silence("s", vec![vec![matcher("a", "!=", "x")]]), MatcherMode::Fallback).unwrap();
    assert!(refused(vec![vec![matcher("", "=", "x")]]).contains("invalid label name"));
    assert!(refused(vec![vec![matcher("a", "=~", "(")]]).contains("invalid silence"));
    let mut backwards = silence("s", vec![vec![matcher("a", "=", "x")]]);
    check(&backwards, MatcherMode::Fallback).unwrap();
    backwards.ends_ms = 9;
    assert!(check(&backwards, MatcherMode::Fallback).unwrap_err().contains("end time"));
    let utf8 = silence("s", vec![vec![matcher("ü", "=", "x")]]);
    assert!(check(&utf8, MatcherMode::Fallback).is_ok() && check(&utf8, MatcherMode::Classic).is_err());
}
