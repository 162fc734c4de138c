//! Processes: how many in which state, and which programs take the most.
//!
//! Programs are told of by name, never by process number: a machine that compiles starts thousands of processes an hour,
//! and a series for each would outgrow everything else that is known of it.

use super::Collector;
use crate::{CollectError, Collection, Roots};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// `node_processes_*`, and `process_top_*` for the programs that take the most memory or time.
#[derive(Debug, Default)]
pub(super) struct Processes {
    used: Mutex<Used>,
}

/// Clock ticks that were used, as of the last look.
#[derive(Debug, Default)]
struct Used {
    /// By each process, by its number and start.
    by_process: BTreeMap<(u32, u64), u64>,
    /// By all processes of a name together, also by those that have ended, as long as one of them runs.
    by_name: BTreeMap<String, u64>,
}

/// How many programs are told of for their memory, and as many for their time.
const TOP: usize = 10;

/// The processes of one name.
#[derive(Default)]
struct Program<'a> {
    processes: Vec<&'a Seen>,
    resident_pages: f64,
    /// Clock ticks used since the last look, and since a process of the name was first seen.
    recent_ticks: u64,
    ticks: u64,
}

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
    let resident_pages = number(21)? as f64;
    let name = before.split_once('(')?.1;
    // The kernel's own threads have their CPU and their work at the moment in their names: kworker/0:1-events.
    let name = if resident_pages == 0.0 { name.split('/').next().unwrap_or(name) } else { name };
    Some(Seen {
        pid,
        name: name.to_owned(),
        state: (*words.first()?).to_owned(),
        ticks: number(11)?.saturating_add(number(12)?),
        threads: number(17)? as f64,
        started: number(19)?,
        resident_pages,
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

impl Used {
    /// Takes note of what runs now; gives it by name.
    fn look<'a>(&mut self, all: &'a [Seen]) -> BTreeMap<&'a str, Program<'a>> {
        let mut programs: BTreeMap<&str, Program<'_>> = BTreeMap::new();
        for process in all {
            let before = self.by_process.get(&(process.pid, process.started)).copied().unwrap_or(0);
            let program = programs.entry(&process.name).or_default();
            program.recent_ticks += process.ticks.saturating_sub(before);
            program.resident_pages += process.resident_pages;
            program.processes.push(process);
        }
        for (name, program) in &mut programs {
            program.ticks = self.by_name.get(*name).copied().unwrap_or(0) + program.recent_ticks;
        }
        self.by_process = all.iter().map(|process| ((process.pid, process.started), process.ticks)).collect();
        self.by_name = programs.iter().map(|(name, program)| ((*name).to_owned(), program.ticks)).collect();
        programs
    }
}

/// The names of the programs with the most memory, and of those that used the most time since the last look.
fn top<'a>(programs: &BTreeMap<&'a str, Program<'_>>) -> BTreeSet<&'a str> {
    let mut by_time: Vec<_> = programs.iter().filter(|(_, program)| program.recent_ticks > 0).collect();
    by_time.sort_by_key(|(name, program)| (Reverse(program.recent_ticks), **name));
    let mut by_memory: Vec<_> = programs.iter().filter(|(_, program)| program.resident_pages > 0.0).collect();
    by_memory.sort_by(|(left_name, left), (right_name, right)| {
        right.resident_pages.total_cmp(&left.resident_pages).then(left_name.cmp(right_name))
    });
    by_time.into_iter().take(TOP).chain(by_memory.into_iter().take(TOP)).map(|(name, _)| *name).collect()
}

impl Processes {
    /// Tells of the programs at the top. What they tell are counters and sizes of their own, so that a rate can be taken
    /// while they stay there.
    fn tell_top(&self, roots: &Roots, all: &[Seen], out: &mut Collection) {
        let programs = self.used.lock().unwrap_or_else(PoisonError::into_inner).look(all);
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        let booted = booted_at(roots);
        for name in top(&programs) {
            let Some(program) = programs.get(name) else { continue };
            let labels = [("process", name)];
            let help = "Processes of a program among those that take the most.";
            out.gauge("process_top_processes", help, &labels, program.processes.len() as f64);
            let memory = program.resident_pages * rustix::param::page_size() as f64;
            let help = "Memory of a program's processes, among those that take the most; what they share counts for each.";
            out.gauge("process_top_resident_memory_bytes", help, &labels, memory);
            let help = "CPU time of a program's processes, among those that take the most.";
            out.counter(
                "process_top_cpu_seconds_total",
                help,
                &labels,
                program.ticks as f64 / ticks_per_second,
            );
            let help = "Threads of a program's processes, among those that take the most.";
            out.gauge(
                "process_top_threads",
                help,
                &labels,
                program.processes.iter().map(|one| one.threads).sum(),
            );
            let oldest = program.processes.iter().map(|process| process.started).min();
            if let (Some(booted), Some(oldest)) = (booted, oldest) {
                let help = "When the oldest process of a program among those that take the most was started, in seconds \
                            since 1970.";
                let started = booted + oldest as f64 / ticks_per_second;
                out.gauge("process_top_start_time_seconds", help, &labels, started);
            }
            // Another user's are not ours to count.
            let counts = program.processes.iter().map(|process| {
                let files = std::fs::read_dir(roots.procfs.join(format!("{}/fd", process.pid))).ok()?;
                Some(files.count() as f64)
            });
            if let Some(files) = counts.sum::<Option<f64>>() {
                let help = "Open files of a program's processes, among those that take the most.";
                out.gauge("process_top_open_fds", help, &labels, files);
            }
        }
    }
}

#[cfg(test)]
mod tests;
