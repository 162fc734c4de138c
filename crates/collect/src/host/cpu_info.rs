//! What /proc/cpuinfo tells about each CPU.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use std::collections::HashMap;

/// `node_cpu_info`, `node_cpu_frequency_hertz`, `node_cpu_flag_info` and `node_cpu_bug_info`.
#[derive(Debug)]
pub(super) struct CpuInfo {
    /// Flags that are told.
    pub(super) flags: Option<Regex>,
    /// Bugs that are told.
    pub(super) bugs: Option<Regex>,
}

/// Labels of `node_cpu_info` and the fields they come from.
const INFO: [(&str, &str); 9] = [
    ("package", "physical id"),
    ("core", "core id"),
    ("cpu", "processor"),
    ("vendor", "vendor_id"),
    ("family", "cpu family"),
    ("model", "model"),
    ("model_name", "model name"),
    ("microcode", "microcode"),
    ("stepping", "stepping"),
];

impl Collector for CpuInfo {
    fn name(&self) -> &'static str {
        "cpu_info"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("cpuinfo")?;
        let mut is_first = true;
        for block in source.text.split("\n\n") {
            let fields: HashMap<&str, &str> = block
                .lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.trim(), value.trim()))
                .collect();
            if !fields.contains_key("processor") {
                continue;
            }
            let field = |name: &str| fields.get(name).copied().unwrap_or_default();
            let mut labels = INFO.map(|(label, name)| (label, field(name))).to_vec();
            labels.push(("cachesize", field("cache size")));
            out.gauge("node_cpu_info", "What a CPU is, from /proc/cpuinfo.", &labels, 1.0);
            if let Ok(megahertz) = field("cpu MHz").parse::<f64>() {
                let labels = [
                    ("package", field("physical id")),
                    ("core", field("core id")),
                    ("cpu", field("processor")),
                ];
                let help = "How fast a CPU runs, in hertz.";
                out.gauge("node_cpu_frequency_hertz", help, &labels, megahertz * 1e6);
            }
            if std::mem::take(&mut is_first) {
                tell(out, "node_cpu_flag_info", "flag", field("flags"), self.flags.as_ref());
                tell(out, "node_cpu_bug_info", "bug", field("bugs"), self.bugs.as_ref());
            }
        }
        Ok(())
    }
}

fn tell(out: &mut Collection, name: &'static str, label: &'static str, words: &str, include: Option<&Regex>) {
    let Some(include) = include else { return };
    for word in words.split_ascii_whitespace().filter(|word| include.is_match(word)) {
        out.gauge(name, "What the first CPU has, from /proc/cpuinfo.", &[(label, word)], 1.0);
    }
}
