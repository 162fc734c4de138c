use super::*;
use crate::bus::tests::{Reply, fake};
use std::path::PathBuf;
use watchfire_wire::exposition::{Format, write::write};

fn unit(name: &'static str, load: &'static str, state: &'static str) -> impl Fn(Reply) -> Reply {
    move |row| {
        let path = format!("/unit/{name}");
        let row =
            row.string(name).string("what it is for").string(load).string(state).string("sub").string("");
        row.string(&path).u32(0).string("").string("/")
    }
}

fn systemd(path: &str, member: &str, arguments: &[String]) -> Result<Reply, &'static str> {
    if member == "ListUnits" {
        return Ok(Reply::default().structures(&[
            &unit("ssh.service", "loaded", "active"),
            &unit("gone.service", "not-found", "inactive"),
            &unit("job.service", "loaded", "failed"),
            &unit("home.mount", "loaded", "active"),
            &unit("apt.timer", "loaded", "active"),
            &unit("api.socket", "loaded", "active"),
        ]));
    }
    let property = arguments.get(1).map_or("", String::as_str);
    Ok(match (property, path) {
        ("SystemState", _) => Reply::default().variant(b's').string("degraded"),
        ("Version", _) => Reply::default().variant(b's').string("252.39-1~deb12u2"),
        ("Virtualization", _) => Reply::default().variant(b's').string("kvm"),
        ("Type", "/unit/ssh.service") => Reply::default().variant(b's').string("notify"),
        ("Type", _) => return Err("org.freedesktop.DBus.Error.UnknownObject"),
        ("LastTriggerUSec", _) => Reply::default().variant(b't').u64(1_700_000_000_500_000),
        ("NAccepted", _) => Reply::default().variant(b'u').u32(3),
        ("NConnections", _) => Reply::default().variant(b'u').u32(2),
        ("NRestarts", _) => Reply::default().variant(b'u').u32(9),
        ("TasksMax", _) => Reply::default().variant(b't').u64(u64::MAX),
        ("TasksCurrent", _) => Reply::default().variant(b't').u64(4),
        ("ActiveEnterTimestamp", _) => Reply::default().variant(b't').u64(5_000_000),
        _ => return Err("org.freedesktop.DBus.Error.UnknownProperty"),
    })
}

fn told(options: SystemdOptions) -> (Result<(), CollectError>, String) {
    let mut out = Collection::default();
    let result = Systemd::new(options).collect(&Roots::default(), &mut out);
    let text = write(&out.into_families(), Format::Text);
    (result, text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect())
}

#[test]
fn units_are_told_in_node_exporters_words() {
    let (_folder, bus) = fake(systemd);
    let (result, text) = told(SystemdOptions { bus, ..SystemdOptions::default() });
    result.unwrap();
    for line in [
        "node_systemd_system_running 0\n",
        "node_systemd_version{version=\"252.39-1~deb12u2\"} 252.39\n",
        "node_systemd_virtualization_info{virtualization_type=\"kvm\"} 1\n",
        "node_systemd_units{state=\"active\"} 4\n",
        "node_systemd_units{state=\"failed\"} 1\n",
        "node_systemd_units{state=\"inactive\"} 0\n",
        "node_systemd_unit_state{name=\"ssh.service\",state=\"active\",type=\"notify\"} 1\n",
        "node_systemd_unit_state{name=\"ssh.service\",state=\"failed\",type=\"notify\"} 0\n",
        "node_systemd_unit_state{name=\"job.service\",state=\"failed\",type=\"\"} 1\n",
        "node_systemd_timer_last_trigger_seconds{name=\"apt.timer\"} 1.7000000005e+09\n",
        "node_systemd_socket_accepted_connections_total{name=\"api.socket\"} 3\n",
        "node_systemd_socket_current_connections{name=\"api.socket\"} 2\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    for word in ["gone.service", "home.mount", "restart", "tasks", "start_time", "refused"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn more_is_told_where_it_is_asked_for() {
    let (_folder, bus) = fake(systemd);
    let options =
        SystemdOptions { bus, restarts: true, tasks: true, start_times: true, ..SystemdOptions::default() };
    let (result, text) = told(options);
    result.unwrap();
    for line in [
        "node_systemd_service_restart_total{name=\"ssh.service\"} 9\n",
        "node_systemd_unit_tasks_current{name=\"job.service\"} 4\n",
        "node_systemd_unit_start_time_seconds{name=\"ssh.service\"} 5\n",
        "node_systemd_unit_start_time_seconds{name=\"job.service\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    // Without a limit there is no number for it.
    assert!(!text.contains("tasks_max"), "{text}");
}

#[test]
fn a_bus_without_systemd_is_no_failure_and_a_forbidden_one_is() {
    let reason = |bus: PathBuf| {
        told(SystemdOptions { bus, ..SystemdOptions::default() }).0.unwrap_err().reason().to_owned()
    };
    assert_eq!(reason(PathBuf::from("/no/such/bus")), "no_data");
    let (_folder, bus) = fake(|_, _, _| Err("org.freedesktop.DBus.Error.ServiceUnknown"));
    assert_eq!(reason(bus), "no_data");
    let (_folder, bus) = fake(|_, _, _| Err("org.freedesktop.DBus.Error.AccessDenied"));
    assert_eq!(reason(bus), "permission_denied");
    let (_folder, bus) = fake(|_, _, _| Ok(Reply::default().u32(1)));
    assert_eq!(reason(bus), "garbage");
}

#[test]
fn this_machines_systemd_answers() {
    let options = SystemdOptions::default();
    if !options.bus.exists() {
        println!("skipped: no bus at {}", options.bus.display());
        return;
    }
    match told(options) {
        (Ok(()), text) => assert!(text.contains("node_systemd_units{state=\"active\"}"), "{text}"),
        (Err(error), _) => println!("skipped: {error}"),
    }
}
