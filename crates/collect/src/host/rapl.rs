//! Energy that the CPUs used, from /sys/class/powercap. Only root may read it since 2020.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_rapl_*_joules_total`.
pub(super) struct Rapl;

impl Collector for Rapl {
    fn name(&self) -> &'static str {
        "rapl"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for zone in roots.sys_folder("class/powercap") {
            // `intel-rapl:0` is a package, `intel-rapl:0:0` a part of it.
            let Some((_, numbers)) = zone.split_once("rapl:") else { continue };
            let folder = format!("class/powercap/{zone}");
            let Some(name) = roots.sys_value(&format!("{folder}/name")) else { continue };
            let energy = match roots.sys(&format!("{folder}/energy_uj")) {
                Err(error) if error.is_absent() => continue,
                energy => energy?,
            };
            let joules = energy.number(1, Some(energy.text.trim()))? / 1e6;
            let (part, index) = match name.rsplit_once('-') {
                Some((part, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => (part, index),
                _ => (name.as_str(), numbers.split(':').next().unwrap_or("0")),
            };
            let path = roots.sysfs.join(&folder).display().to_string();
            let help = format!("Energy used by {part}.");
            let labels = [("index", index), ("path", path.as_str())];
            out.counter(format!("node_rapl_{}_joules_total", part.replace('-', "_")), &help, &labels, joules);
            found = true;
        }
        if found { Ok(()) } else { Err(CollectError::NoData("meter of the CPUs' energy")) }
    }
}
