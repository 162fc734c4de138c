//! `watchfire collect --once`: this host's metrics on standard output.

use crate::cli::CollectArgs;
use anyhow::Context;
use std::io::Write;
use std::sync::Arc;
use watchfire_collect::{Host, Options, Roots};
use watchfire_model::time::SystemClock;
use watchfire_wire::exposition::{Format, write::write};

pub(crate) fn run(args: &CollectArgs) -> anyhow::Result<()> {
    let roots = Roots {
        procfs: args.roots.procfs.clone(),
        sysfs: args.roots.sysfs.clone(),
        rootfs: args.roots.rootfs.clone(),
        udev_data: args.roots.udev.clone(),
    };
    let mut options = Options { disabled: args.without.clone(), ..Options::default() };
    for option in &args.options {
        let (flag, value) = option.split_once('=').with_context(|| {
            format!("-o {option}: expected collector.NAME=VALUE, for instance collector.textfile.directory=/var/lib/metrics")
        })?;
        options.set(flag.trim_start_matches('-'), value).map_err(anyhow::Error::msg)?;
    }
    let host = Host::new(roots, options, Arc::new(SystemClock));
    let text = write(&host.collect(), Format::Text);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
