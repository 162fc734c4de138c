use super::*;

#[test]
fn every_flag_that_is_offered_is_understood() {
    for flag in Options::flags() {
        let value = match flag.name {
            "collector.filesystem.mount-timeout" => "5s",
            "collector.gpu.aliases" => "dcgm",
            "collector.ipvs.backend-labels" => "proto",
            _ => "^x$",
        };
        Options::default().apply([(flag.name, value)]).unwrap();
        if flag.value.is_none() {
            Options::default().apply([(flag.off, "")]).unwrap();
            assert_eq!(flag.off, format!("no-{}", flag.name));
        }
    }
    for known in flags::COLLECTORS {
        let mut options = Options::default();
        options.apply([(known.off, "")]).unwrap();
        assert!(!options.runs(known.name), "{}", known.name);
        options.apply([(known.on, "")]).unwrap();
        assert!(options.runs(known.name), "{}", known.name);
    }
}

#[test]
fn without_defaults_only_what_is_switched_on_runs() {
    let mut options = Options::default();
    options.apply([("collector.disable-defaults", ""), ("collector.cpu", "")]).unwrap();
    let runs = flags::COLLECTORS.iter().filter(|known| options.runs(known.name));
    assert_eq!(runs.map(|known| known.name).collect::<Vec<_>>(), ["cpu"]);
}

#[test]
fn a_wrong_value_is_told_with_its_flag() {
    let wrong = |flag: &str, value: &str| Options::default().apply([(flag, value)]).unwrap_err();
    let text = wrong("collector.vmstat.fields", "(");
    assert!(text.starts_with("--collector.vmstat.fields: \"(\" is no regular expression"), "{text}");
    assert!(wrong("collector.nonsense", "").contains("netstat, nfs, nfsd"));
    assert!(wrong("collector.filesystem.mount-timeout", "soon").contains("write it like 5s"));
    assert!(wrong("collector.ipvs.backend-labels", "colour").contains("local_address"));
    assert!(wrong("collector.gpu.aliases", "colour").contains("nvidia_smi"));
    let both = [("collector.netdev.device-include", "a"), ("collector.netdev.device-exclude", "b")];
    let text = Options::default().apply(both).unwrap_err();
    assert!(text.contains("--collector.netdev.device-exclude exclude each other"), "{text}");
}

#[test]
fn what_is_asked_for_by_name_is_not_left_out_by_a_default() {
    let mut options = Options::default();
    options.apply([("collector.diskstats.device-include", "^sda1$")]).unwrap();
    assert!(!options.disk_exclude.unwrap().is_match("sda1"));
}

#[test]
fn the_default_filters_are_there() {
    let options = Options::default();
    assert!(options.disk_exclude.unwrap().is_match("sda1"));
    assert!(options.mount_points_exclude.unwrap().is_match("/proc/x"));
    assert!(options.fs_types_exclude.unwrap().is_match("tracefs"));
    assert!(options.vmstat_fields.unwrap().is_match("pgmajfault"));
    assert!(options.netstat_fields.unwrap().is_match("TcpExt_TCPTimeouts"));
    assert!(options.cpu_flags_include.unwrap().is_match("avx512f"));
    let units = options.systemd;
    assert!(units.include.unwrap().is_match("ssh.service"));
    assert!(units.exclude.unwrap().is_match("home.mount"));
}
