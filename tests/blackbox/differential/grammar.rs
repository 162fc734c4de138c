//! Queries that a grammar and a seed make up: well-typed, about the series of [`super::data`].

mod newest;

use super::random::Random;

/// What the peer understands, so that only questions are asked that it can answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// Prometheus 3: ranges open on the left, native histograms as they are now, experimental functions.
    pub(super) modern: bool,
    /// Prometheus 3.14 with all its experimental features.
    pub(super) newest: bool,
}

pub(super) struct Grammar<'a> {
    pub(super) random: &'a mut Random,
    pub(super) dialect: Dialect,
    /// The middle of the data, in seconds.
    pub(super) middle_s: i64,
}

const FLOATS: [&str; 8] = [
    "requests_total",
    "memory_bytes",
    "steps",
    "flapping",
    "gappy",
    "flat",
    "latency_seconds_bucket",
    "latency_seconds_count",
];
const NATIVES: [&str; 6] =
    ["native_seconds", "native_gauge", "custom_seconds", "mixed", "native_fine", "native_seconds"];
const MATCHERS: [&str; 12] = [
    "instance=\"a\"",
    "instance!=\"b\"",
    "instance=~\"a|c\"",
    "instance!~\"[bc]\"",
    "kind=\"free\"",
    "kind=~\".+\"",
    "mode!=\"idle\"",
    "mode=~\"idle|\"",
    "path=~\"/(x|y)\"",
    "le=\"+Inf\"",
    "nosuch=\"\"",
    "job=\"gen\"",
];
const RANGES: [&str; 8] = ["17s", "30s", "1m", "2m30s", "5m", "12m", "20m", "45m"];
const OFFSETS: [&str; 5] = ["10s", "1m", "-1m", "7m", "-15s"];
const LABELS: [&str; 8] = ["instance", "mode", "kind", "path", "job", "le", "nosuch", "__name__"];
/// Prometheus 2 keeps the metric's name under the last one, and `%` makes much of its other last digits.
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "^", "%", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", ">", "<=", ">="];
const FOLDS: [&str; 8] = ["sum", "avg", "max", "min", "count", "stddev", "stdvar", "group"];
const MATHS: [&str; 23] = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "sqrt",
    "ln",
    "log2",
    "log10",
    "round",
    "sgn",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "deg",
    "rad",
    "timestamp",
];
const DATES: [&str; 8] =
    ["day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year"];
const OVER_RANGES: [&str; 19] = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "deriv",
    "changes",
    "resets",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "last_over_time",
    "present_over_time",
    "absent_over_time",
    "rate",
];
const EXPERIMENTAL: [&str; 4] =
    ["mad_over_time", "ts_of_max_over_time", "ts_of_min_over_time", "ts_of_last_over_time"];
const NUMBERS: [&str; 14] =
    ["0", "1", "2", "-1", "0.5", "100", "1e3", "0.1", "3", "-2.5", "NaN", "Inf", "-Inf", "1e-9"];
const QUANTILES: [&str; 9] = ["0", "0.1", "0.5", "0.9", "0.99", "1", "-0.5", "1.5", "NaN"];

impl Grammar<'_> {
    /// Any query; a scalar now and then.
    pub(super) fn query(&mut self) -> String {
        let depth = 1 + self.random.below(3);
        if self.random.once_in(20) { self.scalar(depth) } else { self.vector(depth) }
    }

    /// A query of any type, for one instant.
    pub(super) fn instant_query(&mut self) -> String {
        if self.random.once_in(12) { self.matrix(1) } else { self.query() }
    }

    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        self.random.pick(choices)
    }

    fn arithmetic(&mut self) -> &'static str {
        self.random.pick(if self.dialect.modern { &ARITHMETIC } else { &ARITHMETIC[..5] })
    }

    fn metric(&mut self) -> &'static str {
        match self.random.below(10) {
            0 if self.dialect.modern => "odd",
            1 | 2 if self.dialect.modern => self.random.pick(&NATIVES),
            3 => self.random.pick(&["latency_seconds_sum", "nosuch_metric", "requests_total"]),
            _ => self.random.pick(&FLOATS),
        }
    }

    fn selector(&mut self) -> String {
        let metric = self.metric();
        let mut matchers: Vec<&str> = Vec::new();
        for _ in 0..self.random.below(3) {
            matchers.push(self.random.pick(&MATCHERS));
        }
        match matchers.as_slice() {
            [] => metric.to_owned(),
            matchers if self.random.once_in(10) => {
                // Two names, which some operators drop.
                format!("{{__name__=~\"{metric}|steps\",{}}}", matchers.join(","))
            }
            matchers => format!("{metric}{{{}}}", matchers.join(",")),
        }
    }

    /// `offset` and `@`, seldom.
    fn modifiers(&mut self) -> String {
        let mut out = String::new();
        if self.dialect.newest && self.random.once_in(16) {
            out.push_str(&self.newest_offset());
        } else if self.random.once_in(5) {
            out.push_str(&format!(" offset {}", self.pick(&OFFSETS)));
        }
        if self.random.once_in(8) {
            let at = self.middle_s + self.random.below(600) as i64;
            let at = match self.random.below(3) {
                0 => " @ start()".to_owned(),
                1 => " @ end()".to_owned(),
                _ if self.dialect.modern => format!(" @ {at}"),
                // See the times at which questions are asked.
                _ => format!(" @ {at}.5"),
            };
            out.push_str(&at);
        }
        out
    }

    fn instant_selector(&mut self) -> String {
        format!("{}{}", self.selector(), self.modifiers())
    }

    fn matrix(&mut self, depth: usize) -> String {
        let range = self.pick(&RANGES);
        if depth > 0 && self.random.once_in(4) {
            let step = self.pick(&["", "10s", "30s", "1m", "45s"]);
            // Prometheus 2 gives a sample of the future where no step lies inside and the inside is the same at all.
            let range = if self.dialect.modern { range } else { self.pick(&RANGES[3..]) };
            let inner = self.vector(depth - 1);
            return format!("({inner})[{range}:{step}]{}", self.modifiers());
        }
        if self.dialect.newest && self.random.once_in(4) {
            return format!("{}{}{}", self.selector(), self.newest_range(), self.modifiers());
        }
        format!("{}[{range}]{}", self.selector(), self.modifiers())
    }

    fn scalar(&mut self, depth: usize) -> String {
        if self.dialect.newest && self.random.once_in(8) {
            return self.newest_scalar();
        }
        match self.random.below(if depth == 0 { 5 } else { 8 }) {
            0 => "time()".to_owned(),
            1 => "pi()".to_owned(),
            2..=4 => self.pick(&NUMBERS).to_owned(),
            5 => format!("scalar({})", self.vector(depth - 1)),
            6 => {
                let op = self.arithmetic();
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => {
                let op = self.pick(&COMPARISONS);
                format!("({} {op} bool {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
        }
    }

    fn labels(&mut self) -> String {
        let mut found: Vec<&str> = Vec::new();
        for _ in 0..self.random.below(3) {
            found.push(self.random.pick(&LABELS));
        }
        found.sort_unstable();
        found.dedup();
        found.join(", ")
    }

    fn grouping(&mut self) -> String {
        match self.random.below(3) {
            0 => String::new(),
            1 => format!(" by ({})", self.labels()),
            _ => format!(" without ({})", self.labels()),
        }
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.instant_selector();
        }
        let below = depth - 1;
        if self.dialect.newest && self.random.once_in(6) {
            return self.newest_vector(below);
        }
        match self.random.below(22) {
            0 | 1 => self.instant_selector(),
            2..=5 => self.over_range(below),
            6..=8 => {
                // The last but one are other numbers in Prometheus 2 where NaN is among them.
                let fold = self.pick(if self.dialect.modern { &FOLDS } else { &FOLDS[..5] });
                let grouping = self.grouping();
                format!("{fold}{grouping} ({})", self.vector(below))
            }
            9 => self.aggregate_with_parameter(below),
            10 | 11 => {
                // Of large angles little is left of the last digits, in which Prometheus 2 sums another way.
                let function = self.pick(if self.dialect.modern { &MATHS } else { &MATHS[..10] });
                format!("{function}({})", self.vector(below))
            }
            12 => {
                let function = self.pick(&DATES);
                format!("{function}({})", self.vector(below))
            }
            13 => self.function_with_scalars(below),
            14 => self.function_of_labels(below),
            15 => self.of_histograms(below),
            16 => format!("-{}", self.vector(0)),
            17 => format!("vector({})", self.scalar(below)),
            18 | 19 => {
                let op = self.arithmetic();
                let (vector, scalar) = (self.vector(below), self.scalar(below));
                if self.random.once_in(2) {
                    format!("(({vector}) {op} {scalar})")
                } else {
                    format!("({scalar} {op} ({vector}))")
                }
            }
            20 => {
                let op = self.pick(&COMPARISONS);
                let word = if self.random.once_in(2) { " bool" } else { "" };
                format!("(({}) {op}{word} {})", self.vector(below), self.scalar(below))
            }
            _ => self.of_two_vectors(below),
        }
    }

    fn over_range(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            0 => {
                let quantile = self.pick(&QUANTILES);
                format!("quantile_over_time({quantile}, {})", self.matrix(depth))
            }
            1 => {
                let ahead = self.pick(&["60", "600", "-30", "0.5"]);
                let range = self.pick(&RANGES);
                // Prometheus 2 took another time for now where `@` is.
                let matrix = if self.dialect.modern { self.matrix(depth) } else { format!("steps[{range}]") };
                format!("predict_linear({matrix}, {ahead})")
            }
            2 if self.dialect.modern => {
                let (level, trend) = (self.pick(&["0.1", "0.5", "0.9"]), self.pick(&["0.1", "0.4"]));
                format!("double_exponential_smoothing({}, {level}, {trend})", self.matrix(depth))
            }
            3 if self.dialect.modern => {
                let function = self.pick(&EXPERIMENTAL);
                format!("{function}({})", self.matrix(depth))
            }
            _ => {
                let function = self.pick(&OVER_RANGES);
                if !self.dialect.modern && matches!(function, "rate" | "increase") {
                    // It guessed wider at where counters begin, which only far from zero makes no difference.
                    let (metric, range) =
                        (self.pick(&["requests_total", "latency_seconds_count"]), self.pick(&RANGES));
                    return format!("{function}({metric}[{range}])");
                }
                format!("{function}({})", self.matrix(depth))
            }
        }
    }

    fn aggregate_with_parameter(&mut self, depth: usize) -> String {
        let grouping = self.grouping();
        match self.random.below(if self.dialect.modern { 6 } else { 4 }) {
            0 => {
                let quantile = self.pick(&QUANTILES);
                format!("quantile{grouping} ({quantile}, {})", self.vector(depth))
            }
            // Of nothing computed: a label shows the last digit, whose difference a value is allowed.
            1 => format!("count_values{grouping} (\"value\", {})", self.instant_selector()),
            2 | 3 if self.dialect.modern => {
                let ratio = self.pick(&["0.5", "-0.5", "0.1", "-0.9", "1", "-1", "0", "2"]);
                format!("limit_ratio{grouping} ({ratio}, {})", self.vector(depth))
            }
            // Values that never tie, so that the choice is one.
            pick => {
                let op = if pick % 2 == 0 { "topk" } else { "bottomk" };
                let metric = self.pick(&["memory_bytes", "requests_total", "rate(requests_total[5m])"]);
                let count = self.pick(&["1", "2", "3", "100", "0"]);
                format!("{op}{grouping} ({count}, {metric})")
            }
        }
    }

    fn function_with_scalars(&mut self, depth: usize) -> String {
        let vector = self.vector(depth);
        match self.random.below(5) {
            0 => format!("clamp({vector}, {}, {})", self.scalar(0), self.scalar(0)),
            1 => format!("clamp_min({vector}, {})", self.scalar(0)),
            2 => format!("clamp_max({vector}, {})", self.scalar(0)),
            3 => format!("round({vector}, {})", self.pick(&["0.5", "10", "0.1", "3", "1e-3"])),
            _ => format!("absent({vector})"),
        }
    }

    fn function_of_labels(&mut self, depth: usize) -> String {
        let vector = self.vector(depth);
        let source = self.pick(&LABELS[..7]);
        match self.random.below(if self.dialect.modern { 6 } else { 4 }) {
            4 | 5 => {
                let sort = self.pick(&["sort_by_label", "sort_by_label_desc"]);
                format!("{sort}({vector}, \"{source}\")")
            }
            0 => format!("label_replace({vector}, \"new\", \"$1-x\", \"{source}\", \"(.).*\")"),
            1 => format!("label_replace({vector}, \"{source}\", \"\", \"instance\", \"a|b\")"),
            2 => format!("label_join({vector}, \"new\", \"-\", \"{source}\", \"instance\")"),
            _ => {
                let sort = self.pick(&["sort", "sort_desc"]);
                format!("{sort}({vector})")
            }
        }
    }

    fn of_histograms(&mut self, depth: usize) -> String {
        let quantile = self.pick(&QUANTILES);
        let range = self.pick(&["1m", "5m", "20m"]);
        let by = self.pick(&["le", "le, path", "le, instance", "le, instance, path"]);
        if !self.dialect.modern {
            // Of counts: it takes noise in the last digits of a rate for observations.
            return format!("histogram_quantile({quantile}, sum by ({by}) (latency_seconds_bucket))");
        }
        if self.random.once_in(2) {
            return match self.random.below(2) {
                0 => format!("histogram_quantile({quantile}, rate(latency_seconds_bucket[{range}]))"),
                _ => format!(
                    "histogram_quantile({quantile}, sum by ({by}) (rate(latency_seconds_bucket[{range}])))"
                ),
            };
        }
        let native = if self.random.once_in(3) {
            self.vector(depth)
        } else {
            let (metric, function) =
                (self.pick(&NATIVES), self.pick(&["rate", "increase", "sum_over_time", "avg_over_time"]));
            format!("{function}({metric}[{range}])")
        };
        match self.random.below(8) {
            0 | 1 => format!("histogram_quantile({quantile}, {native})"),
            2 => format!("histogram_quantile({quantile}, sum({native}))"),
            3 => format!("histogram_fraction({}, {}, {native})", self.scalar(0), self.scalar(0)),
            4 => format!("histogram_count({native})"),
            5 => format!("histogram_sum({native})"),
            6 => format!("histogram_avg({native})"),
            _ => {
                let function = self.pick(&["histogram_stddev", "histogram_stdvar"]);
                format!("{function}({native})")
            }
        }
    }

    fn of_two_vectors(&mut self, depth: usize) -> String {
        let (left, right) = (self.vector(depth), self.vector(depth));
        let on = match self.random.below(4) {
            0 => String::new(),
            1 => format!(" on ({})", self.pick(&["instance", "instance, mode", "instance, kind", "job", ""])),
            _ => format!(" ignoring ({})", self.labels()),
        };
        if self.random.once_in(4) {
            let op = self.pick(&["and", "or", "unless"]);
            return format!("(({left}) {op}{on} ({right}))");
        }
        let (op, word) = if self.random.once_in(3) {
            (self.pick(&COMPARISONS), if self.random.once_in(2) { " bool" } else { "" })
        } else {
            (self.arithmetic(), "")
        };
        let group = match self.random.below(5) {
            0 if !on.is_empty() => {
                self.pick(&[" group_left ()", " group_left (kind)", " group_left (le, path)"])
            }
            1 if !on.is_empty() => self.pick(&[" group_right ()", " group_right (mode)"]),
            _ => "",
        };
        let fill =
            if self.dialect.newest && self.random.once_in(3) { self.newest_fill() } else { String::new() };
        format!("(({left}) {op}{word}{on}{group}{fill} ({right}))")
    }
}
