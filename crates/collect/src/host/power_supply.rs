//! Batteries and power supplies, from /sys/class/power_supply.

use super::{Collector, passes};
use crate::{CollectError, Collection, Label, Roots};
use regex::Regex;

/// `node_power_supply_*`.
#[derive(Debug)]
pub(super) struct PowerSupply {
    /// Supplies that are passed over.
    pub(super) ignored: Option<Regex>,
}

/// Files with one number: by what it is divided, and what it becomes. The kernel counts in millionths of a unit and in
/// tenths of a degree.
const NUMBERS: [(f64, &[(&str, &str)]); 3] = [
    (
        1.0,
        &[
            ("authentic", "authentic"),
            ("calibrate", "calibrate"),
            ("capacity", "capacity"),
            ("capacity_alert_max", "capacity_alert_max"),
            ("capacity_alert_min", "capacity_alert_min"),
            ("cycle_count", "cyclecount"),
            ("online", "online"),
            ("present", "present"),
            ("time_to_empty_now", "time_to_empty_seconds"),
            ("time_to_full_now", "time_to_full_seconds"),
        ],
    ),
    (
        1e6,
        &[
            ("charge_control_limit", "charge_control_limit"),
            ("charge_control_limit_max", "charge_control_limit_max"),
            ("charge_counter", "charge_counter"),
            ("charge_empty", "charge_empty"),
            ("charge_empty_design", "charge_empty_design"),
            ("charge_full", "charge_full"),
            ("charge_full_design", "charge_full_design"),
            ("charge_now", "charge_ampere"),
            ("charge_term_current", "charge_term_current"),
            ("constant_charge_current", "constant_charge_current"),
            ("constant_charge_current_max", "constant_charge_current_max"),
            ("constant_charge_voltage", "constant_charge_voltage"),
            ("constant_charge_voltage_max", "constant_charge_voltage_max"),
            ("current_boot", "current_boot"),
            ("current_max", "current_max"),
            ("current_now", "current_ampere"),
            ("energy_empty", "energy_empty"),
            ("energy_empty_design", "energy_empty_design"),
            ("energy_full", "energy_full"),
            ("energy_full_design", "energy_full_design"),
            ("energy_now", "energy_watthour"),
            ("input_current_limit", "input_current_limit"),
            ("power_now", "power_watt"),
            ("precharge_current", "precharge_current"),
            ("voltage_boot", "voltage_boot"),
            ("voltage_max", "voltage_max"),
            ("voltage_max_design", "voltage_max_design"),
            ("voltage_min", "voltage_min"),
            ("voltage_min_design", "voltage_min_design"),
            ("voltage_now", "voltage_volt"),
            ("voltage_ocv", "voltage_ocv"),
        ],
    ),
    (
        10.0,
        &[
            ("temp", "temp_celsius"),
            ("temp_alert_max", "temp_alert_max_celsius"),
            ("temp_alert_min", "temp_alert_min_celsius"),
            ("temp_ambient", "temp_ambient_celsius"),
            ("temp_ambient_max", "temp_ambient_max_celsius"),
            ("temp_ambient_min", "temp_ambient_min_celsius"),
            ("temp_max", "temp_max_celsius"),
            ("temp_min", "temp_min_celsius"),
        ],
    ),
];

/// Files with a word, which are labels of `node_power_supply_info` where they say something.
const WORDS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

impl Collector for PowerSupply {
    fn name(&self) -> &'static str {
        "powersupplyclass"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let supplies = roots.sys_folder("class/power_supply");
        if supplies.is_empty() {
            return Err(CollectError::NoData("battery or power supply that tells of itself"));
        }
        for supply in supplies.iter().filter(|supply| passes(supply, None, self.ignored.as_ref())) {
            let folder = format!("class/power_supply/{supply}");
            for (divisor, files) in NUMBERS {
                for (file, name) in files {
                    let Some(number) = roots.sys_number(&format!("{folder}/{file}")) else { continue };
                    let help = format!("The value of {file} of a battery or power supply.");
                    let labels = [("power_supply", supply.as_str())];
                    out.gauge(format!("node_power_supply_{name}"), &help, &labels, number / divisor);
                }
            }
            let words =
                WORDS.map(|file| (file, roots.sys_value(&format!("{folder}/{file}")).unwrap_or_default()));
            let mut labels: Vec<Label<'_>> = vec![("power_supply", supply)];
            let said = words.iter().filter(|(_, word)| !word.is_empty());
            labels.extend(said.map(|(label, word)| (*label, word.as_str())));
            out.gauge("node_power_supply_info", "What a battery or power supply is.", &labels, 1.0);
        }
        Ok(())
    }
}
