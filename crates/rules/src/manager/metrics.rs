//! What the manager tells of itself, under Prometheus's names.

use super::GroupKey;
use crate::status::{GroupStatus, Health};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Upper bounds of the buckets, in seconds, as Prometheus has them.
const BUCKETS: [f64; 4] = [0.01, 0.1, 1.0, 10.0];
/// Quantiles are of so many durations.
const RECENT: usize = 1024;

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    groups: BTreeMap<GroupKey, GroupCounts>,
    rule_durations: Durations,
    group_durations: Durations,
}

#[derive(Clone, Copy, Debug, Default)]
struct GroupCounts {
    evaluations: u64,
    failures: u64,
    iterations: u64,
    missed: u64,
}

/// Durations as a histogram, and the last of them for quantiles.
#[derive(Debug, Default)]
struct Durations {
    count: u64,
    sum: f64,
    buckets: [u64; BUCKETS.len()],
    recent: VecDeque<f64>,
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.count += 1;
        self.sum += seconds;
        for (count, bound) in self.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(seconds <= bound);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(seconds);
    }

    fn quantile(&self, sorted: &[f64], quantile: f64) -> f64 {
        let last = sorted.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1024")]
        let place = (last as f64 * quantile).round() as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    fn write(&self, out: &mut String, name: &str, help: &str, quantiles: &[f64]) {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let _ = writeln!(out, "# HELP {name}_seconds {help}\n# TYPE {name}_seconds summary");
        for quantile in quantiles {
            let value = self.quantile(&sorted, *quantile);
            let _ = writeln!(out, "{name}_seconds{{quantile=\"{quantile}\"}} {value}");
        }
        let _ = writeln!(out, "{name}_seconds_sum {}\n{name}_seconds_count {}", self.sum, self.count);
        let name = format!("{name}_histogram_seconds");
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (count, bound) in self.buckets.iter().zip(BUCKETS) {
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum {}\n{name}_count {}", self.sum, self.count);
    }
}

impl Counts {
    /// These groups exist, and no others.
    pub(super) fn retain(&mut self, keys: &[GroupKey]) {
        let mut before = std::mem::take(&mut self.groups);
        self.groups = keys.iter().map(|key| (key.clone(), before.remove(key).unwrap_or_default())).collect();
    }

    /// A group was evaluated, after which so many evaluations were left out.
    pub(super) fn evaluated(&mut self, key: &GroupKey, status: &GroupStatus, missed: u64) {
        self.group_durations.add(status.evaluation_time);
        for rule in &status.rules {
            self.rule_durations.add(rule.evaluation_time);
        }
        let Some(counts) = self.groups.get_mut(key) else { return };
        counts.iterations += 1;
        counts.missed += missed;
        counts.evaluations += status.rules.len() as u64;
        counts.failures += status.rules.iter().filter(|rule| rule.health == Health::Bad).count() as u64;
    }

    /// Appends everything in Prometheus's text format.
    pub(super) fn write(&self, out: &mut String, groups: &[Arc<GroupStatus>]) {
        type Counter = fn(&GroupCounts) -> u64;
        let counters: [(&str, &str, Counter); 4] = [
            ("prometheus_rule_evaluations_total", "Rules evaluated.", |counts| counts.evaluations),
            ("prometheus_rule_evaluation_failures_total", "Evaluations of rules that failed.", |counts| {
                counts.failures
            }),
            ("prometheus_rule_group_iterations_total", "Groups evaluated.", |counts| counts.iterations),
            (
                "prometheus_rule_group_iterations_missed_total",
                "Evaluations of groups left out because the one before took too long.",
                |counts| counts.missed,
            ),
        ];
        for (name, help, value) in counters {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
            for ((file, group), counts) in &self.groups {
                let _ = writeln!(out, "{name}{{rule_group=\"{}\"}} {}", label(file, group), value(counts));
            }
        }
        type Gauge = fn(&GroupStatus) -> f64;
        let gauges: [(&str, &str, Gauge); 7] = [
            ("prometheus_rule_group_rules", "Rules in the group.", |group| group.rules.len() as f64),
            ("prometheus_rule_group_interval_seconds", "The group's interval.", |group| {
                group.interval.as_secs_f64()
            }),
            (
                "prometheus_rule_group_last_duration_seconds",
                "How long the group's last evaluation took.",
                |group| group.evaluation_time.as_secs_f64(),
            ),
            (
                "prometheus_rule_group_last_rule_duration_sum_seconds",
                "How long the rules of the group's last evaluation took together.",
                |group| group.rules.iter().map(|rule| rule.evaluation_time.as_secs_f64()).sum(),
            ),
            (
                "prometheus_rule_group_last_evaluation_timestamp_seconds",
                "When the group was last evaluated, in seconds since the Unix epoch.",
                |group| group.last_evaluation_ms.map_or(0.0, |at_ms| at_ms as f64 / 1000.0),
            ),
            (
                "prometheus_rule_group_last_evaluation_samples",
                "Samples that the group's last evaluation wrote.",
                |group| group.samples as f64,
            ),
            (
                "prometheus_rule_group_last_restore_duration_seconds",
                "How long taking up the state of the group's alerts took.",
                |group| group.restore_time.as_secs_f64(),
            ),
        ];
        for (name, help, value) in gauges {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
            for group in groups {
                let _ = writeln!(
                    out,
                    "{name}{{rule_group=\"{}\"}} {}",
                    label(&group.file, &group.name),
                    value(group)
                );
            }
        }
        let help = "How long evaluating a rule took; quantiles of the last 1024.";
        self.rule_durations.write(out, "prometheus_rule_evaluation_duration", help, &[0.5, 0.9, 0.99]);
        let help = "How long evaluating a group took; quantiles of the last 1024.";
        self.group_durations.write(
            out,
            "prometheus_rule_group_duration",
            help,
            &[0.01, 0.05, 0.5, 0.9, 0.99],
        );
    }
}

fn label(file: &str, group: &str) -> String {
    format!("{file};{group}").replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_in_buckets_and_the_last_of_them_have_quantiles() {
        let mut durations = Durations::default();
        for millis in 0..2000_u64 {
            durations.add(Duration::from_millis(millis));
        }
        let mut out = String::new();
        durations.write(&mut out, "d", "Help.", &[0.5]);
        let median = out.lines().find_map(|line| line.strip_prefix("d_seconds{quantile=\"0.5\"} ")).unwrap();
        assert!((median.parse::<f64>().unwrap() - 1.488).abs() < 0.002, "{out}");
        for line in [
            "d_histogram_seconds_bucket{le=\"0.1\"} 101",
            "d_histogram_seconds_bucket{le=\"+Inf\"} 2000",
            "d_seconds_count 2000",
        ] {
            assert!(out.contains(line), "{out}");
        }
        let mut nothing = String::new();
        Durations::default().write(&mut nothing, "d", "Help.", &[0.5]);
        assert!(nothing.contains("d_seconds{quantile=\"0.5\"} NaN"), "{nothing}");
    }
}
