//! Processes: how many in which state, and which take the most.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// `node_processes_*`, and `process_top_*` for the processes that take the most memory or time.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// Clock ticks that each process had used at the last look, by number and start.
    last: Mutex<BTreeMap<(u32, u64), u64>>,
}

/// How many processes are told by name for memory, and as many for time.
const TOP: usize = 10;

/// What a line of /proc/PID/stat says.
struct Seen {
    pid: u32,
    name: String,
    state: String,
    ticks: u64,
    threads: f64,
    started: u64,
    resident_pages: f64,
}

fn seen(pid: u32, stat: &str) -> Option<Seen> {
    let (before, after) = stat.rsplit_once(')')?;
    let words: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |place: usize| words.get(place)?.parse::<u64>().ok();
    Some(Seen {
        pid,
        name: before.split_once('(')?.1.to_owned(),
        state: (*words.first()?).to_owned(),
        ticks: number(11)?.saturating_add(number(12)?),
        threads: number(17)? as f64,
        started: number(19)?,
        resident_pages: number(21)? as f64,
    })
}

impl Collector for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let entries = std::fs::read_dir(&roots.procfs)
            .map_err(|source| CollectError::Read { path: roots.procfs.clone(), source })?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // One that ended since is none any more.
        let all: Vec<Seen> =
            pids.filter_map(|pid| seen(pid, &roots.proc(&format!("{pid}/stat")).ok()?.text)).collect();
        let mut states: BTreeMap<&str, f64> = BTreeMap::new();
        for process in &all {
            *states.entry(&process.state).or_default() += 1.0;
        }
        let threads: f64 = all.iter().map(|process| process.threads).sum();
        out.gauge("node_processes_pids", "Processes.", &[], all.len() as f64);
        out.gauge("node_processes_threads", "Threads of all processes.", &[], threads);
        for (state, count) in states {
            out.gauge("node_processes_state", "Processes by their state.", &[("state", state)], count);
        }
        for (file, name, help) in [
            ("sys/kernel/threads-max", "node_processes_max_threads", "How many threads there can be."),
            ("sys/kernel/pid_max", "node_processes_max_processes", "How many processes there can be."),
        ] {
            let source = roots.proc(file)?;
            out.gauge(name, help, &[], source.number(1, Some(source.text.trim()))?);
        }
        self.tell_top(roots, &all, out);
        Ok(())
    }
}

/// When this machine was started, in seconds since 1970.
fn booted_at(roots: &Roots) -> Option<f64> {
    let stat = roots.proc("stat").ok()?;
    stat.text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

impl Processes {
    /// Tells of the processes with the most memory, and of those that used the most time since the last look. What they
    /// tell are counters and sizes of their own, so that a rate can be taken while they stay at the top.
    fn tell_top(&self, roots: &Roots, all: &[Seen], out: &mut Collection) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let used = |process: &Seen| {
            let before = last.get(&(process.pid, process.started)).copied();
            process.ticks.saturating_sub(before.unwrap_or(0))
        };
        let mut by_time: Vec<&Seen> = all.iter().filter(|process| used(process) > 0).collect();
        by_time.sort_by_key(|process| (std::cmp::Reverse(used(process)), process.pid));
        let mut by_memory: Vec<&Seen> = all.iter().filter(|process| process.resident_pages > 0.0).collect();
        by_memory.sort_by(|left, right| {
            right.resident_pages.total_cmp(&left.resident_pages).then(left.pid.cmp(&right.pid))
        });
        let mut top: BTreeMap<u32, &Seen> = BTreeMap::new();
        top.extend(
            by_time
                .into_iter()
                .take(TOP)
                .chain(by_memory.into_iter().take(TOP))
                .map(|process| (process.pid, process)),
        );
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let booted = booted_at(roots);
        for process in top.values() {
            let pid = process.pid.to_string();
            let labels = [("pid", pid.as_str()), ("process", process.name.as_str())];
            let memory = process.resident_pages * rustix::param::page_size() as f64;
            let help = "Memory of a process among those that take the most.";
            out.gauge("process_top_resident_memory_bytes", help, &labels, memory);
            let help = "CPU time of a process among those that take the most.";
            out.counter("process_top_cpu_seconds_total", help, &labels, process.ticks as f64 / ticks);
            let help = "Threads of a process among those that take the most.";
            out.gauge("process_top_threads", help, &labels, process.threads);
            if let Some(booted) = booted {
                let help =
                    "When a process among those that take the most was started, in seconds since 1970.";
                let started = booted + process.started as f64 / ticks;
                out.gauge("process_top_start_time_seconds", help, &labels, started);
            }
            // Another user's are not ours to count.
            if let Ok(files) = std::fs::read_dir(roots.procfs.join(format!("{pid}/fd"))) {
                let help = "Open files of a process among those that take the most.";
                out.gauge("process_top_open_fds", help, &labels, files.count() as f64);
            }
        }
        *last = all.iter().map(|process| ((process.pid, process.started), process.ticks)).collect();
    }
}
