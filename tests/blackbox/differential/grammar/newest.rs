//! What the language has since Prometheus 3.14, or behind feature flags that older releases lack.

use super::{Grammar, RANGES};

const SPANS: [&str; 10] = [
    "2m * 2",
    "step() + 30s",
    "range() + 1m",
    "10m / 4",
    "-(-3m)",
    "max_of(1m, step() * 2)",
    "min_of(10m, range() + 45s)",
    "2 ^ 2 * 30",
    "61 % 7 * 1m",
    "90",
];
const SHIFTS: [&str; 6] =
    ["(1m + 15s)", "-(step() + 15s)", "(range() / 2)", "-min_of(1m, step())", "step()", "30"];
const WIDENED: [&str; 6] = ["rate", "increase", "delta", "changes", "resets", "avg_over_time"];
const CUTS: [&str; 14] =
    ["0", "0.5", "1", "-1", "3.7", "Inf", "-Inf", "0.001", "-0.0005", "-5", "-7.5", "5", "1e-4", "NaN"];
const INFO_LABELS: [&str; 6] =
    ["", ", {version=~\".+\"}", ", {zone=\"west\"}", ", {__name__=\"build_info\"}", ", {zone!=\"\"}", ", {}"];
const MAIN: [&str; 5] =
    ["requests_total", "memory_bytes", "steps", "native_seconds", "rate(requests_total[5m])"];

impl Grammar<'_> {
    /// A range selector's brackets with what may follow them; `plain` is a range that always serves.
    pub(super) fn newest_range(&mut self) -> String {
        match self.random.below(4) {
            0 => format!("[{}]", self.pick(&SPANS)),
            1 => format!("[{}] anchored", self.pick(&RANGES)),
            2 => format!("[{}] smoothed", self.pick(&RANGES)),
            _ => format!("[{}]", self.pick(&RANGES)),
        }
    }

    pub(super) fn newest_offset(&mut self) -> String {
        format!(" offset {}", self.pick(&SHIFTS))
    }

    /// `fill`, `fill_left` and `fill_right`, after the matching.
    pub(super) fn newest_fill(&mut self) -> String {
        let number = self.pick(&["0", "1", "-2.5", "NaN", "Inf"]);
        let other = self.pick(&["0", "7"]);
        match self.random.below(4) {
            0 => format!(" fill ({number})"),
            1 => format!(" fill_left ({number})"),
            2 => format!(" fill_right ({number})"),
            _ => format!(" fill_left ({number}) fill_right ({other})"),
        }
    }

    pub(super) fn newest_scalar(&mut self) -> String {
        match self.random.below(6) {
            0 => "start()".to_owned(),
            1 => "end()".to_owned(),
            2 => "range()".to_owned(),
            3 => "step()".to_owned(),
            4 => format!("min_of({}, {})", self.scalar(0), self.scalar(0)),
            _ => format!("max_of({}, {})", self.scalar(0), self.scalar(0)),
        }
    }

    /// Vectors that older releases cannot make.
    pub(super) fn newest_vector(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            0 => {
                let (bound, side) = (self.pick(&CUTS), self.trim());
                format!("({} {side} {bound})", self.natives(depth))
            }
            1 | 2 => {
                let (main, labels) = (self.pick(&MAIN), self.pick(&INFO_LABELS));
                format!("info({main}{labels})")
            }
            3 => {
                format!("limitk{} ({}, {})", self.grouping(), self.pick(&["100", "0", "-1"]), self.vector(0))
            }
            4 => {
                let function = self.pick(&["first_over_time", "ts_of_first_over_time"]);
                format!("{function}({})", self.matrix(depth))
            }
            5 => {
                let quantiles = self.pick(&["0.5", "0.1, 0.9", "0.25, 0.5, 0.75, 1"]);
                format!("histogram_quantiles({}, \"q\", {quantiles})", self.natives(depth))
            }
            6 => {
                let function = self.pick(&WIDENED);
                let (selector, range) = (self.selector(), self.pick(&RANGES));
                let word = self.pick(&["anchored", "smoothed"]);
                format!("{function}({selector}[{range}] {word}{})", self.modifiers())
            }
            7 => format!("{} smoothed{}", self.selector(), self.modifiers()),
            8 => {
                let label = self.pick(&["\"zone.name\"", "instance", "\"zone.name\", kind"]);
                let fold = self.pick(&["sum", "max", "count"]);
                format!("{fold} by ({label}) ({{\"disk.io.bytes\", \"zone.name\"=~\".*st\"}})")
            }
            _ => format!("rate({{\"disk.io.bytes\"}}[{}])", self.pick(&SPANS)),
        }
    }

    fn trim(&mut self) -> &'static str {
        self.random.pick(&["</", ">/"])
    }

    /// Native histograms, or what was made of them.
    fn natives(&mut self, depth: usize) -> String {
        let metric = if self.random.once_in(3) { "native_odd" } else { self.random.pick(&super::NATIVES) };
        match self.random.below(4) {
            0 => metric.to_owned(),
            1 => format!("rate({metric}[{}])", self.pick(&RANGES)),
            2 => format!("sum ({metric})"),
            _ => self.vector(depth.min(1)),
        }
    }
}
