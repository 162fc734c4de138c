//! Sensors of the board and its cards, from /sys/class/hwmon.

use super::{Collector, passes};
use crate::{CollectError, Collection, Label, Roots};
use regex::Regex;
use std::collections::BTreeMap;
use watchfire_model::MetricType;

/// `node_hwmon_*`.
#[derive(Debug)]
pub(super) struct HwMon {
    /// Chips that are told, and those that are passed over.
    pub(super) chips: (Option<Regex>, Option<Regex>),
    /// Sensors that are told as `chip;sensor`, and those that are passed over.
    pub(super) sensors: (Option<Regex>, Option<Regex>),
}

/// The kinds of sensors that there are; other files are none.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// The files of a chip: kind and number of the sensor, and what each file says about it.
type Sensors = BTreeMap<(String, String), BTreeMap<String, String>>;

/// Small letters, digits and underscores only.
fn clean(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    let cleaned: String = name
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' { c } else { '_' })
        .collect();
    cleaned.trim_matches('_').to_owned()
}

/// `temp1_crit_alarm` is the sensor `temp` `1` and what it says about `crit_alarm`.
fn split(file: &str) -> Option<(&str, &str, &str)> {
    let end = file.find(|c: char| c.is_ascii_digit());
    let (kind, rest) = match end {
        Some(end) => file.split_at_checked(end)?,
        None => {
            let kind = KINDS.iter().find(|kind| {
                file == **kind || file.strip_prefix(**kind).is_some_and(|rest| rest.starts_with('_'))
            })?;
            file.split_at_checked(kind.len())?
        }
    };
    if !KINDS.contains(&kind) {
        return None;
    }
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, property) = rest.split_at_checked(digits)?;
    match property.strip_prefix('_') {
        Some(property) => Some((kind, number, property)),
        None => property.is_empty().then_some((kind, number, "")),
    }
}

impl Collector for HwMon {
    fn name(&self) -> &'static str {
        "hwmon"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let entries = roots.sys_folder("class/hwmon");
        if entries.is_empty() {
            return Err(CollectError::NoData("sensor"));
        }
        let chips: Vec<(String, String)> =
            entries.iter().map(|entry| (entry.clone(), chip(roots, entry))).collect();
        for (entry, chip) in &chips {
            let folder = format!("class/hwmon/{entry}");
            let name =
                roots.sys_value(&format!("{folder}/name")).map(|name| clean(&name)).unwrap_or_default();
            // A device may have several chips; then the chip's own name tells them apart.
            let is_shared = chips.iter().filter(|(_, other)| other == chip).count() > 1;
            let chip = if is_shared && !name.is_empty() { format!("{chip}_{name}") } else { chip.clone() };
            if !passes(&chip, self.chips.0.as_ref(), self.chips.1.as_ref()) {
                continue;
            }
            let mut sensors = Sensors::new();
            for place in [folder.clone(), format!("{folder}/device")] {
                for file in roots.sys_folder(&place) {
                    let Some((kind, number, property)) = split(&file) else { continue };
                    let Some(value) = roots.sys_value(&format!("{place}/{file}")) else { continue };
                    let sensor = sensors.entry((kind.to_owned(), number.to_owned())).or_default();
                    sensor.entry(property.to_owned()).or_insert(value);
                }
            }
            sensors.retain(|(kind, number), _| {
                let sensor = format!("{chip};{kind}{number}");
                passes(&sensor, self.sensors.0.as_ref(), self.sensors.1.as_ref())
            });
            if !name.is_empty() && !sensors.is_empty() {
                let labels = [("chip", chip.as_str()), ("chip_name", name.as_str())];
                out.gauge("node_hwmon_chip_names", "What a chip is called.", &labels, 1.0);
            }
            for ((kind, number), values) in &sensors {
                tell(&chip, kind, number, values, out);
            }
        }
        Ok(())
    }
}

/// What a chip is called: its device's kind and name, its own name, or its folder's.
fn chip(roots: &Roots, entry: &str) -> String {
    let folder = roots.sysfs.join("class/hwmon").join(entry);
    if let Ok(device) = folder.join("device").canonicalize() {
        let part = |path: Option<&std::path::Path>| {
            clean(&path.and_then(std::path::Path::file_name).unwrap_or_default().to_string_lossy())
        };
        let (name, kind) = (part(Some(&device)), part(device.parent()));
        if !name.is_empty() {
            return if kind.is_empty() { name } else { format!("{kind}_{name}") };
        }
    }
    let name = roots.sys_value(&format!("class/hwmon/{entry}/name")).map(|name| clean(&name));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| clean(entry))
}

fn tell(chip: &str, kind: &str, number: &str, values: &BTreeMap<String, String>, out: &mut Collection) {
    let sensor = format!("{kind}{number}");
    let labels = [("chip", chip), ("sensor", sensor.as_str())];
    let [chip_label, sensor_label] = labels;
    if let Some(label) = values.get("label") {
        let labels = [chip_label, sensor_label, ("label", label.as_str())];
        out.gauge("node_hwmon_sensor_label", "What a sensor is called.", &labels, 1.0);
    }
    for (property, value) in values.iter().filter(|(property, _)| *property != "label") {
        let Ok(value) = value.parse::<f64>() else { continue };
        let mut name = format!("node_hwmon_{kind}");
        if property == "input" {
            // The value itself, unless there is a file without a property too.
            if values.contains_key("") {
                name += "_input";
            }
        } else if !property.is_empty() {
            name = format!("{name}_{}", clean(property));
        }
        let mut gauge = |name: String, labels: &[Label<'_>], value: f64| {
            out.add(MetricType::Gauge, name, "Of a sensor of the board or a card.", labels, value);
        };
        match (kind, property.as_str()) {
            ("beep_enable", _) => gauge("node_hwmon_beep_enabled".to_owned(), &labels[..1], value),
            ("vrm", _) => gauge("node_hwmon_voltage_regulator_version".to_owned(), &labels[..1], value),
            ("update_interval", _) => {
                gauge("node_hwmon_update_interval_seconds".to_owned(), &labels[..1], value / 1e3)
            }
            (_, "fault" | "alarm") => gauge(name, &labels, value),
            (_, "beep") => gauge(format!("{name}_enabled"), &labels, value),
            ("in" | "cpu", _) => gauge(format!("{name}_volts"), &labels, value / 1e3),
            ("temp", property) if property != "type" => {
                gauge(format!("{name}_celsius"), &labels, value / 1e3)
            }
            ("curr", _) => gauge(format!("{name}_amps"), &labels, value / 1e3),
            ("energy", _) => {
                let help = "Energy that a sensor counted.";
                out.counter(format!("{name}_joule_total"), help, &labels, value / 1e6);
            }
            ("power", "accuracy") => gauge(name, &labels, value / 1e6),
            ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
                gauge(format!("{name}_seconds"), &labels, value / 1e3);
            }
            ("power", _) => gauge(format!("{name}_watt"), &labels, value / 1e6),
            ("humidity", _) => gauge(name, &labels, value / 1e6),
            ("fan", "input" | "min" | "max" | "target") => gauge(format!("{name}_rpm"), &labels, value),
            ("freq", "input") => {
                let label = values.get("label").map(|label| clean(label));
                let labels = [chip_label, ("sensor", label.as_deref().unwrap_or(&sensor))];
                gauge(format!("{name}_freq_mhz"), &labels, value / 1e6);
            }
            _ => gauge(name, &labels, value),
        }
    }
}
