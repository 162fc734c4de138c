//! Objectives as recording rules, since the bound of a histogram's share must stand in the expression.

use super::{About, LlmObjective, Objectives};
use std::fmt::Write as _;
use std::time::Duration;

const BY: &str = "by (job, instance, model_name)";

/// One objective of latency: its name, where it stands, and the histograms that tell of it, the better one first.
struct Latency {
    name: &'static str,
    limit: fn(&LlmObjective) -> Option<Duration>,
    /// The recorded rates of buckets, and what each of their observations is.
    told: &'static [(&'static str, &'static str)],
}

const LATENCIES: [Latency; 3] = [
    Latency {
        name: "ttft",
        limit: |entry| entry.ttft,
        told: &[("llm:ttft_seconds_bucket:rate5m", "requests")],
    },
    Latency {
        name: "tpot",
        limit: |entry| entry.tpot,
        told: &[("llm:tpot_seconds_bucket:rate5m", "requests"), ("llm:itl_seconds_bucket:rate5m", "tokens")],
    },
    Latency { name: "e2e", limit: |entry| entry.e2e, told: &[("llm:e2e_seconds_bucket:rate5m", "requests")] },
];

impl Objectives {
    /// A rule file that records which objective is in force for what, and how many requests meet it.
    pub fn rules(&self) -> String {
        let mut out = String::from(
            "# What is promised of LLM servers and of what probes look at, and how it is kept. Written from `objectives` of the\n\
             # configuration, here from its defaults: see docs/objectives.md.\n\
             groups:\n  - name: objectives\n    rules:\n",
        );
        for latency in &LATENCIES {
            self.in_force(&mut out, latency);
        }
        let goals = self.llm.iter().filter_map(|entry| Some((&entry.about, entry.goal?)));
        let goals =
            goals.map(|(about, goal)| format!("{} * 0 + {goal}", select("llm:objective:seconds", about, "")));
        rule(&mut out, "llm:objective:goal", &[], &goals.collect::<Vec<_>>());
        for latency in &LATENCIES {
            self.met(&mut out, latency, "5m");
        }
        rule(
            &mut out,
            "llm:goodput:at_most:ratio5m",
            &[],
            &[format!("min {BY} (llm:objective_met:ratio5m{{of=\"requests\"}})")],
        );
        rule(
            &mut out,
            "llm:goodput:at_least:ratio5m",
            &[],
            &[format!("clamp_min(1 - sum {BY} (1 - llm:objective_met:ratio5m{{of=\"requests\"}}), 0)")],
        );
        rule(
            &mut out,
            "llm:goodput:requests:rate5m",
            &[],
            &[format!(
                "llm:goodput:at_most:ratio5m * (max {BY} (llm:e2e_seconds_bucket:rate5m{{le=\"+Inf\"}}) or max {BY} (llm:ttft_seconds_bucket:rate5m{{le=\"+Inf\"}}))"
            )],
        );
        let goals = self.probes.iter();
        let goals =
            goals.map(|entry| format!("{} * 0 + {}", select("probe_success", &entry.about, ""), entry.goal));
        rule(&mut out, "probe:objective:goal", &[], &goals.collect::<Vec<_>>());
        // Long windows change slowly and read much.
        out.push_str("\n  - name: objectives-windows\n    interval: 1m\n    rules:\n");
        for window in ["30m", "1h", "6h"] {
            for latency in &LATENCIES {
                self.met(&mut out, latency, window);
            }
        }
        out
    }

    /// The entries that say something of this latency, in their order.
    fn entries<'a>(&'a self, latency: &'a Latency) -> impl Iterator<Item = (&'a About, f64)> {
        self.llm.iter().filter_map(|entry| Some((&entry.about, (latency.limit)(entry)?.as_secs_f64())))
    }

    /// Which limit holds, and whether a bucket ends there.
    fn in_force(&self, out: &mut String, latency: &Latency) {
        let (mut limits, mut exact) = (Vec::new(), Vec::new());
        for (about, seconds) in self.entries(latency) {
            for (metric, _) in latency.told {
                let all = format!("group {BY} ({})", select(metric, about, ""));
                // Both spellings of a whole number are met.
                let whole = if seconds.fract() == 0.0 { format!("|{seconds}[.]0") } else { String::new() };
                let bound = format!("\"{}{whole}\"", seconds.to_string().replace('.', "[.]"));
                let at = format!("group {BY} ({})", select(metric, about, &format!("le=~{bound}")));
                limits.push(format!("{all} * {seconds}"));
                exact.push(format!("({at} or {all} * 0)"));
            }
        }
        let label = [("objective", latency.name)];
        rule(out, "llm:objective:seconds", &label, &limits);
        rule(out, "llm:objective:exact", &label, &exact);
    }

    /// The share that meets it within a window. Where requests tell of it themselves, tokens are not asked.
    fn met(&self, out: &mut String, latency: &Latency, window: &str) {
        for (at, (metric, of)) in latency.told.iter().enumerate() {
            let shares = self.entries(latency).map(|(about, seconds)| {
                let selected = select(metric, about, "");
                let buckets = match window {
                    "5m" => selected,
                    _ => format!("avg_over_time({selected}[{window}])"),
                };
                let better: String = latency.told[..at]
                    .iter()
                    .map(|(better, _)| format!(" unless on (job, instance, model_name) {better}"))
                    .collect();
                format!("(histogram_fraction(0, {seconds}, {buckets}){better})")
            });
            let labels = [("objective", latency.name), ("of", *of)];
            rule(out, &format!("llm:objective_met:ratio{window}"), &labels, &shares.collect::<Vec<_>>());
        }
    }
}

/// A recording rule of the first of these that has an answer; none where there are none.
fn rule(out: &mut String, record: &str, labels: &[(&str, &str)], first_of: &[String]) {
    if first_of.is_empty() {
        return;
    }
    let _ = writeln!(out, "      - record: {record}");
    let _ = writeln!(out, "        expr: |\n          {}", first_of.join("\n          or "));
    if !labels.is_empty() {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let _ = writeln!(out, "        labels: {{{}}}", labels.join(", "));
    }
}

fn select(metric: &str, about: &About, besides: &str) -> String {
    let named = [("job", &about.job), ("instance", &about.instance), ("model_name", &about.model)];
    let mut matchers: Vec<String> = named
        .iter()
        .filter_map(|(label, pattern)| Some(format!("{label}=~{}", quoted(pattern.as_deref()?))))
        .collect();
    if !besides.is_empty() {
        matchers.push(besides.to_owned());
    }
    if matchers.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", matchers.join(", ")) }
}

/// A text as PromQL quotes it, on one line.
pub(in crate::config) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}
