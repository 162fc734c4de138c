//! Values as Prometheus's JSON writes them: `[1435781451.781,"1"]`.

pub(crate) mod protobuf;
mod stamps;

use crate::answer::Page;
use stamps::Stamps;
use watchfire_model::{Histogram, Labels, SampleValue, Samples, Series};
use watchfire_promql::value::VectorSample;
use watchfire_promql::{Annotations, Value};

/// Appends a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    // Writing to a vector cannot fail, and a str is always valid JSON text once escaped.
    let _ = serde_json::to_writer(out, text);
}

/// Appends a timestamp: seconds, with milliseconds only where there are any.
pub(crate) fn push_timestamp(out: &mut Vec<u8>, timestamp_ms: i64) {
    if timestamp_ms < 0 {
        out.push(b'-');
    }
    let magnitude = timestamp_ms.unsigned_abs();
    push_integer(out, magnitude / 1000);
    let ms = magnitude % 1000;
    if ms != 0 {
        out.push(b'.');
        out.extend([ms / 100, ms / 10 % 10, ms % 10].map(digit));
    }
}

const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

fn push_integer(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = digit(number);
        at -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// Appends a float as a JSON string, shortest form that reads back to the same bits.
pub(crate) fn push_float(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    push_number(out, value);
    out.push(b'"');
}

/// A float as Prometheus's API writes it: `NaN`, `+Inf`, no exponent between 1e-6 and 1e21.
pub(crate) fn float_text(value: f64) -> String {
    let mut out = Vec::new();
    push_number(&mut out, value);
    String::from_utf8(out).unwrap_or_default()
}

fn push_number(out: &mut Vec<u8>, value: f64) {
    /// Below this every whole number is exact, and its digits are its shortest form.
    const WHOLE: f64 = 1e15;
    /// Between these, JSON's numbers have no exponent either.
    const PLAIN: std::ops::Range<f64> = 1e-4..1e16;
    let magnitude = value.abs();
    // Writing to a vector cannot fail.
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if magnitude < WHOLE && is_whole(magnitude) && magnitude != 0.0 {
        if value < 0.0 {
            out.push(b'-');
        }
        push_integer(out, magnitude as u64);
    } else if PLAIN.contains(&magnitude) && !is_whole(magnitude) {
        // Faster than the standard library, and where two shortest forms are equally near it takes the even one, as Go
        // does and the standard library does not.
        let _ = serde_json::to_writer(out, &value);
    } else if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        let _ = std::io::Write::write_fmt(out, format_args!("{value}"));
    } else {
        let text = format!("{value:e}");
        // Go writes the exponent's sign and at least two of its digits.
        let text = match text.split_once('e') {
            Some((mantissa, exponent)) => {
                let (sign, digits) =
                    exponent.strip_prefix('-').map_or(("+", exponent), |digits| ("-", digits));
                format!("{mantissa}e{sign}{digits:0>2}")
            }
            None => text,
        };
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether a number that is not negative has no fraction. From 2^53 on none has; [`f64::fract`] is a call.
#[inline]
fn is_whole(magnitude: f64) -> bool {
    magnitude as u64 as f64 == magnitude
}

pub(crate) fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, name);
        out.push(b':');
        push_string(out, value);
    }
    out.push(b'}');
}

/// `{"count":"…","sum":"…","buckets":[[rule,"lower","upper","count"],…]}`; empty buckets are left out.
fn push_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    out.extend_from_slice(b"{\"count\":");
    push_float(out, histogram.count);
    out.extend_from_slice(b",\"sum\":");
    push_float(out, histogram.sum);
    let mut first = true;
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        out.extend_from_slice(if first { b",\"buckets\":[[" } else { b",[" });
        first = false;
        // 0: open left, 1: open right, 2: open both, 3: closed both.
        let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
            (false, true) => b'0',
            (true, false) => b'1',
            (false, false) => b'2',
            (true, true) => b'3',
        };
        out.push(rule);
        for value in [bucket.lower, bucket.upper, bucket.count] {
            out.push(b',');
            push_float(out, value);
        }
        out.push(b']');
    }
    if !first {
        out.push(b']');
    }
    out.push(b'}');
}

fn push_value(out: &mut Vec<u8>, timestamp_ms: i64, value: &SampleValue) {
    out.push(b'[');
    push_timestamp(out, timestamp_ms);
    out.push(b',');
    match value {
        SampleValue::Float(value) => push_float(out, *value),
        SampleValue::Histogram(histogram) => push_histogram(out, histogram),
    }
    out.push(b']');
}

fn push_vector_sample(out: &mut Vec<u8>, sample: &VectorSample) {
    out.extend_from_slice(b"{\"metric\":");
    push_labels(out, &sample.labels);
    out.extend_from_slice(match sample.value {
        SampleValue::Float(_) => b",\"value\":",
        SampleValue::Histogram(_) => b",\"histogram\":",
    });
    push_value(out, sample.timestamp_ms, &sample.value);
    out.push(b'}');
}

fn push_samples(out: &mut Vec<u8>, samples: &Samples, stamps: &mut Stamps) {
    if !samples.has_histograms() {
        if samples.is_empty() {
            return;
        }
        out.extend_from_slice(b",\"values\":[");
        stamps.rewind();
        for (timestamp_ms, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
            stamps.push(out, *timestamp_ms);
            push_number(out, *value);
            out.extend_from_slice(b"\"],");
        }
        out.pop();
        out.push(b']');
        return;
    }
    for (key, histograms) in [("values", false), ("histograms", true)] {
        let chosen = |index: &usize| samples.histogram(*index).is_some() == histograms;
        let mut chosen = (0..samples.len()).filter(chosen).filter_map(|index| samples.get(index)).peekable();
        if chosen.peek().is_none() {
            continue;
        }
        out.extend_from_slice(format!(",{key:?}:").as_bytes());
        push_list(out, chosen, |out, (timestamp_ms, value)| push_value(out, timestamp_ms, &value));
    }
}

fn push_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

/// A scalar, which Prometheus writes another way than a sample: never with an exponent.
fn push_scalar(out: &mut Vec<u8>, timestamp_ms: i64, value: f64) {
    out.push(b'[');
    push_bare_timestamp(out, timestamp_ms);
    out.extend_from_slice(b",\"");
    if value.is_finite() && !(1e-6..1e21).contains(&value.abs()) {
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{value}"));
    } else {
        push_number(out, value);
    }
    out.extend_from_slice(b"\"]");
}

/// The timestamp of a scalar or string: as one of a sample, without zeros at its end.
fn push_bare_timestamp(out: &mut Vec<u8>, timestamp_ms: i64) {
    push_timestamp(out, timestamp_ms);
    if timestamp_ms % 1000 != 0 {
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Writes a whole successful answer to a query: status, data, and what there is to remark.
pub(crate) fn query_response(
    page: &mut Page,
    value: &Value,
    limit: usize,
    annotations: &Annotations,
    query: &str,
    stats: Option<&serde_json::Value>,
) {
    let out = page.buffer();
    out.extend_from_slice(b"{\"status\":\"success\",\"data\":{\"resultType\":\"");
    out.extend_from_slice(value.value_type().api_name().as_bytes());
    out.extend_from_slice(b"\",\"result\":");
    let mut truncated = false;
    match value {
        Value::Scalar { timestamp_ms, value } => push_scalar(out, *timestamp_ms, *value),
        Value::String { timestamp_ms, value } => {
            out.push(b'[');
            push_bare_timestamp(out, *timestamp_ms);
            out.push(b',');
            push_string(out, value);
            out.push(b']');
        }
        Value::Vector(samples) => {
            truncated = samples.len() > limit;
            let shown = samples.get(..limit).unwrap_or(samples);
            let about = |sample: &VectorSample| text_bytes(&sample.labels) + SAMPLE_BYTES;
            page.list(shown, about, || push_vector_sample);
        }
        Value::Matrix(series) => {
            truncated = series.len() > limit;
            let shown = series.get(..limit).unwrap_or(series);
            let about = |series: &Series| text_bytes(&series.labels) + series.samples.len() * SAMPLE_BYTES;
            page.list(shown, about, || {
                let mut stamps = Stamps::default();
                move |out: &mut Vec<u8>, series: &Series| {
                    out.extend_from_slice(b"{\"metric\":");
                    push_labels(out, &series.labels);
                    push_samples(out, &series.samples, &mut stamps);
                    out.push(b'}');
                }
            });
        }
    }
    let out = page.buffer();
    if let Some(stats) = stats {
        out.extend_from_slice(b",\"stats\":");
        // Writing to a vector cannot fail, nor can a value that is JSON already.
        let _ = serde_json::to_writer(&mut *out, stats);
    }
    out.push(b'}');
    let (mut warnings, infos) = annotation_texts(annotations, query);
    if truncated {
        warnings.push("results truncated due to limit".to_owned());
    }
    for (key, texts) in [("warnings", &warnings), ("infos", &infos)] {
        if !texts.is_empty() {
            out.extend_from_slice(format!(",{key:?}:").as_bytes());
            push_list(out, texts, |out, text| push_string(out, text));
        }
    }
    out.push(b'}');
}

/// Warnings and infos as texts, at most ten of each kind and then how many more, as Prometheus does.
pub(crate) fn annotation_texts(annotations: &Annotations, query: &str) -> (Vec<String>, Vec<String>) {
    const SHOWN: usize = 10;
    let shorten = |mut texts: Vec<String>, kind: &str| {
        let omitted = texts.len().saturating_sub(SHOWN);
        texts.truncate(SHOWN);
        if omitted > 0 {
            texts.push(format!("{omitted} more {kind} annotations omitted"));
        }
        texts
    };
    let (warnings, infos) = annotations.render(query);
    (shorten(warnings, "warning"), shorten(infos, "info"))
}

/// `{"status":"success","data":…}` with data that serialises.
pub(crate) fn success(data: &impl serde::Serialize) -> axum::response::Response {
    success_with_warnings(data, &[])
}

/// As [`success`], with warnings.
pub(crate) fn success_with_warnings(
    data: &impl serde::Serialize,
    warnings: &[String],
) -> axum::response::Response {
    let mut out = b"{\"status\":\"success\",\"data\":".to_vec();
    if let Err(error) = serde_json::to_writer(&mut out, data) {
        return axum::response::IntoResponse::into_response(crate::error::ApiError::internal(
            error.to_string(),
        ));
    }
    if !warnings.is_empty() {
        out.extend_from_slice(b",\"warnings\":");
        push_list(&mut out, warnings, |out, text| push_string(out, text));
    }
    out.push(b'}');
    json(out)
}

/// About how long a sample is as text.
const SAMPLE_BYTES: usize = 32;

/// About how long labels are as text.
fn text_bytes(labels: &Labels) -> usize {
    labels.as_bytes().len() + 32
}

/// Writes `{"status":"success","data":[…]}` with a list of texts, and warnings.
pub(crate) fn texts_response(page: &mut Page, texts: &[String], warnings: &[String]) {
    page.buffer().extend_from_slice(b"{\"status\":\"success\",\"data\":");
    page.list(texts, |text| text.len() + 3, || |out: &mut Vec<u8>, text: &String| push_string(out, text));
    let out = page.buffer();
    if !warnings.is_empty() {
        out.extend_from_slice(b",\"warnings\":");
        push_list(out, warnings, |out, text| push_string(out, text));
    }
    out.push(b'}');
}

/// A body that is JSON already.
pub(crate) fn json(body: Vec<u8>) -> axum::response::Response {
    axum::response::IntoResponse::into_response(([(http::header::CONTENT_TYPE, "application/json")], body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn response_of(value: &Value, query: &str) -> String {
        let (reply, _awaited) = crate::answer::Reply::new();
        let mut page = Page::new(crate::answer::Packing::Plain, reply);
        query_response(&mut page, value, usize::MAX, &Annotations::default(), query, None);
        String::from_utf8(page.buffer().clone()).unwrap()
    }

    #[test]
    fn numbers_look_as_prometheus_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-07"),
            (-2e-120, "-2e-120"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
            (-1234.0, "-1234"),
            (1e15, "1000000000000000"),
            (0.1, "0.1"),
            (1e16, "10000000000000000"),
            (0.0001, "0.0001"),
            (0.00001234, "0.00001234"),
            // Halfway between two shortest forms; these are a real Prometheus's answers.
            (637_158_808_661_681.0 + 0.25, "637158808661681.2"),
            (637_158_808_661_681.0 + 0.75, "637158808661681.8"),
            (900_719_925_474_099.0 + 0.25, "900719925474099.2"),
        ] {
            assert_eq!(float_text(value), expected);
            assert_eq!(text(|out| push_float(out, value)), format!("{expected:?}"));
        }
        assert_eq!(text(|out| push_timestamp(out, 1_435_781_451_781)), "1435781451.781");
        assert_eq!(text(|out| push_timestamp(out, 1_435_781_451_001)), "1435781451.001");
        assert_eq!(text(|out| push_timestamp(out, 1_435_781_451_000)), "1435781451");
        assert_eq!(text(|out| push_timestamp(out, -1_500)), "-1.500");
    }

    #[test]
    fn every_number_reads_back_to_the_same_bits() {
        // A walk through all exponents, with ever other digits.
        let mut bits: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..100_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let scaled = (bits >> 11) as f64 / 10_f64.powi((bits % 24) as i32);
            for value in [f64::from_bits(bits), scaled, -scaled, (scaled * 100.0).round() / 100.0] {
                let text = float_text(value);
                let back: f64 = text.parse().unwrap();
                assert!(back.to_bits() == value.to_bits() || value.is_nan(), "{text}");
                let has_exponent = text.contains('e');
                let is_extreme = value != 0.0 && !(1e-6..1e21).contains(&value.abs()) && value.is_finite();
                assert_eq!(has_exponent, is_extreme, "{text}");
                assert!(text.len() <= format!("{value}").len().max(4) + 1, "{text} is not the shortest");
            }
        }
    }

    #[test]
    fn hostile_label_values_stay_inside_their_quotes() {
        let labels = Labels::from_pairs([("a", "\"},{\u{0}\u{2028}</script>")]);
        let json = text(|out| push_labels(out, &labels));
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["a"], "\"},{\u{0}\u{2028}</script>");
    }

    #[test]
    fn scalars_and_strings_look_as_prometheus_writes_them() {
        let answer = |value: Value| {
            let body = response_of(&value, "");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            body["data"]["result"].to_string()
        };
        for (timestamp_ms, value, expected) in [
            (-1_500, 1.0, r#"[-1.5,"1"]"#),
            (1_050, 1e-7, r#"[1.05,"0.0000001"]"#),
            (100_000, 1e21, r#"[100,"1000000000000000000000"]"#),
            (1, f64::INFINITY, r#"[0.001,"+Inf"]"#),
            (0, -0.0, r#"[0,"-0"]"#),
        ] {
            let text = text(|out| push_scalar(out, timestamp_ms, value));
            assert_eq!(text, expected);
            assert_eq!(answer(Value::Scalar { timestamp_ms, value }), expected);
        }
        assert_eq!(answer(Value::String { timestamp_ms: 1_500, value: "a".to_owned() }), r#"[1.5,"a"]"#);
    }

    #[test]
    fn a_vector_answer_has_prometheus_shape() {
        let sample = VectorSample {
            labels: Labels::from_pairs([("__name__", "up")]),
            timestamp_ms: 1_000,
            value: SampleValue::Float(1.0),
        };
        assert_eq!(
            response_of(&Value::Vector(vec![sample]), "up"),
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up"},"value":[1,"1"]}]}}"#
        );
    }
}
