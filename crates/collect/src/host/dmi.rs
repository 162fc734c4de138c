//! What the board and its firmware say they are, from /sys/class/dmi. Serial numbers are for root only.

use super::Collector;
use crate::{CollectError, Collection, Label, Roots};

/// `node_dmi_info`.
pub(super) struct Dmi;

/// Files, and the labels they become.
const FILES: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("sys_vendor", "system_vendor"),
];

impl Collector for Dmi {
    fn name(&self) -> &'static str {
        "dmi"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let values: Vec<(&'static str, String)> = FILES
            .iter()
            .filter_map(|(file, label)| Some((*label, roots.sys_value(&format!("class/dmi/id/{file}"))?)))
            .collect();
        if values.is_empty() {
            return Err(CollectError::NoData("firmware that says what the board is"));
        }
        let labels: Vec<Label<'_>> = values.iter().map(|(label, value)| (*label, value.as_str())).collect();
        out.gauge("node_dmi_info", "What the board and its firmware are.", &labels, 1.0);
        Ok(())
    }
}
