//! Errors of the host's memory, from /sys/devices/system/edac.

use super::Collector;
use crate::{CollectError, Collection, Label, Roots};

/// `node_edac_*`.
pub(super) struct Edac;

impl Collector for Edac {
    fn name(&self) -> &'static str {
        "edac"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let folder = "devices/system/edac/mc";
        let mut found = false;
        for entry in roots.sys_folder(folder) {
            let Some(controller) = entry.strip_prefix("mc").filter(|rest| is_number(rest)) else { continue };
            found = true;
            let place = format!("{folder}/{entry}");
            tell(roots, &place, "", "", &[("controller", controller)], out);
            let unknown = [("controller", controller), ("csrow", "unknown")];
            tell(roots, &place, "csrow_", "_noinfo", &unknown, out);
            for row_entry in roots.sys_folder(&place) {
                let Some(row) = row_entry.strip_prefix("csrow").filter(|rest| is_number(rest)) else {
                    continue;
                };
                let place = format!("{place}/{row_entry}");
                tell(roots, &place, "csrow_", "", &[("controller", controller), ("csrow", row)], out);
                tell_channels(roots, &place, controller, row, out);
            }
        }
        if found { Ok(()) } else { Err(CollectError::NoData("memory controller that tells of errors")) }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn tell(roots: &Roots, place: &str, part: &str, ending: &str, labels: &[Label<'_>], out: &mut Collection) {
    for (file, what) in [("ce", "correctable"), ("ue", "uncorrectable")] {
        if let Some(count) = roots.sys_number(&format!("{place}/{file}{ending}_count")) {
            let help = format!("Memory errors that were {what}.");
            out.counter(format!("node_edac_{part}{what}_errors_total"), &help, labels, count);
        }
    }
}

fn tell_channels(roots: &Roots, place: &str, controller: &str, row: &str, out: &mut Collection) {
    for file in roots.sys_folder(place) {
        let Some((channel, kind)) = file.strip_prefix("ch").and_then(|rest| rest.split_once('_')) else {
            continue;
        };
        let what = match kind {
            "ce_count" => "correctable",
            "ue_count" => "uncorrectable",
            _ => continue,
        };
        let Some(count) = roots.sys_number(&format!("{place}/{file}")) else { continue };
        let dimm = roots.sys_value(&format!("{place}/ch{channel}_dimm_label")).unwrap_or_default();
        // `mc#0csrow#0channel#0` on most boards.
        let dimm = dimm.replace("csrow", "_csrow").replace("channel", "_channel").replace('#', "");
        let labels =
            [("controller", controller), ("csrow", row), ("channel", channel), ("dimm_label", dimm.as_str())];
        let help = format!("Memory errors of a channel that were {what}.");
        out.counter(format!("node_edac_channel_{what}_errors_total"), &help, &labels, count);
    }
}
