//! The collectors of a Mac.

use super::super::{Collector, Options, textfile, time, uname};
use super::{boot_time, disks, load, memory, network};
use crate::gpu::run_program;
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::time::Clock;

/// How long a program may take; they are done in milliseconds.
const LIMIT: Duration = Duration::from_secs(2);

fn ask(program: &str, arguments: &[&str]) -> Result<String, CollectError> {
    Ok(run_program(Path::new(program), arguments, LIMIT)?)
}

fn garbage(program: &str) -> CollectError {
    CollectError::Device {
        reason: "garbage",
        message: format!("{program} prints something else than before"),
    }
}

struct Cpu;

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        for (cpu, ticks) in processors()?.into_iter().enumerate() {
            let cpu = cpu.to_string();
            for (mode, ticks) in ["user", "system", "idle", "nice"].into_iter().zip(ticks) {
                let labels = [("cpu", cpu.as_str()), ("mode", mode)];
                // A hundred ticks a second.
                out.counter("node_cpu_seconds_total", "CPU time by mode.", &labels, f64::from(ticks) / 100.0);
            }
        }
        Ok(())
    }
}

/// Ticks of each processor: user, system, idle, nice.
fn processors() -> Result<Vec<[u32; 4]>, CollectError> {
    let mut count: libc::natural_t = 0;
    let mut table: libc::processor_info_array_t = std::ptr::null_mut();
    let mut length: libc::mach_msg_type_number_t = 0;
    // SAFETY: all three pointers are to live variables of the types that the call fills; where it succeeds, `table`
    // holds `length` numbers, four for each processor, which are copied before the kernel's memory is given back.
    #[expect(unsafe_code, reason = "no program tells the time of each processor")]
    #[expect(deprecated, reason = "libc has no other way to the host")]
    unsafe {
        let answer = libc::host_processor_info(
            libc::mach_host_self(),
            libc::PROCESSOR_CPU_LOAD_INFO,
            &raw mut count,
            &raw mut table,
            &raw mut length,
        );
        if answer != libc::KERN_SUCCESS || table.is_null() {
            let source = std::io::Error::other(format!("error {answer}"));
            return Err(CollectError::Call { call: "host_processor_info", source });
        }
        let numbers = std::slice::from_raw_parts(table.cast::<u32>(), length as usize).to_vec();
        let bytes = length as usize * size_of::<libc::integer_t>();
        libc::vm_deallocate(libc::mach_task_self(), table as libc::vm_address_t, bytes as libc::vm_size_t);
        let processors = numbers.chunks_exact(4).filter_map(|ticks| ticks.try_into().ok());
        Ok(processors.take(count as usize).collect())
    }
}

struct MemInfo;

impl Collector for MemInfo {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        if !memory::tell(&ask("/usr/bin/vm_stat", &[])?, out) {
            return Err(garbage("vm_stat"));
        }
        if let Ok(bytes) = ask("/usr/sbin/sysctl", &["-n", "hw.memsize"])?.trim().parse::<f64>() {
            out.gauge("node_memory_total_bytes", "All of the memory.", &[], bytes);
        }
        memory::tell_swap(&ask("/usr/sbin/sysctl", &["-n", "vm.swapusage"])?, out);
        Ok(())
    }
}

struct Load;

impl Collector for Load {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let text = ask("/usr/sbin/sysctl", &["-n", "vm.loadavg"])?;
        let load = load(&text).ok_or_else(|| garbage("sysctl"))?;
        for (name, value) in ["node_load1", "node_load5", "node_load15"].into_iter().zip(load) {
            out.gauge(name, "Processes that run or wait for the CPU, on average.", &[], value);
        }
        let text = ask("/usr/sbin/sysctl", &["-n", "kern.boottime"])?;
        if let Some(seconds) = boot_time(&text) {
            let help = "When the machine was started, in seconds since 1970.";
            out.gauge("node_boot_time_seconds", help, &[], seconds);
        }
        Ok(())
    }
}

struct Disks {
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl Collector for Disks {
    fn name(&self) -> &'static str {
        "diskstats"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let text = ask("/usr/sbin/ioreg", &["-r", "-c", "IOBlockStorageDriver", "-w", "0", "-l"])?;
        let passes =
            |device: &str| super::super::passes(device, self.include.as_ref(), self.exclude.as_ref());
        if disks::tell(&text, passes, out) == 0 {
            return Err(CollectError::NoData("disk with statistics"));
        }
        Ok(())
    }
}

struct Network {
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl Collector for Network {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let text = ask("/usr/sbin/netstat", &["-ibnd"])?;
        let passes =
            |device: &str| super::super::passes(device, self.include.as_ref(), self.exclude.as_ref());
        if !network::tell(&text, passes, out) {
            return Err(garbage("netstat"));
        }
        Ok(())
    }
}

/// All collectors of a Mac.
pub(in super::super) fn builtin(options: &Options, clock: Arc<dyn Clock>) -> Vec<Box<dyn Collector>> {
    vec![
        Box::new(textfile::TextFile { folders: options.textfile_folders.clone() }),
        Box::new(Cpu),
        Box::new(Disks { include: options.disk_include.clone(), exclude: options.disk_exclude.clone() }),
        Box::new(Load),
        Box::new(MemInfo),
        Box::new(Network {
            include: options.netdev_include.clone(),
            exclude: options.netdev_exclude.clone(),
        }),
        Box::new(time::Time { clock }),
        Box::new(uname::UnameInfo),
    ]
}
