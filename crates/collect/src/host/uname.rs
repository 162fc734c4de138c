//! The kernel's name and version.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_uname_info`.
#[derive(Debug)]
pub(super) struct UnameInfo;

impl Collector for UnameInfo {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn collect(&self, _roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let uname = rustix::system::uname();
        #[cfg(target_os = "linux")]
        let domain_name = uname.domainname().to_string_lossy();
        #[cfg(not(target_os = "linux"))]
        let domain_name = "(none)";
        let labels = [
            ("sysname", &*uname.sysname().to_string_lossy()),
            ("release", &*uname.release().to_string_lossy()),
            ("version", &*uname.version().to_string_lossy()),
            ("machine", &*uname.machine().to_string_lossy()),
            ("nodename", &*uname.nodename().to_string_lossy()),
            ("domainname", &*domain_name),
        ];
        out.gauge("node_uname_info", "What the kernel says it is.", &labels, 1.0);
        Ok(())
    }
}
