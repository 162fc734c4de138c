//! Known vulnerabilities of the CPUs and what the kernel does about them.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_cpu_vulnerabilities_info`.
#[derive(Debug)]
pub(super) struct Vulnerabilities;

impl Collector for Vulnerabilities {
    fn name(&self) -> &'static str {
        "cpu_vulnerabilities"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let folder = "devices/system/cpu/vulnerabilities";
        for codename in roots.sys_folder(folder) {
            let Some(text) = roots.sys_value(&format!("{folder}/{codename}")) else { continue };
            let (state, mitigation) = state(&text);
            let labels = [("codename", codename.as_str()), ("state", state), ("mitigation", mitigation)];
            let help =
                "Known CPU vulnerabilities, whether they concern this CPU, and what is done about them.";
            out.gauge("node_cpu_vulnerabilities_info", help, &labels, 1.0);
        }
        Ok(())
    }
}

/// The kernel writes `Not affected`, `Vulnerable`, `Vulnerable: details` or `Mitigation: details`.
fn state(text: &str) -> (&'static str, &str) {
    let (word, details) = text.split_once(": ").unwrap_or((text, ""));
    match word {
        "Not affected" => ("not affected", ""),
        "Mitigation" => ("mitigation", details),
        _ if word.starts_with("Vulnerable") => ("vulnerable", details),
        _ => ("unknown", text),
    }
}
