//! CPU time by mode, thermal throttling, and which CPUs are isolated or online.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// Ticks per second in which the kernel counts CPU time towards user space (`USER_HZ`), the same on every Linux.
const USER_HZ: f64 = 100.0;

/// Columns of a `cpu` line in /proc/stat after its name.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const IDLE: usize = 3;
/// Guest time follows: it is part of user and nice time, and told beside them.
const GUEST_MODES: [&str; 2] = ["user", "nice"];

/// A CPU whose idle time falls by this much was taken away and came back; a smaller fall is the kernel's rounding.
const HOTPLUG_SECONDS: f64 = 3.0;

type Times = [f64; MODES.len() + GUEST_MODES.len()];

/// `node_cpu_*`, except what /proc/cpuinfo tells.
#[derive(Debug)]
pub(super) struct Cpu {
    /// Whether time spent in guests is told.
    has_guests: bool,
    /// The last times of each CPU. Idle and iowait times sometimes fall back by a tick, which would look like a
    /// counter reset, so what is told never falls while the CPU stays.
    last: Mutex<BTreeMap<String, Times>>,
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        throttling(roots, out);
        isolated(roots, out);
        self.times(&roots.proc("stat")?, out)
    }
}

impl Cpu {
    pub(super) fn new(has_guests: bool) -> Self {
        Self { has_guests, last: Mutex::default() }
    }

    fn times(&self, stat: &Source, out: &mut Collection) -> Result<(), CollectError> {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut present = BTreeSet::new();
        for (number, line) in stat.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(cpu) =
                words.next().and_then(|word| word.strip_prefix("cpu")).filter(|cpu| !cpu.is_empty())
            else {
                continue;
            };
            let mut now: Times = [0.0; MODES.len() + GUEST_MODES.len()];
            for slot in &mut now {
                // Old kernels have fewer columns.
                let Some(word) = words.next() else { break };
                *slot = stat.number(number, Some(word))? / USER_HZ;
            }
            present.insert(cpu.to_owned());
            let told =
                last.entry(cpu.to_owned()).and_modify(|before| *before = rise(before, &now)).or_insert(now);
            tell(cpu, told, self.has_guests, out);
        }
        last.retain(|cpu, _| present.contains(cpu));
        Ok(())
    }
}

/// The larger of each time, or the new ones when the CPU began anew.
fn rise(before: &Times, now: &Times) -> Times {
    let idle = |times: &Times| times.get(IDLE).copied().unwrap_or(0.0);
    if idle(before) - idle(now) >= HOTPLUG_SECONDS {
        return *now;
    }
    let mut risen = *now;
    for (risen, before) in risen.iter_mut().zip(before) {
        *risen = risen.max(*before);
    }
    risen
}

fn tell(cpu: &str, times: &Times, has_guests: bool, out: &mut Collection) {
    let (times, guest_times) = times.split_at(MODES.len());
    for (mode, seconds) in MODES.iter().zip(times) {
        let help = "CPU time by mode.";
        out.counter("node_cpu_seconds_total", help, &[("cpu", cpu), ("mode", mode)], *seconds);
    }
    for (mode, seconds) in GUEST_MODES.iter().zip(guest_times).filter(|_| has_guests) {
        let help = "CPU time spent in guests (virtual machines), which is also part of user and nice time.";
        out.counter("node_cpu_guest_seconds_total", help, &[("cpu", cpu), ("mode", mode)], *seconds);
    }
}

/// Throttling per core and per package; hyperthreads of a core tell the same number, which is told once.
fn throttling(roots: &Roots, out: &mut Collection) {
    let mut cores = BTreeSet::new();
    let mut packages = BTreeSet::new();
    for cpu in numbered_cpus(roots) {
        let folder = format!("devices/system/cpu/{cpu}");
        if let Some(online) = roots.sys_number(&format!("{folder}/online")) {
            let index = cpu.trim_start_matches("cpu");
            out.gauge("node_cpu_online", "Whether a CPU is online.", &[("cpu", index)], online);
        }
        let Some(package) = roots.sys_value(&format!("{folder}/topology/physical_package_id")) else {
            continue;
        };
        let Some(core) = roots.sys_value(&format!("{folder}/topology/core_id")) else { continue };
        if cores.insert((package.clone(), core.clone()))
            && let Some(count) = roots.sys_number(&format!("{folder}/thermal_throttle/core_throttle_count"))
        {
            let labels = [("package", package.as_str()), ("core", core.as_str())];
            let help = "How often a CPU core was slowed down by heat.";
            out.counter("node_cpu_core_throttles_total", help, &labels, count);
        }
        if packages.insert(package.clone())
            && let Some(count) =
                roots.sys_number(&format!("{folder}/thermal_throttle/package_throttle_count"))
        {
            let help = "How often a CPU package was slowed down by heat.";
            out.counter("node_cpu_package_throttles_total", help, &[("package", &package)], count);
        }
    }
}

/// The folders `cpu0`, `cpu1`, … below sysfs.
pub(super) fn numbered_cpus(roots: &Roots) -> Vec<String> {
    let mut cpus = roots.sys_folder("devices/system/cpu");
    cpus.retain(|name| {
        name.strip_prefix("cpu")
            .is_some_and(|index| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()))
    });
    cpus
}

fn isolated(roots: &Roots, out: &mut Collection) {
    let Some(list) = roots.sys_value("devices/system/cpu/isolated") else { return };
    for cpu in cpu_list(&list) {
        let help = "CPUs kept away from the scheduler.";
        out.gauge("node_cpu_isolated", help, &[("cpu", &cpu.to_string())], 1.0);
    }
}

/// More CPUs than any machine has: a list that says otherwise is cut off.
const MOST_CPUS: usize = 1 << 16;

/// The kernel's way to list CPUs: `1,3-5`.
fn cpu_list(list: &str) -> Vec<u32> {
    let ranges = list.split(',').filter_map(|range| {
        let (first, last) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
        Some(first.parse::<u32>().ok()?..=last.parse::<u32>().ok()?)
    });
    ranges.flatten().take(MOST_CPUS).collect()
}

#[cfg(test)]
mod tests;
