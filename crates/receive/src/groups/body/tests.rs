use super::super::key::parse;
use super::*;

fn families(path: &str, text: &str, format: Format) -> Vec<String> {
    read(&parse(path).unwrap(), text, format).unwrap().into_values().collect()
}

#[test]
fn the_labels_of_the_group_stand_in_the_place_of_a_series_own() {
    let text = "# HELP a Of a.\n# TYPE a counter\na{job=\"other\",x=\"1\"} 2\nb 3.5\n";
    assert_eq!(
        families("job/j/instance/i", text, Format::Text),
        [
            "# HELP a Of a.\n# TYPE a counter\na{instance=\"i\",job=\"j\",x=\"1\"} 2\n",
            "# TYPE b untyped\nb{instance=\"i\",job=\"j\"} 3.5\n",
        ]
    );
}

#[test]
fn a_group_without_an_instance_says_that_it_has_none() {
    assert_eq!(
        families("job/j", "a 1\n", Format::Text),
        ["# TYPE a untyped\na{instance=\"\",job=\"j\"} 1\n"]
    );
}

#[test]
fn parts_of_histograms_and_summaries_are_one_family() {
    let text = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\ns_max 1\n";
    let read = read(&parse("job/j").unwrap(), text, Format::Text).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), ["h", "s", "s_max"]);
    assert_eq!(read["h"].lines().count(), 4);
}

#[test]
fn openmetrics_becomes_the_text_format() {
    let text = "# TYPE a counter\n# HELP a Of a.\na_total 1 # {trace=\"x\"} 1\na_created 1.5\n# EOF\n";
    assert_eq!(
        families("job/j", text, Format::OpenMetrics),
        [
            "# TYPE a_created untyped\na_created{instance=\"\",job=\"j\"} 1.5\n",
            "# HELP a_total Of a.\n# TYPE a_total counter\na_total{instance=\"\",job=\"j\"} 1\n",
        ]
    );
}

#[test]
fn what_tells_of_the_push_is_taken_from_nobody() {
    assert!(families("job/j", "push_time_seconds 1\npush_failure_time_seconds 2\n", Format::Text).is_empty());
}

#[test]
fn a_body_with_a_fault_is_refused_with_its_place() {
    for (text, said) in [
        ("a 1\nb one\n", "2:"),
        ("a 1 1700000000000\n", "a has a timestamp"),
        ("a 1\na 2\n", "twice"),
        ("a{x=\"1\",x=\"2\"} 1\n", "twice"),
        ("a{job=\"x\"} 1\na{job=\"y\"} 1\n", "twice"),
        ("a{__x=\"1\"} 1\n", "\"__x\""),
    ] {
        let error = read(&parse("job/j").unwrap(), text, Format::Text).unwrap_err();
        assert!(error.status == 400 && error.message.contains(said), "{text}: {error}");
    }
}
