use super::*;
use proptest::prelude::*;
use std::path::Path;

const TREE: &str = "
route:
  receiver: all
  group_by: [alertname]
  routes:
  - {receiver: db, matchers: ['team=\"db\"'], continue: true, routes: [{receiver: db-night, matchers: ['severity=\"warning\"'], mute_time_intervals: [always]}]}
  - {receiver: page, matchers: ['severity=\"critical\"'], group_by: ['...']}
  - {receiver: db-too, matchers: ['team=~\"d.*\"']}
time_intervals: [{name: always, time_intervals: [{}]}]
receivers: [{name: all}, {name: db}, {name: db-night}, {name: page, fallback: all, webhook_configs: [{url: 'http://x/'}]}, {name: db-too}]
";

fn config() -> Config {
    Config::parse("am.yml", TREE, Path::new("")).unwrap()
}

fn why<'t>(test: &'t RouteTest, id: &str) -> (Outcome, &'t str) {
    fn find<'t>(node: &'t RouteNode, id: &str) -> Option<&'t RouteNode> {
        if node.id == id {
            return Some(node);
        }
        node.routes.iter().find_map(|child| find(child, id))
    }
    let (outcome, why) = find(test.tree.as_ref().unwrap(), id).unwrap().verdict.as_ref().unwrap();
    (*outcome, why)
}

#[test]
fn every_node_says_what_it_made_of_an_alert_and_why() {
    let labels = Labels::from_pairs([("alertname", "A"), ("team", "db"), ("severity", "critical")]);
    let test = test(&config(), &labels, 0);
    assert_eq!(why(&test, ""), (Outcome::Passed, ""));
    assert_eq!(why(&test, "0"), (Outcome::EndsHere, "team=\"db\""));
    assert_eq!(
        why(&test, "0.0"),
        (Outcome::NotMatched, "severity=\"warning\": the alert has severity=\"critical\"")
    );
    assert_eq!(why(&test, "1"), (Outcome::EndsHere, "severity=\"critical\""));
    assert_eq!(why(&test, "2"), (Outcome::NotTried, "route 1 took the alert and does not say continue"));
    let receivers: Vec<&str> = test.routes.iter().map(|route| route.receiver.as_str()).collect();
    assert_eq!(receivers, ["db", "page"]);
    let page = &test.routes[1];
    assert_eq!(page.group_labels, labels, "by all labels");
    assert_eq!(
        (page.integrations.as_slice(), page.fallback.as_deref()),
        (&["webhook[0]".to_owned()][..], Some("all"))
    );
}

#[test]
fn a_label_that_is_missing_and_an_interval_that_mutes_are_named() {
    let labels = Labels::from_pairs([("alertname", "A"), ("team", "db"), ("severity", "warning")]);
    let test = test(&config(), &labels, 0);
    assert_eq!(test.routes[0].receiver, "db-night");
    assert_eq!(test.routes[0].suppressed_by[0].names, ["always"]);
    let bare = super::test(&config(), &Labels::from_pairs([("alertname", "A")]), 0);
    assert_eq!(why(&bare, "0"), (Outcome::NotMatched, "team=\"db\": the alert has no label \"team\""));
    assert_eq!(why(&bare, "0.0"), (Outcome::NotTried, "route 0 above does not match"));
    assert_eq!(bare.routes[0].receiver, "all");
}

proptest! {
    #[test]
    fn the_trace_ends_where_alerts_are_routed(team in "[a-d]{1,2}", severity in "critical|warning|info") {
        let labels = Labels::from_pairs([("team", team.as_str()), ("severity", severity.as_str())]);
        let config = config();
        let root = config.route.as_ref().unwrap();
        let traced = RouteNode::traced(root, &labels);
        let traced: Vec<&str> = traced.ends().iter().map(|node| node.receiver.as_str()).collect();
        let routed: Vec<&str> = root.matching(&labels).iter().map(|route| route.receiver.as_str()).collect();
        prop_assert_eq!(traced, routed);
    }
}
