//! systemd's units, asked over D-Bus.

use super::{Collector, SystemdOptions, passes};
use crate::bus::{Body, Bus, BusError, Call};
use crate::{CollectError, Collection, Roots};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `node_systemd_*`.
#[derive(Debug)]
pub(super) struct Systemd {
    options: SystemdOptions,
    /// The kind of each service (`simple`, `oneshot`), which changes only when its file does, and when they were asked.
    kinds: Mutex<(Option<Instant>, BTreeMap<String, String>)>,
}

/// How long all questions may take together.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the kinds of services are believed.
const KINDS_HOLD: Duration = Duration::from_secs(600);

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const OBJECT: &str = "/org/freedesktop/systemd1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

/// Of a unit, which property of which interface becomes what, divided by what.
struct Asked {
    interface: &'static str,
    property: &'static str,
    name: &'static str,
    help: &'static str,
    is_counter: bool,
    divisor: f64,
}

const fn gauge(
    interface: &'static str,
    property: &'static str,
    name: &'static str,
    help: &'static str,
) -> Asked {
    Asked { interface, property, name, help, is_counter: false, divisor: 1.0 }
}

const SERVICE: &str = "org.freedesktop.systemd1.Service";
const SOCKET: &str = "org.freedesktop.systemd1.Socket";

static TIMER: Asked = Asked {
    divisor: 1e6,
    ..gauge(
        "org.freedesktop.systemd1.Timer",
        "LastTriggerUSec",
        "node_systemd_timer_last_trigger_seconds",
        "When a timer last went off, in seconds since 1970.",
    )
};
static SOCKETS: [Asked; 3] = [
    Asked {
        is_counter: true,
        ..gauge(
            SOCKET,
            "NAccepted",
            "node_systemd_socket_accepted_connections_total",
            "Connections accepted.",
        )
    },
    gauge(SOCKET, "NConnections", "node_systemd_socket_current_connections", "Connections that are open."),
    Asked {
        is_counter: true,
        ..gauge(SOCKET, "NRefused", "node_systemd_socket_refused_connections_total", "Connections refused.")
    },
];
static RESTARTS: Asked = Asked {
    is_counter: true,
    ..gauge(SERVICE, "NRestarts", "node_systemd_service_restart_total", "Restarts of a service.")
};
static TASKS: [Asked; 2] = [
    gauge(SERVICE, "TasksCurrent", "node_systemd_unit_tasks_current", "Threads of a unit."),
    gauge(SERVICE, "TasksMax", "node_systemd_unit_tasks_max", "Threads that a unit may have."),
];
static START: Asked = Asked {
    divisor: 1e6,
    ..gauge(
        "org.freedesktop.systemd1.Unit",
        "ActiveEnterTimestamp",
        "node_systemd_unit_start_time_seconds",
        "When a unit was started, in seconds since 1970.",
    )
};

/// A unit that is loaded.
#[derive(Clone, Debug, PartialEq)]
struct Unit {
    name: String,
    state: String,
    path: String,
}

impl Systemd {
    pub(super) fn new(options: SystemdOptions) -> Self {
        Self { options, kinds: Mutex::default() }
    }

    /// Learns the kinds of services that are not known, all of them anew from time to time.
    fn learn_kinds(&self, bus: &mut Bus, units: &[Unit]) -> Result<BTreeMap<String, String>, BusError> {
        let mut kept = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.is_none_or(|asked| asked.elapsed() > KINDS_HOLD) {
            *kept = (Some(Instant::now()), BTreeMap::new());
        }
        let unknown: Vec<&Unit> = units
            .iter()
            .filter(|unit| unit.name.ends_with(".service") && !kept.1.contains_key(&unit.name))
            .collect();
        let calls: Vec<Call<'_>> =
            unknown.iter().map(|unit| property(&unit.path, &[SERVICE, "Type"])).collect();
        for (unit, answer) in unknown.iter().zip(bus.call_all(&calls)?) {
            // A unit may go between the list and the question.
            let kind = answer.and_then(|body| body.reader().variant_text()).unwrap_or_default();
            kept.1.insert(unit.name.clone(), kind);
        }
        kept.1.retain(|name, _| units.iter().any(|unit| unit.name == *name));
        Ok(kept.1.clone())
    }

    fn tell(&self, bus: &mut Bus, out: &mut Collection) -> Result<(), BusError> {
        tell_manager(bus, out)?;
        let units = bus.call(Call {
            interface: MANAGER,
            member: "ListUnits",
            arguments: &[],
            ..property(OBJECT, &[])
        })?;
        let mut units = loaded(&units)?;
        let mut counts: BTreeMap<&str, f64> = STATES.iter().map(|state| (*state, 0.0)).collect();
        for unit in &units {
            *counts.entry(&unit.state).or_default() += 1.0;
        }
        for (state, count) in counts {
            out.gauge("node_systemd_units", "Units by state.", &[("state", state)], count);
        }
        units.retain(|unit| passes(&unit.name, self.options.include.as_ref(), self.options.exclude.as_ref()));
        let kinds = self.learn_kinds(bus, &units)?;
        for unit in &units {
            let kind = kinds.get(&unit.name).map_or("", String::as_str);
            for state in STATES {
                let labels = [("name", unit.name.as_str()), ("state", state), ("type", kind)];
                let is_so = f64::from(u8::from(unit.state == state));
                out.gauge("node_systemd_unit_state", "Whether a unit is in a state (1).", &labels, is_so);
            }
        }
        self.tell_properties(bus, &units, out)
    }

    fn tell_properties(&self, bus: &mut Bus, units: &[Unit], out: &mut Collection) -> Result<(), BusError> {
        let mut asked: Vec<(&Unit, &Asked)> = Vec::new();
        for unit in units {
            match unit.name.rsplit_once('.').map_or("", |(_, kind)| kind) {
                "timer" => asked.push((unit, &TIMER)),
                "socket" => asked.extend(SOCKETS.iter().map(|of| (unit, of))),
                "service" => {
                    if self.options.restarts {
                        asked.push((unit, &RESTARTS));
                    }
                    if self.options.tasks {
                        asked.extend(TASKS.iter().map(|of| (unit, of)));
                    }
                }
                _ => {}
            }
            if self.options.start_times {
                asked.push((unit, &START));
            }
        }
        let questions: Vec<[&str; 2]> = asked.iter().map(|(_, of)| [of.interface, of.property]).collect();
        let calls: Vec<Call<'_>> = asked
            .iter()
            .zip(&questions)
            .map(|((unit, _), arguments)| property(&unit.path, arguments))
            .collect();
        for ((unit, of), answer) in asked.iter().zip(bus.call_all(&calls)?) {
            let Ok(number) = answer.and_then(|body| body.reader().variant_number()) else { continue };
            // All ones mean that there is no number: no limit, nothing counted.
            if number == u64::MAX {
                continue;
            }
            let value = if of.name == START.name && unit.state != "active" {
                0.0
            } else {
                number as f64 / of.divisor
            };
            let labels = [("name", unit.name.as_str())];
            if of.is_counter {
                out.counter(of.name, of.help, &labels, value);
            } else {
                out.gauge(of.name, of.help, &labels, value);
            }
        }
        Ok(())
    }
}

/// A question for a property: interface and name are the arguments.
fn property<'a>(path: &'a str, arguments: &'a [&'a str]) -> Call<'a> {
    Call { destination: SYSTEMD, path, interface: PROPERTIES, member: "Get", arguments }
}

fn tell_manager(bus: &mut Bus, out: &mut Collection) -> Result<(), BusError> {
    let calls = [[MANAGER, "SystemState"], [MANAGER, "Version"], [MANAGER, "Virtualization"]];
    let calls: Vec<Call<'_>> = calls.iter().map(|arguments| property(OBJECT, arguments)).collect();
    let mut texts = Vec::new();
    for answer in bus.call_all(&calls)? {
        texts.push(answer?.reader().variant_text()?);
    }
    let [state, version, virtualization] = texts.as_slice() else { return Ok(()) };
    let is_running = f64::from(u8::from(state == "running"));
    let help = "Whether the system is up, with no unit failed (1).";
    out.gauge("node_systemd_system_running", help, &[], is_running);
    let digits = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    if let Some(number) = version.get(..digits).and_then(|number| number.parse::<f64>().ok()) {
        out.gauge("node_systemd_version", "Version of systemd.", &[("version", version)], number);
    }
    let kind = if virtualization.is_empty() { "none" } else { virtualization };
    let labels = [("virtualization_type", kind)];
    out.gauge("node_systemd_virtualization_info", "What systemd thinks it runs in.", &labels, 1.0);
    Ok(())
}

/// The units of an answer to `ListUnits` that have a file or were made: those that are only named elsewhere are none.
fn loaded(answer: &Body) -> Result<Vec<Unit>, BusError> {
    let mut units = Vec::new();
    let mut rows = answer.reader().array(8)?;
    while rows.next_structure() {
        let name = rows.string()?.to_owned();
        let _description = rows.string()?;
        let load = rows.string()?;
        let state = rows.string()?.to_owned();
        let _sub_state = rows.string()?;
        let _following = rows.string()?;
        let path = rows.string()?.to_owned();
        let _job = rows.u32()?;
        let _job_kind = rows.string()?;
        let _job_path = rows.string()?;
        if load == "loaded" {
            units.push(Unit { name, state, path });
        }
    }
    Ok(units)
}

impl Collector for Systemd {
    fn name(&self) -> &'static str {
        "systemd"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let socket = self.options.bus.as_path();
        let told = Bus::connect(socket, PATIENCE).and_then(|mut bus| self.tell(&mut bus, out));
        let Err(error) = told else { return Ok(()) };
        Err(match error {
            BusError::Broken(source)
                if matches!(
                    source.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                ) =>
            {
                CollectError::NoData("bus on which systemd could be asked")
            }
            BusError::Failed { name, .. }
                if name.ends_with(".ServiceUnknown") || name.contains(".Spawn.") =>
            {
                CollectError::NoData("systemd on its bus")
            }
            BusError::Broken(source) => CollectError::Device {
                reason: match source.kind() {
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => "timeout",
                    std::io::ErrorKind::PermissionDenied => "permission_denied",
                    _ => "read_failed",
                },
                message: format!("{}: {source}", socket.display()),
            },
            error => CollectError::Device {
                reason: match &error {
                    BusError::Refused(_) => "permission_denied",
                    BusError::Failed { name, .. } if name.ends_with(".AccessDenied") => "permission_denied",
                    BusError::Garbage(_) => "garbage",
                    _ => "read_failed",
                },
                message: format!("{}: {error}", socket.display()),
            },
        })
    }
}

#[cfg(test)]
mod tests;
