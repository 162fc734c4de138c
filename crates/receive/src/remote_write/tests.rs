use super::*;
use watchfire_model::Labels;
use watchfire_model::ingest::{Refusal, RefusalReason, Row};
use watchfire_wire::protobuf::MessageWriter;
use watchfire_wire::remote_write::{FamilyMetadata, FloatSample, HistogramForm, TimeSeries, encode};
use watchfire_wire::snappy;

const V1: Headers<'_> = Headers {
    content_type: Some("application/x-protobuf"),
    content_encoding: Some("snappy"),
    version: Some("0.1.0"),
};

const V2: Headers<'_> = Headers {
    content_type: Some("application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    content_encoding: Some("snappy"),
    version: Some("2.0.0"),
};

fn body(series: &[TimeSeries<'_>], metadata: &[FamilyMetadata<'_>]) -> Vec<u8> {
    snappy::compress(&encode(series, metadata, HistogramForm::Float)).unwrap()
}

fn series<'a>(labels: &[(&'a str, &'a str)], values: &[f64]) -> TimeSeries<'a> {
    let samples =
        values.iter().zip(1..).map(|(value, timestamp_ms)| FloatSample { timestamp_ms, value: *value });
    TimeSeries { labels: labels.to_vec(), samples: samples.collect(), ..TimeSeries::default() }
}

fn rows(received: &Received) -> Vec<Row> {
    received.batch.rows().collect()
}

#[test]
fn a_request_becomes_rows_and_metadata() {
    let sent = [series(&[("__name__", "up"), ("job", "a")], &[1.0, 0.0])];
    let metadata = FamilyMetadata { family: "up", help: "is it up", ..FamilyMetadata::default() };
    let received = accept(V1, &body(&sent, &[metadata])).unwrap();
    let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
    assert_eq!(rows(&received).len(), 2);
    assert!(rows(&received).iter().all(|row| row.series == labels));
    assert_eq!(received.metadata[0].1.help, "is it up");
}

#[test]
fn the_answer_counts_what_was_kept_by_kind() {
    let report = WriteReport { accepted: 5, histograms: 2, exemplars: 7, ..WriteReport::default() };
    let answer = answer(&report);
    assert_eq!((answer.status, answer.message.as_str()), (204, ""));
    assert_eq!(
        answer.headers,
        [
            ("X-Prometheus-Remote-Write-Samples-Written", 3),
            ("X-Prometheus-Remote-Write-Histograms-Written", 2),
            ("X-Prometheus-Remote-Write-Exemplars-Written", 7),
        ]
    );
}

#[test]
fn labels_may_come_in_any_order() {
    let sent = [series(&[("z", "1"), ("__name__", "up"), ("a", "2")], &[1.0])];
    let received = accept(V1, &body(&sent, &[])).unwrap();
    assert_eq!(rows(&received)[0].series, Labels::from_pairs([("__name__", "up"), ("a", "2"), ("z", "1")]));
}

#[test]
fn what_the_sink_refused_is_told_with_its_count_and_an_example() {
    let refusal = |reason, rows, example: &str| Refusal { reason, rows, example: example.to_owned() };
    let refused = vec![
        refusal(RefusalReason::TooOld, 2, "up is too old"),
        refusal(RefusalReason::InvalidHistogram, 1, "the histogram of h at 5 ms: nonsense"),
    ];
    let answer = answer(&WriteReport { accepted: 1, refused, ..WriteReport::default() });
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.message,
        "up is too old (2 samples too_old); the histogram of h at 5 ms: nonsense (1 samples invalid_histogram)"
    );
    assert_eq!(answer.headers[0].1, 1);
}

#[test]
fn headers_decide_what_is_understood() {
    let good = body(&[], &[]);
    let with = |content_type, content_encoding| {
        accept(Headers { content_type, content_encoding, version: None }, &good).map_err(|error| error.status)
    };
    assert!(with(None, None).is_ok());
    assert!(with(Some("application/x-protobuf;proto=prometheus.WriteRequest"), Some("snappy")).is_ok());
    let unnamed = Headers { version: Some("2.0.0"), content_type: None, ..V1 };
    assert_eq!(accept(unnamed, &good).unwrap_err().status, 415);
    assert_eq!(with(Some("application/json"), Some("snappy")).unwrap_err(), 415);
    assert_eq!(with(Some("application/x-protobuf"), Some("gzip")).unwrap_err(), 415);
    assert_eq!(
        accept(unnamed, &good).unwrap_err().message,
        "remote write 2.0.0 without the name of its message; \
         supported: application/x-protobuf;proto=prometheus.WriteRequest (remote write 1.0) and \
         application/x-protobuf;proto=io.prometheus.write.v2.Request (2.0), both compressed with snappy"
    );
    assert_eq!(
        with(Some("application/x-protobuf;proto=io.prometheus.write.v3.Request"), None).unwrap_err(),
        415
    );
}

/// A request of version 2: the series `up` with a sample, its metadata, and a series whose name is not in the table.
fn v2_body() -> Vec<u8> {
    let mut message = MessageWriter::new();
    for symbol in ["", "__name__", "up", "is it up"] {
        message.bytes(4, symbol.as_bytes());
    }
    for name in [2, 9] {
        message.message(5, |series| {
            series.bytes(1, &[1, name]);
            series.message(2, |sample| {
                sample.double(1, 1.0);
                sample.uint64(2, 5);
                sample.uint64(3, 4);
            });
            series.message(5, |metadata| {
                metadata.uint64(1, 2);
                metadata.uint64(3, 3);
            });
        });
    }
    // Written by this writer, an empty symbol would be left out.
    let bytes = [&[4 << 3 | 2, 0], message.finish().as_slice()].concat();
    snappy::compress(&bytes).unwrap()
}

#[test]
fn the_content_type_tells_version_2_from_version_1() {
    let body = v2_body();
    for content_type in [
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "Application/X-Protobuf; charset=utf-8; Proto=\"io.prometheus.write.v2.Request\"",
    ] {
        // The version's number does not matter where the message is named.
        for version in [None, Some("2.0.0"), Some("0.1.0")] {
            let headers =
                Headers { content_type: Some(content_type), content_encoding: Some("snappy"), version };
            let received = accept(headers, &body).unwrap();
            let rows = rows(&received);
            assert_eq!(rows.len(), 1);
            assert_eq!((rows[0].timestamp_ms, rows[0].start_timestamp_ms), (5, 4));
            assert_eq!(received.metadata[0].1.help, "is it up");
            assert_eq!(received.batch.refused()[0].reason, RefusalReason::InvalidLabels);
        }
    }
    assert!(accept(V1, &body).unwrap().batch.is_empty());
}

#[test]
fn a_body_that_is_no_request_is_refused_whole() {
    for version in [V1, V2] {
        no_request(version);
    }
    let symbols = snappy::compress(&[4 << 3 | 2, 0].repeat(5 << 20)).unwrap();
    assert_eq!(accept(V2, &symbols).unwrap_err().status, 413);
}

fn no_request(headers: Headers<'_>) {
    let status = |body: &[u8]| accept(headers, body).unwrap_err().status;
    assert_eq!(status(b""), 400);
    assert_eq!(status(b"hello"), 400);
    assert_eq!(status(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]), 413);
    assert_eq!(status(&snappy::compress(&[0x0a, 0x05, 1]).unwrap()), 400);
}

proptest::proptest! {
    #[test]
    fn hostile_bodies_never_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100)) {
        for headers in [V1, V2] {
            let _ = accept(headers, &bytes);
            let _ = accept(headers, &snappy::compress(&bytes).unwrap());
        }
    }
}
