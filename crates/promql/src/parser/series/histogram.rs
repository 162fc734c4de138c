//! Histogram literals: `{{schema:1 sum:-0.3 count:3 z_bucket:1 z_bucket_w:0.01 buckets:[5 1] offset:-3}}`.

use super::super::Fault;
use super::super::quote::go_quote;
use super::values::Values;
use watchfire_model::Histogram;
use watchfire_model::histogram::{ResetHint, Span};

/// Keys by position, so that a set of those seen fits in a number.
const KEYS: [&str; 11] = [
    "schema",
    "sum",
    "count",
    "z_bucket",
    "z_bucket_w",
    "custom_values",
    "buckets",
    "offset",
    "n_buckets",
    "n_offset",
    "counter_reset_hint",
];

impl Values<'_> {
    /// A histogram, and whether its reset hint was written.
    pub(super) fn histogram(&mut self) -> Result<(Histogram, bool), Fault> {
        if !self.accept("{{") {
            return Err(self.fault("unexpected text in series values, expected a histogram: {{…}}"));
        }
        let mut histogram = Histogram::default();
        let (mut offset, mut negative_offset) = (0, 0);
        let mut seen = 0_u16;
        loop {
            let separated = self.skip_blanks() || seen == 0;
            if self.accept("}}") {
                break;
            }
            let key = self.key()?;
            let bit = KEYS.iter().position(|known| *known == key).map_or(0, |index| 1_u16 << index);
            if !separated || seen & bit != 0 {
                let problem = if separated { "duplicate key" } else { "expected a space before key" };
                return Err(self.fault(format!("{problem} {} in histogram", go_quote(key))));
            }
            seen |= bit;
            match key {
                "schema" => histogram.schema = self.integer()?,
                "sum" => histogram.sum = self.signed_number()?,
                "count" => histogram.count = self.signed_number()?,
                "z_bucket" => histogram.zero_count = self.signed_number()?,
                "z_bucket_w" => histogram.zero_threshold = self.number()?,
                "custom_values" => histogram.custom_values = self.numbers()?,
                "buckets" => histogram.positive_buckets = self.numbers()?,
                "offset" => offset = self.integer()?,
                "n_buckets" => histogram.negative_buckets = self.numbers()?,
                "n_offset" => negative_offset = self.integer()?,
                _ => histogram.reset_hint = self.reset_hint()?,
            }
        }
        histogram.positive_spans = one_span(offset, histogram.positive_buckets.len());
        histogram.negative_spans = one_span(negative_offset, histogram.negative_buckets.len());
        let hinted = seen & (1 << (KEYS.len() - 1)) != 0;
        Ok((histogram, hinted))
    }

    fn key(&mut self) -> Result<&'static str, Fault> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphabetic() || c == '_')).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        let Some(key) = KEYS.iter().find(|key| key.eq_ignore_ascii_case(word)) else {
            return Err(self.fault(format!("bad histogram descriptor found: {}", go_quote(word))));
        };
        self.pos += end;
        if !self.accept(":") {
            return Err(self.fault("missing `:` for histogram descriptor"));
        }
        Ok(key)
    }

    fn integer(&mut self) -> Result<i32, Fault> {
        let rest = self.rest();
        let digits_start = usize::from(rest.starts_with('-'));
        let digits = rest.get(digits_start..).unwrap_or("");
        let end = digits_start + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let text = rest.get(..end).unwrap_or("");
        let value = text.parse().map_err(|_| self.fault("expected an integer in histogram description"))?;
        self.pos += end;
        Ok(value)
    }

    fn numbers(&mut self) -> Result<Vec<f64>, Fault> {
        if !self.accept("[") {
            return Err(self.fault("expected \"[\" in histogram description"));
        }
        let mut numbers = Vec::new();
        loop {
            self.skip_blanks();
            if self.accept("]") {
                return Ok(numbers);
            }
            numbers.push(self.signed_number()?);
        }
    }

    fn reset_hint(&mut self) -> Result<ResetHint, Fault> {
        let hints = [
            ("not_reset", ResetHint::NoReset),
            ("reset", ResetHint::Reset),
            ("unknown", ResetHint::Unknown),
            ("gauge", ResetHint::Gauge),
        ];
        hints
            .into_iter()
            .find(|(word, _)| self.accept(word))
            .map(|(_, hint)| hint)
            .ok_or_else(|| self.fault("expected counter_reset_hint unknown, reset, not_reset or gauge"))
    }
}

fn one_span(offset: i32, buckets: usize) -> Vec<Span> {
    // A line is at most a megabyte long, so the number of buckets always fits.
    let length = u32::try_from(buckets).unwrap_or(u32::MAX);
    if length == 0 { Vec::new() } else { vec![Span { offset, length }] }
}
