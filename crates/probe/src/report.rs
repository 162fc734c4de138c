//! What a probe found: metrics under blackbox_exporter's names, and the lines that say how it came to them.

use std::borrow::Cow;
use std::time::Instant;
use watchfire_model::MetricType;
use watchfire_wire::exposition::Format;
use watchfire_wire::exposition::write::{Family, Point, Writer};

/// A probe tells at most so many lines about itself.
const MAX_LINES: usize = 200;
/// Texts from the target are cut after so many characters before they become labels or lines.
const MAX_TEXT_CHARS: usize = 400;

/// The metrics and the log of one probe.
#[derive(Debug)]
pub struct Report {
    families: Vec<Family>,
    lines: Vec<String>,
    start: Instant,
    success: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { families: Vec::new(), lines: Vec::new(), start: Instant::now(), success: false }
    }

    /// Whether the target did what was asked of it.
    pub fn success(&self) -> bool {
        self.success
    }

    /// How the probe went, a line for each step.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The metrics, the verdict and the time it took first.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The metrics as a scrape reads them.
    pub fn exposition(&self, format: Format) -> String {
        let mut writer = Writer::new(format);
        for family in &self.families {
            writer.family(family);
        }
        writer.finish()
    }

    pub(crate) fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.labelled(name, help, &[], value);
    }

    pub(crate) fn flag(&mut self, name: &'static str, help: &'static str, value: bool) {
        self.gauge(name, help, f64::from(u8::from(value)));
    }

    /// Sets one sample of a family; one with the same labels is replaced.
    pub(crate) fn labelled(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        let at = match self.families.iter().position(|family| family.name == name) {
            Some(at) => at,
            None => {
                self.families.push(Family::new(name, MetricType::Gauge, help));
                self.families.len() - 1
            }
        };
        let Some(family) = self.families.get_mut(at) else { return };
        let cut: Vec<(&'static str, String)> =
            labels.iter().map(|(label, text)| (*label, shortened(text))).collect();
        let known = family.points.iter_mut().find(|point| {
            point.labels.len() == cut.len()
                && point.labels.iter().zip(&cut).all(|(old, new)| old.0 == new.0 && old.1 == new.1)
        });
        match known {
            Some(point) => point.value = value,
            None => {
                family.push(cut.iter().map(|(label, text)| (*label, text.as_str())), value);
            }
        }
    }

    /// A sample of 1 whose labels have names of the configuration's own.
    pub(crate) fn info(&mut self, name: &'static str, help: &'static str, labels: &[(String, String)]) {
        let mut family = Family::new(name, MetricType::Gauge, help);
        let labels = labels.iter().map(|(name, text)| (Cow::Owned(name.clone()), shortened(text))).collect();
        family.points.push(Point { labels, value: 1.0, ..Point::default() });
        self.families.push(family);
    }

    /// Adds to one sample of a family, which begins at nothing.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        let before = self
            .families
            .iter()
            .find(|family| family.name == name)
            .and_then(|family| {
                family.points.iter().find(|point| {
                    point.labels.iter().zip(labels).all(|(old, new)| old.0 == new.0 && old.1 == new.1)
                })
            })
            .map_or(0.0, |point| point.value);
        self.labelled(name, help, labels, before + value);
    }

    pub(crate) fn say(&mut self, line: impl AsRef<str>) {
        if self.lines.len() < MAX_LINES {
            let seconds = self.start.elapsed().as_secs_f64();
            self.lines.push(format!("{seconds:.6}s {}", shortened(line.as_ref())));
        }
    }

    /// Ends the probe with its verdict.
    pub(crate) fn finish(mut self, outcome: Result<(), String>) -> Self {
        self.success = outcome.is_ok();
        match outcome {
            Ok(()) => self.say("probe succeeded"),
            Err(error) => self.say(format!("probe failed: {error}")),
        }
        let took = self.start.elapsed().as_secs_f64();
        let (success, families) = (self.success, std::mem::take(&mut self.families));
        self.flag("probe_success", "Displays whether or not the probe was a success", success);
        self.gauge("probe_duration_seconds", "Returns how long the probe took to complete in seconds", took);
        self.families.extend(families);
        self
    }
}

/// A text without control characters, cut where it is too long.
pub(crate) fn shortened(text: &str) -> String {
    let clean: String =
        text.chars().take(MAX_TEXT_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_TEXT_CHARS).is_some() { format!("{clean}…") } else { clean }
}
