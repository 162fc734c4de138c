use super::*;
use crate::testing::one_job;
use watchfire_model::MetricType;
use watchfire_model::is_stale;

struct Scraper {
    state: SeriesState,
    mutator: Mutator,
    now_ms: i64,
}

impl Scraper {
    fn new(lines: &str) -> Self {
        let config = one_job(lines, "h:1").scrape_configs.remove(0);
        let target = Labels::from_pairs([("job", "test"), ("instance", "h:1")]);
        Self { state: SeriesState::default(), mutator: Mutator::new(config, target), now_ms: 0 }
    }

    fn scrape(&mut self, body: &str) -> Outcome {
        self.now_ms += 1000;
        self.state.ingest(body.as_bytes(), Ok(Format::Text), self.now_ms, &self.mutator)
    }

    /// The rows as `series value@time`, sorted.
    fn rows(&mut self, body: &str) -> Vec<String> {
        let outcome = self.scrape(body);
        assert_eq!(outcome.error, None);
        shown(&outcome.rows)
    }
}

fn shown(rows: &[Row]) -> Vec<String> {
    let mut shown: Vec<String> = rows
        .iter()
        .map(|row| {
            let SampleValue::Float(value) = row.value else { panic!("a float") };
            let value = if is_stale(value) { "stale".to_owned() } else { value.to_string() };
            let series = row.series.without(|name| name == "job" || name == "instance");
            format!("{series} {value}@{}", row.timestamp_ms)
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn samples_get_the_labels_of_their_target_and_one_timestamp() {
    let mut scraper = Scraper::new("");
    let outcome = scraper.scrape("a{x=\"1\"} 5\nb 7\n");
    assert_eq!(outcome.rows[0].series.to_string(), "a{instance=\"h:1\", job=\"test\", x=\"1\"}");
    assert!(outcome.rows.iter().all(|row| row.timestamp_ms == 1000));
    assert_eq!(outcome.counts, Counts { scraped: 2, kept: 2, added: 2, duplicates: 0 });
    assert_eq!(scraper.scrape("a{x=\"1\"} 6\nb 7\n").counts.added, 0);
}

#[test]
fn a_label_that_both_sides_have_is_kept_as_exported_or_honoured() {
    let mut scraper = Scraper::new("");
    let outcome = scraper.scrape("a{job=\"own\",exported_job=\"x\"} 1\n");
    let labels = &outcome.rows[0].series;
    assert_eq!(labels.get("job"), Some("test"));
    assert_eq!(labels.get("exported_job"), Some("x"));
    assert_eq!(labels.get("exported_exported_job"), Some("own"));

    let mut honouring = Scraper::new("honor_labels: true");
    let outcome = honouring.scrape("a{job=\"own\"} 1\nb{instance=\"\"} 1\n");
    assert_eq!(outcome.rows[0].series.get("job"), Some("own"));
    assert_eq!(outcome.rows[0].series.get("instance"), Some("h:1"));
    assert_eq!(outcome.rows[1].series.get("instance"), None, "an empty label stands for none");
    let outcome = scraper.scrape("b{instance=\"\"} 1\n");
    assert_eq!(outcome.rows[0].series.to_string(), "b{instance=\"h:1\", job=\"test\"}");
}

#[test]
fn a_series_that_vanishes_gets_one_stale_marker_and_may_come_back() {
    let mut scraper = Scraper::new("");
    scraper.rows("a 1\nb 1\n");
    assert_eq!(scraper.rows("a 2\n"), ["a 2@2000", "b stale@2000"]);
    assert_eq!(scraper.rows("a 3\n"), ["a 3@3000"]);
    assert_eq!(scraper.rows("a 4\nb 4\n"), ["a 4@4000", "b 4@4000"]);
}

#[test]
fn a_failed_scrape_keeps_no_sample_and_ends_every_series() {
    let mut scraper = Scraper::new("");
    scraper.rows("a 1\nb 1\n");
    let outcome = scraper.scrape("a 2\nnew 2\nbroken{ 1\n");
    assert!(matches!(outcome.error, Some(ScrapeError::Parse(_))), "{:?}", outcome.error);
    assert_eq!(shown(&outcome.rows), ["a stale@2000", "b stale@2000"]);
    let outcome = scraper.state.ingest(&[], Err(ScrapeError::BlankContentType), 3000, &scraper.mutator);
    assert!(outcome.rows.is_empty(), "what ended does not end again");
    scraper.now_ms = 3000;
    assert_eq!(scraper.scrape("a 4\nb 4\n").counts.added, 2);
}

#[test]
fn timestamps_of_the_target_are_kept_and_their_series_do_not_go_stale() {
    let mut scraper = Scraper::new("");
    assert_eq!(scraper.rows("a 1 500\nb 1\n"), ["a 1@500", "b 1@1000"]);
    assert_eq!(scraper.rows(""), ["b stale@2000"]);
    let mut deaf = Scraper::new("honor_timestamps: false");
    assert_eq!(deaf.rows("a 1 500\n"), ["a 1@1000"]);
    assert_eq!(deaf.rows(""), ["a stale@2000"]);
    let mut tracking = Scraper::new("track_timestamps_staleness: true");
    tracking.rows("a 1 500\n");
    assert_eq!(tracking.rows(""), ["a stale@2000"]);
}

#[test]
fn metric_rules_rewrite_and_drop_samples() {
    let mut scraper = Scraper::new(
        "metric_relabel_configs: [{source_labels: [__name__], regex: 'drop_.*', action: drop}, {regex: x, action: labeldrop}]",
    );
    let outcome = scraper.scrape("drop_me 1\na{x=\"1\",y=\"2\"} 3\n");
    assert_eq!(shown(&outcome.rows), ["a{y=\"2\"} 3@1000"]);
    assert_eq!(outcome.counts, Counts { scraped: 2, kept: 1, added: 1, duplicates: 0 });
}

#[test]
fn two_lines_made_one_series_by_a_rule_end_together() {
    let mut scraper = Scraper::new("metric_relabel_configs: [{regex: x, action: labeldrop}]");
    scraper.rows("a{x=\"1\"} 1\na{x=\"2\"} 1\n");
    assert_eq!(scraper.rows("a{x=\"1\"} 2\n"), ["a 2@2000"], "the other line still brings the series");
    assert_eq!(scraper.rows(""), ["a stale@3000"]);
}

#[test]
fn a_series_written_twice_counts_once() {
    let mut scraper = Scraper::new("");
    let outcome = scraper.scrape("a 1\na 2\n");
    assert_eq!(shown(&outcome.rows), ["a 1@1000"]);
    assert_eq!((outcome.counts.scraped, outcome.counts.duplicates), (2, 1));
}

#[test]
fn limits_fail_the_whole_scrape_with_the_words_of_prometheus() {
    for (lines, body, message) in [
        ("sample_limit: 1", "a 1\nb 1\nc 1\n", "sample limit exceeded"),
        (
            "label_limit: 3",
            "a{x=\"1\"} 1\n",
            "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
        ),
        (
            "label_name_length_limit: 8",
            "a{ninechars=\"1\"} 1\n",
            "label_name_length_limit exceeded (metric: a, label name: ninechars, length: 9, limit: 8)",
        ),
        (
            "label_value_length_limit: 4",
            "a{x=\"12345\"} 1\n",
            "label_value_length_limit exceeded (metric: a, label name: x, value: \"12345\", length: 5, limit: 4)",
        ),
        (
            "metric_relabel_configs: [{regex: __name__, action: labeldrop}]",
            "a 1\n",
            "missing metric name (__name__ label)",
        ),
        (
            "",
            "a{x=\"1\",x=\"2\"} 1\n",
            "label name \"x\" is not unique: invalid sample \"a{x=\\\"1\\\",x=\\\"2\\\"}\"",
        ),
    ] {
        let outcome = Scraper::new(lines).scrape(body);
        assert_eq!(outcome.error.map(|error| error.to_string()).as_deref(), Some(message));
        assert!(outcome.rows.is_empty());
        if lines.starts_with("sample_limit") {
            assert_eq!((outcome.counts.scraped, outcome.counts.kept), (3, 3));
        }
    }
}

#[test]
fn descriptions_are_handed_on_when_they_change() {
    let mut scraper = Scraper::new("");
    let body = "# HELP a words\n# TYPE a counter\na 1\n";
    let described = scraper.scrape(body).described;
    let metadata = Metadata { kind: MetricType::Counter, unit: String::new(), help: "words".to_owned() };
    assert_eq!(described, [("a".to_owned(), metadata)]);
    assert!(scraper.scrape(body).described.is_empty());
    assert_eq!(scraper.scrape("# TYPE a gauge\na 1\n").described.len(), 1);
}

#[test]
fn new_rules_end_what_they_no_longer_make() {
    let mut scraper = Scraper::new("");
    scraper.rows("a 1\nb 1\n");
    scraper.mutator =
        Scraper::new("metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]").mutator;
    scraper.state.forget_lines();
    assert_eq!(scraper.rows("a 2\nb 2\n"), ["a 2@2000", "b stale@2000"]);
}

#[test]
fn an_exemplar_comes_once_with_its_own_time_or_that_of_its_sample() {
    let mut scraper = Scraper::new("");
    let mut scrape = |body: &str| {
        scraper.now_ms += 1000;
        let (state, now_ms) = (&mut scraper.state, scraper.now_ms);
        let outcome = state.ingest(body.as_bytes(), Ok(Format::OpenMetrics), now_ms, &scraper.mutator);
        assert_eq!(outcome.error, None);
        let shown = outcome.exemplars.iter().map(|found| {
            let trace = &found.labels[0].1;
            format!("{} {trace} {}@{}", found.series.metric_name(), found.value, found.timestamp_ms)
        });
        shown.collect::<Vec<_>>()
    };
    let body = |trace: &str| {
        format!(
            "a_total 5 # {{trace_id=\"{trace}\"}} 0.5\nb_total 7 # {{trace_id=\"own\"}} 1 0.25\nc_total 1\n# EOF\n"
        )
    };
    assert_eq!(scrape(&body("x")), ["a_total x 0.5@1000", "b_total own 1@250"]);
    assert_eq!(scrape(&body("x")), [""; 0], "the same ones again");
    assert_eq!(scrape(&body("y")), ["a_total y 0.5@3000"]);
    assert_eq!(scrape(&body("x")), ["a_total x 0.5@4000"]);
    scraper.state.forget_exemplars();
    let again = scraper.state.ingest(body("x").as_bytes(), Ok(Format::OpenMetrics), 5000, &scraper.mutator);
    assert_eq!(again.exemplars.len(), 2, "what could not be written comes again");
}

#[test]
fn with_the_feature_series_say_their_type_and_unit_and_nobody_else_does() {
    let mut scraper = Scraper::new("");
    let body = "# TYPE h histogram\n# UNIT h seconds\nh_bucket{le=\"+Inf\",__type__=\"mine\"} 1\nh_sum 1\nh_count 1\n\
                # TYPE c_total counter\nc_total{__unit__=\"x\"} 2\nplain 3\n";
    let open_metrics = "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_bucket{le=\"+Inf\"} 1\n# TYPE c counter\nc_total 2\n# EOF\n";
    scraper.mutator = scraper.mutator.describing(true);
    assert_eq!(
        scraper.rows(body),
        [
            "c_total{__type__=\"counter\"} 2@1000",
            "h_bucket{__type__=\"histogram\", le=\"+Inf\"} 1@1000",
            "h_count{__type__=\"histogram\"} 1@1000",
            "h_sum{__type__=\"histogram\"} 1@1000",
            "plain 3@1000",
        ]
    );
    let outcome =
        scraper.state.ingest(open_metrics.as_bytes(), Ok(Format::OpenMetrics), 2_000, &scraper.mutator);
    assert_eq!(outcome.error, None);
    let live: Vec<String> = shown(&outcome.rows).into_iter().filter(|row| !row.contains("stale")).collect();
    assert_eq!(
        live,
        [
            "c_total{__type__=\"counter\"} 2@2000",
            "h_seconds_bucket{__type__=\"histogram\", __unit__=\"seconds\", le=\"+Inf\"} 1@2000"
        ]
    );
}
