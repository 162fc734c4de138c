//! The collectors of GPUs over a library that the tests build, and over programs that they write.

use super::*;
use crate::Host;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use watchfire_model::time::ManualClock;
use watchfire_wire::exposition::write::Family;

/// What the tests' clock shows.
const NOW_MS: i64 = 1_700_000_000_000;

/// A machine with a driver whose answers a file decides.
struct Machine {
    folder: tempfile::TempDir,
    library: PathBuf,
}

impl Machine {
    /// Builds the library, or says aloud why not.
    fn new(state: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libnvidia-ml.so.1");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stub/nvml.c");
        let state_file = folder.path().join("state");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(format!("-DSTATE=\"{}\"", state_file.display()))
            .arg(source)
            .output();
        match built {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                println!("skipped: no C compiler to build the driver's library with: {error}");
                return None;
            }
        }
        std::fs::write(folder.path().join("uptime"), "1000.00 1.0\n").unwrap();
        std::fs::write(folder.path().join("kmsg"), "").unwrap();
        let machine = Self { folder, library };
        machine.set(state);
        Some(machine)
    }

    fn set(&self, state: &str) {
        // Renamed into place: the library may read it at any time.
        let next = self.folder.path().join("next");
        std::fs::write(&next, state.replace(", ", "\n") + "\n").unwrap();
        std::fs::rename(next, self.folder.path().join("state")).unwrap();
    }

    fn options(&self) -> GpuOptions {
        GpuOptions {
            nvidia_library: Some(self.library.clone()),
            nvidia_smi: PathBuf::from("/nowhere/nvidia-smi"),
            kmsg: self.folder.path().join("kmsg"),
            deadline: Duration::from_secs(30),
            ..GpuOptions::default()
        }
    }

    fn host(&self, options: GpuOptions) -> Host {
        let roots = Roots {
            procfs: self.folder.path().to_path_buf(),
            sysfs: self.folder.path().to_path_buf(),
            ..Roots::default()
        };
        Host::with_collectors(roots, collectors(options, Arc::new(ManualClock::at(NOW_MS))))
    }
}

/// The value of the one series with these labels.
fn value(families: &[Family], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let points = families.iter().filter(|family| family.name == name).flat_map(|family| &family.points);
    let mut found = points.filter(|point| {
        labels.iter().all(|(name, value)| point.labels.iter().any(|(own, text)| own == name && text == value))
    });
    found.next().map(|point| point.value)
}

const BUSY: &str = "gpus 2, milliwatts 627400, limit_milliwatts 700000, millijoules 5000000, throttle 64, replays 3, \
                    pcie_generation 5, pcie_width 16, links 4, link_down@1 2, field_82 40, field_142 2, field_144 1, \
                    field_230 1, field_52 9, temperature@1 91, processes@0 3, first_pid 500, mig 0, minor@1 1, \
                    ecc_corrected 7";

#[test]
fn the_drivers_library_tells_everything_under_the_canonical_names() {
    let Some(machine) = Machine::new(BUSY) else { return };
    let found = machine.host(machine.options()).collect();
    let (first, second) = (("gpu", "0"), ("gpu_uuid", "GPU-00000001-0000"));
    for (name, labels, expected) in [
        ("gpu_info", &[second, ("pci_bus_id", "0000:84:00.0"), ("driver_version", "590.48.01")][..], 1.0),
        ("gpu_info", &[first, ("source", "nvml"), ("vendor", "nvidia"), ("name", "NVIDIA H200")], 1.0),
        ("gpu_temperature_celsius", &[first], 45.0),
        ("gpu_temperature_celsius", &[second], 91.0),
        ("gpu_memory_temperature_celsius", &[first], 40.0),
        ("gpu_temperature_limit_celsius", &[first, ("threshold", "slowdown")], 94.0),
        ("gpu_utilization_ratio", &[first], 0.87),
        ("gpu_memory_total_bytes", &[first], 143_771.0 * 1_048_576.0),
        ("gpu_power_watts", &[first], 627.4),
        ("gpu_power_limit_watts", &[first], 700.0),
        ("gpu_energy_joules_total", &[first], 5000.0),
        ("gpu_clock_hertz", &[first, ("clock", "memory")], 3.201e9),
        ("gpu_throttle_active", &[first, ("reason", "hw_thermal_slowdown")], 1.0),
        ("gpu_throttle_active", &[first, ("reason", "sw_power_cap")], 0.0),
        ("gpu_ecc_errors_total", &[first, ("type", "corrected"), ("counter", "aggregate")], 8.0),
        ("gpu_row_remaps_total", &[first, ("type", "correctable")], 2.0),
        ("gpu_row_remap_pending", &[first], 1.0),
        ("gpu_recovery_action", &[first], 1.0),
        ("gpu_pcie_replays_total", &[first], 3.0),
        ("gpu_nvlink_up", &[second, ("link", "2")], 0.0),
        ("gpu_nvlink_up", &[first, ("link", "3")], 1.0),
        ("gpu_nvlink_errors_total", &[first, ("type", "replay")], 9.0),
        ("gpu_mig_enabled", &[first], 0.0),
        ("gpu_processes", &[first], 3.0),
        ("gpu_process_memory_used_bytes", &[first, ("pid", "502")], 3.0 * 1_048_576.0),
        ("gpu_process_utilization_ratio", &[first, ("pid", "500"), ("engine", "sm")], 0.5),
        ("gpu_lost", &[first], 0.0),
        ("watchfire_collector_success", &[("collector", "gpu_nvidia")], 1.0),
    ] {
        assert_eq!(value(&found, name, labels), Some(expected), "{name} {labels:?}");
    }
    let unknown = [first, ("pid", "500"), ("engine", "memory")];
    assert_eq!(value(&found, "gpu_process_utilization_ratio", &unknown), None, "200 % is no share");
}

#[test]
fn the_names_of_other_exporters_work_and_can_be_switched_off() {
    let Some(machine) = Machine::new(BUSY) else { return };
    let found = machine.host(machine.options()).collect();
    let uuid = ("uuid", "00000001-0000");
    for (name, labels, expected) in [
        ("nvidia_gpu_temperature_celsius", &[("uuid", "GPU-00000001-0000"), ("minor_number", "1")][..], 91.0),
        ("nvidia_gpu_num_devices", &[], 2.0),
        ("nvidia_gpu_power_usage_milliwatts", &[("name", "NVIDIA H200")], 627_400.0),
        ("DCGM_FI_DEV_GPU_TEMP", &[("gpu", "1"), ("UUID", "GPU-00000001-0000"), ("device", "nvidia1")], 91.0),
        ("DCGM_FI_DEV_SM_CLOCK", &[("gpu", "0"), ("modelName", "NVIDIA H200")], 1980.0),
        ("DCGM_FI_DEV_FB_USED", &[("gpu", "0"), ("pci_bus_id", "00000000:83:00.0")], 55.0),
        ("DCGM_FI_DEV_GPU_UTIL", &[("gpu", "0")], 87.0),
        ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", &[("gpu", "0")], 7.0),
        ("nvidia_smi_temperature_gpu", &[uuid], 91.0),
        ("nvidia_smi_power_draw_watts", &[uuid], 627.4),
        ("nvidia_smi_utilization_gpu_ratio", &[uuid], 0.87),
        ("nvidia_smi_clocks_current_sm_clock_hz", &[uuid], 1.98e9),
        ("nvidia_smi_clocks_event_reasons_hw_thermal_slowdown", &[uuid], 1.0),
        ("nvidia_smi_ecc_errors_corrected_volatile_total", &[uuid], 7.0),
        ("nvidia_smi_remapped_rows_pending", &[uuid], 1.0),
        ("nvidia_smi_gpu_info", &[uuid, ("name", "NVIDIA H200")], 1.0),
    ] {
        let found = value(&found, name, labels).unwrap_or(f64::NAN);
        assert!((found - expected).abs() < 1e-6 * expected.abs(), "{name}: {found}, expected {expected}");
    }
    let none = GpuAliases { dcgm: false, nvidia_smi: false, nvidia_gpu: false };
    let found = machine.host(GpuOptions { aliases: none, ..machine.options() }).collect();
    let foreign = |name: &str| name.starts_with("DCGM_") || name.starts_with("nvidia_");
    assert!(found.iter().all(|family| !foreign(&family.name)));
    assert_eq!(value(&found, "gpu_temperature_celsius", &[("gpu", "1")]), Some(91.0));
}

#[test]
fn a_gpu_that_fell_off_the_bus_is_told_as_lost_and_the_others_go_on() {
    let Some(machine) = Machine::new("gpus 2") else { return };
    let host = machine.host(machine.options());
    host.collect();
    for way in ["gpus 2, handle@0 15", "gpus 2, temperature_answer@0 15"] {
        machine.set(way);
        let found = host.collect();
        let (lost, well) = (("gpu_uuid", "GPU-00000000-0000"), ("gpu", "1"));
        assert_eq!(value(&found, "gpu_lost", &[lost]), Some(1.0), "{way}");
        assert_eq!(value(&found, "gpu_temperature_celsius", &[lost]), None, "{way}");
        assert_eq!(value(&found, "gpu_temperature_celsius", &[well]), Some(45.0), "{way}");
        let failed = [("collector", "gpu_nvidia"), ("reason", "gpu_lost")];
        assert_eq!(value(&found, "watchfire_collector_success", &failed), Some(0.0), "{way}");
    }
    machine.set("gpus 2");
    let found = host.collect();
    assert_eq!(value(&found, "gpu_lost", &[("gpu", "0")]), Some(0.0));
    assert_eq!(value(&found, "watchfire_collector_success", &[("collector", "gpu_nvidia")]), Some(1.0));
}

#[test]
fn a_driver_that_fails_says_why_and_comes_back() {
    let Some(machine) = Machine::new("init 4") else { return };
    let host = machine.host(machine.options());
    let reason = |reason| [("collector", "gpu_nvidia"), ("reason", reason)];
    let success = "watchfire_collector_success";
    assert_eq!(value(&host.collect(), success, &reason("permission_denied")), Some(0.0));
    machine.set("init 18");
    assert_eq!(value(&host.collect(), success, &reason("driver_mismatch")), Some(0.0));
    machine.set("count 999");
    assert_eq!(value(&host.collect(), success, &reason("driver_error")), Some(0.0));
    machine.set("gpus 1");
    let found = host.collect();
    assert_eq!(value(&found, success, &[("collector", "gpu_nvidia")]), Some(1.0));
    assert_eq!(value(&found, "gpu_temperature_celsius", &[]), Some(45.0));
}

#[test]
fn a_machine_without_a_driver_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let options = GpuOptions {
        nvidia_library: Some(folder.path().join("libnvidia-ml.so.1")),
        nvidia_smi: folder.path().join("nvidia-smi"),
        kmsg: folder.path().join("kmsg"),
        amd_smi: folder.path().join("amd-smi"),
        xpu_smi: folder.path().join("xpu-smi"),
        ..GpuOptions::default()
    };
    let roots = Roots { procfs: folder.path().into(), sysfs: folder.path().into(), ..Roots::default() };
    let host = Host::with_collectors(roots, collectors(options, Arc::new(ManualClock::at(NOW_MS))));
    let found = host.collect();
    let is_of_all =
        |name: &str| name.starts_with("node_scrape_collector_") || name == "node_exporter_build_info";
    assert!(found.iter().all(|family| is_of_all(&family.name)), "{found:?}");
}

#[test]
fn a_hung_driver_costs_one_deadline_and_is_heard_when_it_wakes() {
    let Some(machine) = Machine::new("gpus 1") else { return };
    let host = machine.host(GpuOptions { deadline: Duration::from_secs(2), ..machine.options() });
    assert_eq!(value(&host.collect(), "gpu_temperature_celsius", &[]), Some(45.0));
    machine.set("hang 1");
    let hung = [("collector", "gpu_nvidia"), ("reason", "timeout")];
    for _ in 0..3 {
        assert_eq!(value(&host.collect(), "watchfire_collector_success", &hung), Some(0.0));
    }
    machine.set("gpus 1, temperature 50");
    let deadline = Instant::now() + Duration::from_secs(30);
    while value(&host.collect(), "gpu_temperature_celsius", &[]) != Some(50.0) {
        assert!(Instant::now() < deadline, "the driver was not heard again");
        std::thread::yield_now();
    }
}

#[test]
fn xids_of_the_driver_and_of_the_kernels_log_are_counted_with_their_last_time() {
    let Some(machine) = Machine::new("gpus 2, xid@1 31, xid_times@1 2") else { return };
    let host = machine.host(machine.options());
    // The machine started a thousand seconds ago; the first line is of 500 seconds after that.
    let mut log = String::new();
    writeln!(log, "2,1,500000000,-;NVRM: Xid (PCI:0000:83:00): 79, pid=1, GPU has fallen off the bus.")
        .unwrap();
    writeln!(log, "2,2,999000000,-;NVRM: Xid (PCI:0000:84:00): 31, pid=7, name=python").unwrap();
    writeln!(log, "2,3,999000001,-;NVRM: Xid (PCI:0000:84:00): 31, pid=7, name=python").unwrap();
    writeln!(log, "4,4,600000000,-;INFO: task nvidia-smi:77 blocked for more than 120 seconds.").unwrap();
    std::fs::write(machine.folder.path().join("kmsg"), log).unwrap();
    let found = host.collect();
    let lost =
        [("gpu", "0"), ("gpu_uuid", "GPU-00000000-0000"), ("pci_bus_id", "0000:83:00.0"), ("xid", "79")];
    assert_eq!(value(&found, "gpu_xid_errors_total", &lost), Some(1.0));
    assert_eq!(value(&found, "gpu_xid_last_timestamp_seconds", &lost), Some(1_699_999_500.0));
    let fault = [("gpu", "1"), ("xid", "31")];
    assert_eq!(value(&found, "gpu_xid_errors_total", &fault), Some(2.0), "told twice by each of both");
    let meaning = [("xid", "79"), ("severity", "critical"), ("action", "reboot_host")];
    assert_eq!(value(&found, "gpu_xid_info", &meaning), Some(1.0));
    let hung = [("event", "hung_task")];
    assert_eq!(value(&found, "host_kernel_events_total", &hung), Some(1.0));
    assert_eq!(value(&found, "host_kernel_event_last_timestamp_seconds", &hung), Some(1_699_999_600.0));
    // Nothing is counted twice at the next look.
    assert_eq!(value(&host.collect(), "gpu_xid_errors_total", &fault), Some(2.0));
}

#[test]
fn only_the_largest_processes_are_told_one_by_one() {
    let Some(machine) = Machine::new("gpus 1, processes 100, first_pid 1000") else { return };
    let host = machine.host(GpuOptions { processes_per_gpu: 10, ..machine.options() });
    let found = host.collect();
    let told = found.iter().find(|family| family.name == "gpu_process_memory_used_bytes").unwrap();
    assert_eq!(told.points.len(), 10);
    assert_eq!(value(&found, "gpu_processes", &[]), Some(100.0));
    assert_eq!(value(&found, "gpu_processes_dropped", &[]), Some(90.0));
    assert!(value(&found, "gpu_process_memory_used_bytes", &[("pid", "1099")]).is_some());
    assert!(value(&found, "gpu_process_memory_used_bytes", &[("pid", "1000")]).is_none());
}

#[test]
fn a_process_is_joined_with_its_service_and_model() {
    let Some(machine) = Machine::new("gpus 1, processes 1, first_pid 4242") else { return };
    let place = machine.folder.path().join("4242");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("stat"), "4242 (vllm) S 1 1 1 0").unwrap();
    std::fs::write(place.join("cmdline"), "python3\0/usr/bin/vllm\0serve\0org/model\0").unwrap();
    std::fs::write(place.join("cgroup"), "0::/system.slice/vllm.service\n").unwrap();
    let found = machine.host(machine.options()).collect();
    let labels = [("pid", "4242"), ("process", "vllm"), ("service", "vllm.service"), ("model", "org/model")];
    assert_eq!(value(&found, "gpu_process_info", &labels), Some(1.0));
}

/// A program that answers as `nvidia-smi` did on a real machine.
fn write_program(path: &Path, body: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn program_host(folder: &Path, deadline: Duration) -> Host {
    let options = GpuOptions {
        nvidia_library: Some(folder.join("libnvidia-ml.so.1")),
        nvidia_smi: folder.join("nvidia-smi"),
        kmsg: folder.join("kmsg"),
        deadline,
        ..GpuOptions::default()
    };
    let roots = Roots { procfs: folder.into(), sysfs: folder.into(), ..Roots::default() };
    Host::with_collectors(roots, collectors(options, Arc::new(ManualClock::at(NOW_MS))))
}

#[test]
fn without_the_library_the_program_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    write_program(
        &folder.path().join("nvidia-smi"),
        "case \"$1\" in\n\
         --help-query-gpu) printf '\"uuid\" or \"gpu_uuid\"\\nx\\n\"index\"\\n\"temperature.gpu\"\\n\"mig.mode.current\"\\n' ;;\n\
         --query-gpu=uuid,index,temperature.gpu,mig.mode.current) printf 'uuid, index, temperature.gpu, mig.mode.current\\nGPU-A, 0, 52, Disabled\\n' ;;\n\
         --query-compute-apps=*) printf 'gpu_uuid, pid, used_gpu_memory [MiB], process_name\\nGPU-A, 7, 12 MiB, /bin/a, b\\n' ;;\n\
         *) exit 9 ;;\nesac",
    );
    let found = program_host(folder.path(), Duration::from_secs(60)).collect();
    assert_eq!(value(&found, "gpu_temperature_celsius", &[("gpu_uuid", "GPU-A")]), Some(52.0));
    assert_eq!(value(&found, "gpu_info", &[("source", "nvidia-smi")]), Some(1.0));
    assert_eq!(value(&found, "gpu_process_memory_used_bytes", &[("pid", "7")]), Some(12.0 * 1_048_576.0));
    assert_eq!(value(&found, "nvidia_gpu_temperature_celsius", &[("uuid", "GPU-A")]), Some(52.0));
}

#[test]
fn a_program_that_fails_hangs_or_talks_nonsense_is_a_failure_with_a_reason() {
    for (body, reason) in [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "driver_mismatch"),
        ("exit 1", "program_failed"),
        ("echo hello", "garbage"),
        (
            "case \"$1\" in --help*) printf '\"uuid\"\\n\"name\"\\n' ;; *) head -c 3000 /dev/zero ;; esac",
            "garbage",
        ),
        ("exec sleep 600", "timeout"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_program(&folder.path().join("nvidia-smi"), body);
        let deadline = if reason == "timeout" { Duration::from_millis(500) } else { Duration::from_secs(60) };
        let found = program_host(folder.path(), deadline).collect();
        let labels = [("collector", "gpu_nvidia"), ("reason", reason)];
        assert_eq!(value(&found, "watchfire_collector_success", &labels), Some(0.0), "{body}");
    }
}

#[test]
fn every_family_has_a_name_of_its_own_and_is_in_the_documentation() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/what-it-finds.md")).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for family in families::ALL {
        assert!(names.insert(family.name), "{} is there twice", family.name);
        assert!(family.help.ends_with('.') || family.help.contains(':'), "{}", family.name);
        assert!(
            page.contains(&format!("`{}`", family.name)),
            "{} is not in docs/what-it-finds.md",
            family.name
        );
    }
}

#[test]
#[ignore = "measures: run in a release build, alone"]
fn eight_gpus_with_a_hundred_processes() {
    let processes = (0..8).fold(String::new(), |text, gpu| {
        text + &format!(", processes@{gpu} 13, first_pid@{gpu} {}", 1000 + gpu * 13)
    });
    let Some(machine) = Machine::new(
        &format!("{BUSY}{processes}").replace("gpus 2", "gpus 8").replace("processes@0 3, ", ""),
    ) else {
        return;
    };
    let host = machine.host(machine.options());
    let first = Instant::now();
    let series: usize = host.collect().iter().map(|family| family.points.len()).sum();
    println!("first: {:?}, {series} series", first.elapsed());
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            host.collect();
            started.elapsed()
        })
        .collect();
    times.sort();
    println!("median {:?}, 99 % {:?}", times[100], times[198]);
}
