use super::*;

fn problems(text: &str) -> Vec<(usize, String)> {
    report(text).unwrap().problems
}

#[test]
fn what_can_be_drawn_is_good_and_counted() {
    let found = report(
        r#"{"title": "a", "panels": [
            {"type": "timeseries", "title": "b", "targets": [{"expr": "rate(up{job=~\"$job\"}[$__rate_interval])"}, {"expr": ""}]},
            {"type": "row", "collapsed": true, "panels": [{"type": "graph", "targets": [{"expr": "topk($n, ${metric:raw})"}]}]}
        ]}"#,
    )
    .unwrap();
    assert_eq!((found.panels, found.queries, found.problems), (2, 2, vec![]));
}

#[test]
fn each_problem_is_told_with_the_line_it_begins_in() {
    let found = problems(
        "{\"panels\": [\n{\"type\": \"nodeGraph\", \"title\": \"services\"},\n{\"type\": \"stat\", \"targets\": [\n{\"expr\": \"sum(\"}]},\n\
         {\"type\": \"table\", \"datasource\": {\"type\": \"loki\"}, \"targets\": [{\"expr\": \"{a=1}\"}]},\n7]}",
    );
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 4, 5, 6], "{found:?}");
    assert!(found[0].1.contains("nodeGraph"), "{found:?}");
    assert!(found[1].1.contains("sum("), "{found:?}");
    assert!(found[2].1.contains("loki"), "{found:?}");
}

#[test]
fn exports_of_the_api_and_old_rows_are_read_and_other_schemas_are_refused() {
    assert_eq!(report(r#"{"dashboard": {"panels": [{"type": "gauge"}]}, "meta": {}}"#).unwrap().panels, 1);
    assert_eq!(report(r#"{"apiVersion": "x", "spec": {"panels": [{"type": "gauge"}]}}"#).unwrap().panels, 1);
    assert_eq!(report(r#"{"rows": [{"panels": [{"type": "singlestat"}]}]}"#).unwrap().panels, 1);
    assert!(report(r#"{"spec": {"elements": {}}}"#).unwrap_err().to_string().contains("schema 2"));
    assert!(report("{\n\"panels\": [}").unwrap_err().to_string().contains("line 2"));
}

#[test]
fn variables_stand_for_what_their_place_allows() {
    for good in [
        "rate(x[$interval])",
        "rate(x[[[interval]]])",
        "x{a=\"$b\", c=~'${d:regex}'} offset $shift",
        "sum by ($group) (x)",
        "x > $threshold",
        "x[$__range:$__interval]",
        "x * ${__range_ms}",
        "${prefix}_total",
        "label_replace(x, \"a\", \"$1\", \"b\", \"(.*)\")",
        "quantile_over_time($q, x[$__interval])",
    ] {
        assert_eq!(fault_of(good), None, "{good}");
    }
    assert!(fault_of("rate(x[$interval]").is_some());
    assert!(fault_of("x{a=\"b}").is_some());
}

#[test]
fn the_kinds_are_those_the_web_ui_draws() {
    let source = include_str!("../../../../../../ui/src/dashboard/kinds.ts");
    let (_, list) = source.split_once('[').unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let kinds: Vec<&str> =
        list.split(',').map(|one| one.trim().trim_matches('"')).filter(|one| !one.is_empty()).collect();
    assert_eq!(kinds, DRAWN);
}

#[test]
fn built_in_dashboards_are_good() {
    assert!(!watchfire_assets::dashboards().is_empty());
    for dashboard in watchfire_assets::dashboards() {
        assert_eq!(problems(dashboard.text), [], "{}", dashboard.name);
    }
}

/// Real dashboards, where they are at hand: most of their panels are drawn, and next to no query is unreadable.
#[test]
fn public_dashboards_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/dashboards");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("public dashboards: not at hand, 0 read");
        return;
    };
    let (mut files, mut panels, mut queries, mut kinds, mut unreadable) = (0, 0, 0, 0, Vec::new());
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let found = report(&std::fs::read_to_string(&path).unwrap()).unwrap();
        files += 1;
        panels += found.panels;
        queries += found.queries;
        for (line, problem) in found.problems {
            if problem.contains(" in \"") {
                unreadable.push(format!("{}:{line}: {problem}", path.display()));
            } else {
                kinds += 1;
            }
        }
    }
    println!(
        "public dashboards: {files} read, {kinds} of {panels} panels not drawn, {} of {queries} queries not read",
        unreadable.len()
    );
    assert!(unreadable.len() * 100 <= queries, "{unreadable:#?}");
    assert!(kinds * 10 <= panels, "{kinds} of {panels}");
}
