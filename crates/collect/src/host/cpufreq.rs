//! CPU frequency scaling.

use super::Collector;
use super::cpu::numbered_cpus;
use crate::{CollectError, Collection, Roots};

/// `node_cpu_scaling_*` and the limits of the hardware.
#[derive(Debug)]
pub(super) struct CpuFreq;

/// Files in kilohertz, and what they become.
const FREQUENCIES: [(&str, &str, &str); 6] = [
    ("cpuinfo_cur_freq", "node_cpu_frequency_hertz", "How fast a CPU runs, in hertz."),
    ("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "The slowest a CPU can run, in hertz."),
    ("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "The fastest a CPU can run, in hertz."),
    ("scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "How fast the kernel lets a CPU run, in hertz."),
    (
        "scaling_min_freq",
        "node_cpu_scaling_frequency_min_hertz",
        "The slowest the kernel lets a CPU run, in hertz.",
    ),
    (
        "scaling_max_freq",
        "node_cpu_scaling_frequency_max_hertz",
        "The fastest the kernel lets a CPU run, in hertz.",
    ),
];

impl Collector for CpuFreq {
    fn name(&self) -> &'static str {
        "cpufreq"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        for folder in numbered_cpus(roots) {
            let cpu = folder.trim_start_matches("cpu");
            let folder = format!("devices/system/cpu/{folder}/cpufreq");
            for (file, name, help) in FREQUENCIES {
                if let Some(kilohertz) = roots.sys_number(&format!("{folder}/{file}")) {
                    out.gauge(name, help, &[("cpu", cpu)], kilohertz * 1000.0);
                }
            }
            let governor = roots.sys_value(&format!("{folder}/scaling_governor"));
            let available = roots.sys_value(&format!("{folder}/scaling_available_governors"));
            let (Some(governor), Some(available)) = (governor, available) else { continue };
            for name in available.split_ascii_whitespace() {
                let is_current = f64::from(u8::from(name == governor));
                let help = "Which governor decides how fast a CPU runs.";
                out.gauge("node_cpu_scaling_governor", help, &[("cpu", cpu), ("governor", name)], is_current);
            }
        }
        Ok(())
    }
}
