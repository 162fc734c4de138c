//! Whether SELinux guards this machine, from the file system through which it is configured.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_selinux_*`.
pub(super) struct SeLinux;

impl Collector for SeLinux {
    fn name(&self) -> &'static str {
        "selinux"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let enforcing = roots.sys_number("fs/selinux/enforce");
        let is_enabled = f64::from(u8::from(enforcing.is_some()));
        out.gauge("node_selinux_enabled", "Whether SELinux is there (1).", &[], is_enabled);
        let Some(enforcing) = enforcing else { return Ok(()) };
        let help = "Whether SELinux refuses (1) or only complains (0), at the moment.";
        out.gauge("node_selinux_current_mode", help, &[], enforcing);
        let config = crate::roots::Source::read(roots.rootfs.join("etc/selinux/config"));
        let configured = config.ok().and_then(|config| {
            let mode =
                config.text.lines().find_map(|line| line.trim().strip_prefix("SELINUX=")).map(str::trim)?;
            Some(match mode {
                "enforcing" => 1.0,
                "permissive" => 0.0,
                _ => -1.0,
            })
        });
        if let Some(configured) = configured {
            let help = "Whether SELinux refuses (1), only complains (0) or is off (-1) after the next start.";
            out.gauge("node_selinux_config_mode", help, &[], configured);
        }
        Ok(())
    }
}
