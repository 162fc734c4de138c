use super::*;
use crate::file::{ReadOptions, RuleFile};

fn rules(text: &str) -> Vec<Rule> {
    let text = format!("groups:\n- name: g\n  rules:\n{text}");
    let file = RuleFile::parse("r.yml", &text, ReadOptions::default()).unwrap();
    file.groups.into_iter().next().unwrap().rules
}

#[test]
fn a_rule_waits_for_the_last_one_before_it_whose_series_it_may_read() {
    let rules = rules(
        "  - {record: a, expr: up}\n  - {record: b, expr: a + up}\n  - {record: c, expr: 'rate(d[5m])'}\n  - {record: d, expr: 'sum by (x) (max_over_time(a[5m]))'}\n  - {record: e, expr: '{__name__=~\"[ab]\"}'}\n  - {record: f, expr: '{job=\"x\"} and on () vector(1)'}\n  - {alert: G, expr: 'c > 1'}\n  - {record: h, expr: 'topk(scalar(b), up)'}\n  - {record: i, expr: 'avg_over_time((-up)[5m:1m])'}\n  - {record: j, expr: 'info(up)'}\n",
    );
    let (a, b, c, e, h) = (Some(0), Some(1), Some(2), Some(4), Some(1));
    assert_eq!(dependencies(&rules), [None, a, None, a, b, e, c, h, None, Some(8)]);
}
