use super::*;
use std::path::PathBuf;
use watchfire_model::Labels;

/// The conformance data beside the project, or a printed line that it is not there.
pub(super) fn shared_data(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WATCHFIRE_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join("data").join(part);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no conformance data at {}", path.display());
    None
}

fn parse(body: &str, format: Format) -> Result<Vec<Entry<'_>>, ParseError> {
    Parser::new(body, format).collect()
}

fn samples(body: &str, format: Format) -> Vec<SampleLine<'_>> {
    let entries = parse(body, format).unwrap();
    entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Sample(sample) => Some(sample),
            _ => None,
        })
        .collect()
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let mut bits = 0_u32;
    let mut count = 0;
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let digit = ALPHABET.iter().position(|known| *known == letter).unwrap() as u32;
        bits = bits << 6 | digit;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

#[test]
fn prometheus_own_rows_get_the_verdicts_prometheus_gives() {
    let Some(folder) = shared_data("prometheus") else { return };
    let mut ran = 0;
    let mut wrong = Vec::new();
    for (file, format) in [
        ("openmetrics_parse_errors.json", Format::OpenMetrics),
        ("openmetrics_null_byte.json", Format::OpenMetrics),
        ("promtext_parse_errors.json", Format::Text),
    ] {
        let rows: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
        for row in rows.as_array().unwrap() {
            let input = match row["input"].as_str() {
                Some(input) => input.as_bytes().to_vec(),
                None => decode_base64(row["input_b64"].as_str().unwrap()),
            };
            let expected_good = matches!(row["err"].as_str().unwrap(), "" | "EOF");
            let verdict = utf8(&input).and_then(|body| parse(body, format).map(drop));
            ran += 1;
            if verdict.is_ok() != expected_good {
                wrong.push(format!(
                    "{file}: {:?}: {verdict:?}, expected {}",
                    String::from_utf8_lossy(&input),
                    row["err"]
                ));
            }
        }
    }
    println!("prometheus rows: {} of {ran} as Prometheus", ran - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn real_expositions_parse() {
    let mut ran = 0;
    for part in ["prometheus/expositions", "llm/captured", "llm/synthetic"] {
        let Some(folder) = shared_data(part) else { return };
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.ends_with(".txt") {
                continue;
            }
            let format = if name.ends_with(".om.txt") { Format::OpenMetrics } else { Format::Text };
            let body = std::fs::read(&path).unwrap();
            let mut body = utf8(&body).unwrap().to_owned();
            if format == Format::OpenMetrics && !body.contains("# EOF") {
                body.push_str("# EOF\n");
            }
            let found = samples(&body, format);
            let lines = body.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
            assert_eq!(found.len(), lines, "{name}");
            for sample in &found {
                assert!(!sample.to_labels().metric_name().is_empty());
                assert_eq!(sample.duplicate_label(), None);
            }
            ran += 1;
        }
    }
    println!("expositions parsed: {ran}");
    assert!(ran >= 8);
}

#[test]
fn a_sample_lends_out_its_parts() {
    let found = samples(
        "# a comment\n\n http_requests_total { code = \"200\" , path=\"a\\\\b\\n\\\"c\\\"\\d\", }  1027 1395066363000 \n",
        Format::Text,
    );
    let sample = &found[0];
    assert_eq!(sample.raw_series, "http_requests_total { code = \"200\" , path=\"a\\\\b\\n\\\"c\\\"\\d\", }");
    assert_eq!(sample.name(), "http_requests_total");
    let labels: Vec<_> = sample.labels().collect();
    assert_eq!(
        labels,
        [("code".into(), "200".into()), ("path".into(), "a\\b\n\"c\"\\d".into())]
            as [(Cow<'_, str>, Cow<'_, str>); 2]
    );
    assert_eq!((sample.value, sample.timestamp_ms), (1027.0, Some(1_395_066_363_000)));
}

#[test]
fn names_in_any_script_stand_in_quotes() {
    let body =
        "# TYPE \"mein.zähler\" counter\n{\"mein.zähler\",\"where.is\"=\"здесь\"} 3\n{a=\"b\",\"n\"} 1\n";
    let found = samples(body, Format::Text);
    assert_eq!(
        found[0].to_labels(),
        Labels::from_pairs([("__name__", "mein.zähler"), ("where.is", "здесь")])
    );
    assert_eq!(found[1].to_labels(), Labels::from_pairs([("__name__", "n"), ("a", "b")]));
}

#[test]
fn openmetrics_timestamps_are_seconds_and_exemplars_come_along() {
    let body =
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 5 1.5 # {trace_id=\"x # }\"} 0.25 1520879607.789\n# EOF\n";
    let found = samples(body, Format::OpenMetrics);
    assert_eq!(found[0].timestamp_ms, Some(1500));
    let exemplar = found[0].exemplar.as_ref().unwrap();
    assert_eq!((exemplar.value, exemplar.timestamp_ms), (0.25, Some(1_520_879_607_789)));
    assert_eq!(exemplar.labels().next().unwrap(), ("trace_id".into(), "x # }".into()));
}

#[test]
fn a_time_beyond_all_milliseconds_is_the_last_of_them() {
    assert_eq!(
        samples("a 4 12345678901234567890.12\n# EOF\n", Format::OpenMetrics)[0].timestamp_ms,
        Some(i64::MAX)
    );
    assert!(parse("a 4 12345678901234567890\n", Format::Text).is_err());
}

#[test]
fn an_error_says_where_what_and_what_instead() {
    let error = parse("a 1\nb{x=\"ä\",y=z} 1\n", Format::Text).unwrap_err();
    assert_eq!(error.to_string(), "2:11: found \"z} 1\", expected a label value in double quotes");
    let html = parse("<!DOCTYPE html>\n<html>", Format::Text).unwrap_err();
    assert_eq!(
        html.to_string(),
        "1:1: found \"<!DOCTYPE html>\", expected a metric name, `{` or `#` at the start of a line"
    );
    assert_eq!(
        utf8(b"a 1\nb\xff 2").unwrap_err().to_string(),
        "2:2: found the byte 0xff, which is not UTF-8, expected UTF-8 text"
    );
    assert_eq!(
        parse("a 1\n", Format::OpenMetrics).unwrap_err().to_string(),
        "2:1: found end of input, expected `# EOF` as the last line"
    );
}

#[test]
fn numbers_read_as_go_reads_them() {
    for (text, value) in [
        ("1", 1.0),
        ("-0.5e3", -500.0),
        ("+Inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
        (".5", 0.5),
        ("123456789012345678", 1.2345678901234568e17),
    ] {
        assert_eq!(number::value(text), Some(value), "{text}");
    }
    assert_eq!(number::value("NaN").unwrap().to_bits(), 0x7ff8_0000_0000_0001);
    for text in ["", "0x1", "1_0", "+nan", "1e999", "1e", "one", "1 "] {
        assert_eq!(number::value(text), None, "{text}");
    }
}

#[test]
fn content_types_name_their_format() {
    assert_eq!(Format::from_content_type("text/plain; version=0.0.4"), Some(Format::Text));
    assert_eq!(
        Format::from_content_type("Application/OpenMetrics-Text;version=1.0.0"),
        Some(Format::OpenMetrics)
    );
    assert_eq!(Format::from_content_type("text/html"), None);
    assert_eq!(negotiate(ACCEPT), Format::OpenMetrics);
    assert_eq!(negotiate("*/*"), Format::Text);
    assert_eq!(
        negotiate("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1"),
        Format::Text
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(body in "(?s).{0,200}", openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics } else { Format::Text };
        for entry in Parser::new(&body, format).flatten() {
            if let Entry::Sample(sample) = entry {
                let _ = sample.to_labels();
            }
        }
    }

    #[test]
    fn nearly_right_text_does_not_panic_either(body in "([a{}=\",# \\\\n\n1.é]|TYPE|HELP|EOF|UNIT){0,60}", openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics } else { Format::Text };
        for entry in Parser::new(&body, format).flatten() {
            if let Entry::Sample(sample) = entry {
                let _ = (sample.to_labels(), sample.duplicate_label());
            }
        }
    }
}

#[test]
fn what_is_written_reads_back_the_same() {
    let mut family =
        write::Family::new("disk_used_bytes", MetricType::Gauge, "Line one\nback\\slash \"quoted\"");
    family.push([("path", "C:\\\"x\"\n"), ("dotted.name", "1")], 1.5e9);
    family.push([], f64::NEG_INFINITY);
    let mut odd = write::Family::new("größe", MetricType::Info, "");
    odd.push([("a", "b")], 1.0);
    let mut counter = write::Family::new("things_total", MetricType::Counter, "Things.");
    counter.points.push(write::Point { value: 3.0, timestamp_ms: Some(-1_500), ..write::Point::default() });
    for format in [Format::Text, Format::OpenMetrics] {
        let body = write::write([&family, &odd, &counter], format);
        let entries = parse(&body, format).unwrap();
        assert!(
            entries.iter().any(|entry| matches!(entry, Entry::Help { help, .. } if *help == family.help))
        );
        let found = samples(&body, format);
        let written: Vec<_> = [&family, &odd, &counter]
            .iter()
            .flat_map(|family| {
                family.points.iter().map(|point| (family.labels_of(point), point.value, point.timestamp_ms))
            })
            .collect();
        let read: Vec<_> =
            found.iter().map(|sample| (sample.to_labels(), sample.value, sample.timestamp_ms)).collect();
        assert_eq!(read, written, "{body}");
    }
    let openmetrics = write::write([&family, &counter], Format::OpenMetrics);
    assert!(strict::check(&openmetrics).is_ok(), "{openmetrics}");
}

#[test]
fn numbers_are_written_as_go_writes_them() {
    for (value, text) in [
        (0.0, "0"),
        (1.0, "1"),
        (999_999.0, "999999"),
        (1_000_000.0, "1e+06"),
        (3_831_959_552.0, "3.831959552e+09"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-1.5, "-1.5"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
    ] {
        let mut written = String::new();
        write::push_value(&mut written, value);
        assert_eq!(written, text);
    }
}

#[test]
fn created_samples_tell_when_their_counter_began() {
    let body = "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 1520430000.123\n# TYPE h histogram\n\
                h_bucket{le=\"+Inf\"} 0\nh_created 1\n# TYPE g_created gauge\ng_created 7\n# EOF\n";
    let times = created::StartTimes::read(body);
    let found = samples(body, Format::OpenMetrics);
    assert_eq!(times.of("a", &found[0]), Some(1_520_430_000_123));
    assert_eq!(times.of("h", &found[2]), Some(1_000));
    assert_eq!(times.of("g_created", &found[4]), None);
    assert!(created::StartTimes::is_marker("a", MetricType::Counter, &found[1]));
    assert!(!created::StartTimes::is_marker("g", MetricType::Gauge, &found[4]));
}

proptest::proptest! {
    #[test]
    fn any_number_survives_being_written(value: f64) {
        let mut text = String::new();
        write::push_value(&mut text, value);
        let read = number::value(&text).unwrap();
        proptest::prop_assert!(read == value || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn any_label_set_survives_being_written(name in "[a-z.é\"\\\\\n]{1,8}", label in "[a-z.é\"\\\\\n]{1,8}", value in "(?s).{1,12}", openmetrics: bool) {
        let format = if openmetrics { Format::OpenMetrics } else { Format::Text };
        let series = Labels::from_pairs([("__name__", name.as_str()), (label.as_str(), value.as_str())]);
        let mut writer = write::Writer::new(format);
        writer.sample(&series, 1.0, Some(1234));
        let body = writer.finish();
        let found = samples(&body, format);
        proptest::prop_assert_eq!(found[0].to_labels(), series);
        proptest::prop_assert_eq!(found[0].timestamp_ms, Some(1234));
    }
}
