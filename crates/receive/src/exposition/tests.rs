use super::*;
use proptest::prelude::*;
use std::io::Write as _;
use watchfire_model::ingest::Refusal;
use watchfire_model::{SampleValue, ingest::Row};

fn options(extra: &[&str], timestamp: Option<&str>) -> Options {
    Options::read(extra.iter().copied(), timestamp, 1_000).unwrap()
}

fn take(body: &str) -> Received {
    accept(Headers::default(), &options(&[], None), body.as_bytes()).unwrap()
}

fn rows(received: &Received) -> Vec<(String, i64, f64)> {
    let told = |row: Row| {
        let labels: Vec<String> = row.series.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let SampleValue::Float(value) = row.value else { panic!("no histogram was sent") };
        (labels.join(","), row.timestamp_ms, value)
    };
    received.batch.rows().map(told).collect()
}

#[test]
fn samples_without_a_time_get_that_of_the_request_and_every_series_its_labels() {
    let options = options(&["job=nightly=1", "run=b"], Some("5000"));
    let body = "train_loss{run=\"a\",rank=\"0\"} 0.42\nscore 3 7000\n";
    let received = accept(Headers::default(), &options, body.as_bytes()).unwrap();
    let expected = vec![
        ("__name__=train_loss,job=nightly=1,rank=0,run=b".to_owned(), 5_000, 0.42),
        ("__name__=score,job=nightly=1,run=b".to_owned(), 7_000, 3.0),
    ];
    assert_eq!(rows(&received), expected);
}

#[test]
fn a_wrong_line_is_named_with_its_place_and_costs_itself_only() {
    let body = "a 1\nb{x=} 2\nc 3\n\nd{y=\"1\" 4\ne 5 nonsense\nf 6\ng x";
    let received = take(body);
    let names: Vec<String> = rows(&received).into_iter().map(|(labels, ..)| labels).collect();
    assert_eq!(names, ["__name__=a", "__name__=c", "__name__=f"]);
    let places: Vec<&str> = received.faults.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(places, ["2:5", "5:9", "6:5", "8:3"], "{:?}", received.faults);
    assert_eq!(received.batch.refused().iter().map(|refusal| refusal.rows).sum::<usize>(), 4);
}

#[test]
fn a_body_of_nothing_but_rubbish_is_not_read_to_its_end() {
    let received = take(&"= \n".repeat(MAX_FAULTS * 2));
    assert!(received.is_cut);
    assert_eq!((received.wrong_lines, received.faults.len()), (MAX_FAULTS, NAMED_FAULTS));
    let (_, _, faults) = received.into_parts();
    let answer = answer(&faults, &WriteReport::default());
    assert!(answer.message.contains("and 9990 more lines") && answer.message.contains("was not read"));
}

#[test]
fn families_are_described_and_openmetrics_is_read_where_the_header_says_so() {
    let headers =
        Headers { content_type: Some("application/openmetrics-text; version=1.0.0"), ..Headers::default() };
    let body = "# TYPE up_seconds gauge\n# UNIT up_seconds seconds\n# HELP up_seconds how long\nup_seconds 1 2.5\n# EOF\n";
    let received = accept(headers, &options(&[], None), body.as_bytes()).unwrap();
    assert_eq!(rows(&received), vec![("__name__=up_seconds".to_owned(), 2_500, 1.0)]);
    let metadata = &received.metadata["up_seconds"];
    assert_eq!(
        (metadata.kind.as_str(), metadata.unit.as_str(), metadata.help.as_str()),
        ("gauge", "seconds", "how long")
    );
    let torn = accept(headers, &options(&[], None), b"a 1\n").unwrap();
    assert_eq!((rows(&torn).len(), torn.wrong_lines), (1, 1), "the end is missing, and its sample is kept");
}

#[test]
fn gzip_is_unpacked_up_to_its_limit_and_other_packings_are_refused() {
    let gzip = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let packed = Headers { content_encoding: Some("gzip"), ..Headers::default() };
    let accept = |headers, body: &[u8]| super::accept(headers, &options(&[], None), body);
    assert_eq!(rows(&accept(packed, &gzip(b"a 1\n")).unwrap()).len(), 1);
    let bomb = gzip(&vec![b'\n'; MAX_DECODED_BYTES + 1]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(accept(packed, &bomb).unwrap_err().status, 413);
    assert_eq!(accept(packed, b"a 1\n").unwrap_err().status, 400);
    let other = Headers { content_encoding: Some("br"), ..Headers::default() };
    assert_eq!(accept(other, b"").unwrap_err().status, 415);
    assert!(accept(Headers::default(), b"a 1\n\xff 2\n").unwrap_err().message.starts_with("2:1: "));
}

#[test]
fn parameters_that_make_no_sense_are_told() {
    for (extra, timestamp) in
        [(vec!["job"], None), (vec!["0=1"], None), (vec!["__name__=x"], None), (vec![], Some("now"))]
    {
        let error = Options::read(extra.into_iter(), timestamp, 0).unwrap_err();
        assert_eq!(error.status, 400);
    }
}

#[test]
fn the_answer_tells_what_the_store_refused_too() {
    let refusal = Refusal { reason: RefusalReason::TooOld, rows: 2, example: "a is old".to_owned() };
    let report = WriteReport { accepted: 1, refused: vec![refusal], ..WriteReport::default() };
    let told = answer(&Faults::default(), &report);
    assert_eq!(
        told,
        Answer { status: 400, message: "1 samples kept\na is old (2 samples too_old)\n".to_owned() }
    );
    let kept = WriteReport { accepted: 1, ..WriteReport::default() };
    assert_eq!(answer(&Faults::default(), &kept).status, 204);
}

proptest! {
    #[test]
    fn good_lines_among_any_others_are_kept(
        rubbish in proptest::collection::vec("[ -!#-~]{0,12}", 0..20),
        at in 0_usize..20,
    ) {
        let mut lines = rubbish;
        lines.insert(at.min(lines.len()), "kept_for_certain 1".to_owned());
        let received = take(&lines.join("\n"));
        let found = rows(&received).iter().any(|(labels, _, value)| labels == "__name__=kept_for_certain" && *value == 1.0);
        prop_assert!(found);
    }
}
