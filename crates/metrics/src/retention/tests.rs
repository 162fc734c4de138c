use super::*;

fn rule(selectors: &[&[(&str, &str)]], keep_ms: i64) -> KeepRule {
    let equal = |(name, value): &(&str, &str)| Matcher::equal(*name, *value);
    let selectors = selectors.iter().map(|pairs| pairs.iter().map(equal).collect()).collect();
    KeepRule { selectors, keep_ms }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rules = vec![
        rule(&[&[("job", "a"), ("env", "dev")], &[("job", "b")]], 1),
        rule(&[&[("env", "dev")]], 50),
        rule(&[&[("job", "b")]], 60),
    ];
    let retention = Retention { time_ms: 10, size_bytes: None, rules };
    for (job, env, keep_ms) in [("a", "dev", 1), ("a", "prod", 10), ("b", "dev", 1), ("c", "dev", 50)] {
        let labels = Labels::from_pairs([("__name__", "x"), ("job", job), ("env", env)]);
        assert_eq!(retention.keep_ms(&labels), keep_ms, "{job} {env}");
    }
    assert_eq!((retention.shortest_ms(), retention.longest_ms()), (1, 60));
}

#[test]
fn it_is_told_as_prometheus_tells_it() {
    for (time_ms, size_bytes, told) in [
        (15 * 86_400_000, None, "15d"),
        (i64::MAX, Some(50 << 30), "50GiB"),
        (5_400_000, Some(1000), "1h30m or 1000B"),
        (i64::MAX, Some(1 << 60), "1EiB"),
        (i64::MAX, None, ""),
    ] {
        assert_eq!(Retention { time_ms, size_bytes, rules: Vec::new() }.to_string(), told);
    }
}
