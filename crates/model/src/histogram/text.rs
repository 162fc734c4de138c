//! Histograms as text: for people, and for test scripts.

use super::{Bucket, Histogram, ResetHint, layout};
use std::fmt;

/// `[lower,upper):count`, with the brackets of its bounds.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = if self.lower_inclusive { '[' } else { '(' };
        let close = if self.upper_inclusive { ']' } else { ')' };
        write!(f, "{open}{},{}{close}:{}", Number(self.lower), Number(self.upper), Number(self.count))
    }
}

/// `{count:3, sum:4.5, (1,2]:3}`: all filled buckets in the order of their values.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", Number(self.count), Number(self.sum))?;
        let zero = (self.zero_count != 0.0).then(|| self.zero_bucket());
        let buckets = self.negative_iter().rev().filter(|bucket| bucket.count != 0.0);
        let buckets = buckets.chain(zero).chain(self.positive_iter().filter(|bucket| bucket.count != 0.0));
        for bucket in buckets {
            write!(f, ", {bucket}")?;
        }
        f.write_str("}")
    }
}

impl Histogram {
    /// `{{schema:1 count:3 sum:4.5 buckets:[3]}}`: how test scripts write this histogram. Gaps between spans are
    /// written as empty buckets.
    pub fn test_expression(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if self.schema != 0 {
            parts.push(format!("schema:{}", self.schema));
        }
        for (name, number) in [
            ("count", self.count),
            ("sum", self.sum),
            ("z_bucket", self.zero_count),
            ("z_bucket_w", self.zero_threshold),
        ] {
            if number != 0.0 {
                parts.push(format!("{name}:{}", Number(number)));
            }
        }
        if !self.custom_values.is_empty() {
            parts.push(format!("custom_values:{}", list(self.custom_values.iter().copied())));
        }
        match self.reset_hint {
            ResetHint::Unknown => {}
            ResetHint::Reset => parts.push("counter_reset_hint:reset".to_owned()),
            ResetHint::NoReset => parts.push("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => parts.push("counter_reset_hint:gauge".to_owned()),
        }
        for (prefix, spans, buckets) in [
            ("", &self.positive_spans, &self.positive_buckets),
            ("n_", &self.negative_spans, &self.negative_buckets),
        ] {
            let pairs = layout::unpack(spans, buckets);
            let Some((first, _)) = pairs.first().copied() else { continue };
            if first != 0 {
                parts.push(format!("{prefix}offset:{first}"));
            }
            // A hostile histogram may have gaps of millions; a text names at most this many buckets in one list.
            let (_, filled) = layout::pack(&pairs, MAX_WRITTEN_GAP);
            parts.push(format!("{prefix}buckets:{}", list(filled.into_iter())));
        }
        format!("{{{{{}}}}}", parts.join(" "))
    }
}

const MAX_WRITTEN_GAP: u32 = 10_000;

fn list(numbers: impl Iterator<Item = f64>) -> String {
    let numbers: Vec<String> = numbers.map(|number| Number(number).to_string()).collect();
    format!("[{}]", numbers.join(" "))
}

/// A number in the shortest form that reads back, with an exponent from 1e+06 on and below 1e-04: Go's `%g`.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0;
        if number.is_nan() {
            return f.write_str("NaN");
        }
        if number.is_infinite() {
            return f.write_str(if number > 0.0 { "+Inf" } else { "-Inf" });
        }
        let scientific = format!("{number:e}");
        let exponent: i32 =
            scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
        if (-4..6).contains(&exponent) {
            return write!(f, "{number}");
        }
        let mantissa = scientific.split_once('e').map_or("", |(mantissa, _)| mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{mantissa}e{sign}{:02}", exponent.abs())
    }
}
