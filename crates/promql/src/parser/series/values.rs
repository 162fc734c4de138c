//! The samples after a series' labels.

use super::super::Fault;
use super::super::number::parse_number;
use super::super::quote::go_quote_char;
use super::{MAX_SERIES_ITEMS, SequenceItem};
use std::sync::Arc;
use watchfire_model::{Histogram, STALE_NAN, SampleValue};

/// Reads samples from a line.
#[derive(Debug)]
pub(super) struct Values<'l> {
    line: &'l str,
    pub(super) pos: usize,
    pub(super) items: Vec<SequenceItem>,
    pub(super) hinted: Vec<bool>,
}

impl<'l> Values<'l> {
    pub(super) const fn new(line: &'l str, pos: usize) -> Self {
        Self { line, pos, items: Vec::new(), hinted: Vec::new() }
    }

    pub(super) fn read_all(&mut self) -> Result<(), Fault> {
        while !self.rest().is_empty() {
            if !self.skip_blanks() {
                return Err(self.unexpected());
            }
            if !self.rest().is_empty() {
                self.item()?;
            }
        }
        Ok(())
    }

    pub(super) fn rest(&self) -> &'l str {
        self.line.get(self.pos..).unwrap_or("")
    }

    pub(super) fn skip_blanks(&mut self) -> bool {
        let rest = self.rest();
        let after = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.pos += rest.len() - after.len();
        after.len() < rest.len()
    }

    pub(super) fn accept(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.pos += prefix.len();
        }
        found
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.pos..self.line.len(), message)
    }

    fn unexpected(&self) -> Fault {
        match self.rest().chars().next() {
            Some(c) => self.fault(format!("unexpected character in series sequence: {}", go_quote_char(c))),
            None => self.fault("unexpected end of input in series values"),
        }
    }

    fn item(&mut self) -> Result<(), Fault> {
        if self.accept("_") {
            let times = if self.accept("x") { self.count()? } else { 1 };
            return self.repeat(times, &SequenceItem::Gap, false);
        }
        if self.rest().starts_with("{{") {
            return self.histograms();
        }
        if self.word() == "stale" {
            self.pos += "stale".len();
            return self.float(STALE_NAN);
        }
        let value = self.signed_number()?;
        self.float(value)
    }

    /// A float with what may follow it: `x3`, `+2x3`, `-2x3`.
    fn float(&mut self, first: f64) -> Result<(), Fault> {
        let item = |value| SequenceItem::Value(SampleValue::Float(value));
        if self.accept("x") {
            let times = self.count_after_first()?;
            return self.repeat(times, &item(first), false);
        }
        if !self.rest().starts_with(['+', '-']) {
            return self.repeat(1, &item(first), false);
        }
        let increment = self.signed_number()?;
        if !self.accept("x") {
            return Err(self.unexpected());
        }
        let times = self.count_after_first()?;
        self.make_room(times)?;
        // Added up step by step, so that rounding errors are Prometheus's.
        let mut value = first;
        for _ in 0..times {
            self.items.push(item(value));
            value += increment;
        }
        Ok(())
    }

    fn histograms(&mut self) -> Result<(), Fault> {
        let (first, hinted) = self.histogram()?;
        let item =
            |histogram: &Arc<Histogram>| SequenceItem::Value(SampleValue::Histogram(Arc::clone(histogram)));
        let first = Arc::new(first);
        if self.accept("x") {
            let times = self.count_after_first()?;
            return self.repeat(times, &item(&first), hinted);
        }
        let grows = self.rest().starts_with('+');
        if !self.accept("+") && !self.accept("-") {
            return self.repeat(1, &item(&first), hinted);
        }
        let (step, step_hinted) = self.histogram()?;
        if !self.accept("x") {
            return Err(self.unexpected());
        }
        let times = self.count_after_first()?;
        self.make_room(times)?;
        self.repeat(1, &item(&first), step_hinted)?;
        let mut current = first;
        for _ in 1..times {
            current = Arc::new(self.combine(&current, &step, grows)?);
            self.repeat(1, &item(&current), step_hinted)?;
        }
        Ok(())
    }

    fn combine(&self, base: &Histogram, step: &Histogram, grows: bool) -> Result<Histogram, Fault> {
        if base.schema > step.schema {
            let (from, to) = (step.schema, base.schema);
            return Err(
                self.fault(format!("error combining histograms: cannot merge from schema {from} to {to}"))
            );
        }
        let mut combined = base.clone();
        let notes = if grows { combined.add(step) } else { combined.sub(step) };
        notes.map_err(|error| self.fault(error.to_string()))?;
        Ok(combined)
    }

    fn make_room(&mut self, more: usize) -> Result<(), Fault> {
        if self.items.len().saturating_add(more) > MAX_SERIES_ITEMS {
            return Err(
                self.fault(format!("series has too many values; at most {MAX_SERIES_ITEMS} are allowed"))
            );
        }
        self.items.reserve(more);
        Ok(())
    }

    fn repeat(&mut self, times: usize, item: &SequenceItem, hinted: bool) -> Result<(), Fault> {
        self.make_room(times)?;
        if hinted || !self.hinted.is_empty() {
            self.hinted.resize(self.items.len(), false);
            self.hinted.resize(self.items.len() + times, hinted);
        }
        self.items.extend(std::iter::repeat_n(item, times).cloned());
        Ok(())
    }

    fn word(&self) -> &'l str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or("")
    }

    /// `x3` stands for one sample and three more.
    fn count_after_first(&mut self) -> Result<usize, Fault> {
        Ok(self.count()?.saturating_add(1))
    }

    fn count(&mut self) -> Result<usize, Fault> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest.get(..end).unwrap_or("");
        let count = digits.parse().map_err(|_| {
            self.fault(format!("invalid repetition in series values: {digits:?} is not a count"))
        })?;
        self.pos += end;
        Ok(count)
    }

    pub(super) fn signed_number(&mut self) -> Result<f64, Fault> {
        let sign = if self.accept("-") {
            -1.0
        } else {
            self.accept("+");
            1.0
        };
        Ok(sign * self.number()?)
    }

    /// An unsigned number. Hexadecimal is not allowed here: `0x3` is a repeated zero.
    pub(super) fn number(&mut self) -> Result<f64, Fault> {
        let word = self.word();
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            self.pos += word.len();
            return Ok(if word.eq_ignore_ascii_case("inf") { f64::INFINITY } else { f64::NAN });
        }
        let bytes = self.rest().as_bytes();
        let mut end = 0;
        while let Some(byte) = bytes.get(end) {
            match byte {
                b'0'..=b'9' | b'.' | b'_' => end += 1,
                b'e' | b'E' => end += 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-'))),
                _ => break,
            }
        }
        let text = self.rest().get(..end).unwrap_or("");
        if !text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(self.unexpected());
        }
        let value =
            parse_number(text).map_err(|error| self.fault(format!("error parsing number: {error}")))?;
        self.pos += end;
        Ok(value)
    }
}
