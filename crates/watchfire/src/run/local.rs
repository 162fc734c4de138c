//! Targets inside the program: this host, and the program itself.

use std::sync::Arc;
use watchfire_api::App;
use watchfire_collect::{Host, Options, Roots};
use watchfire_scrape::config::Collect;
use watchfire_scrape::{Gather, LocalTarget};
use watchfire_wire::exposition::{Format, write::write};

const HOST_JOB: &str = "node";
const OWN_JOB: &str = "watchfire";

/// Brings the local targets in line with the configuration.
pub(crate) fn apply(app: &Arc<App>, collect: &Collect) {
    let instance = host_name();
    if !collect.enabled {
        for job in [HOST_JOB, OWN_JOB] {
            app.scrape.remove_local(job, &instance);
        }
        return;
    }
    let host = Host::new(Roots::default(), Options::default(), Arc::clone(&app.clock));
    let gather_host: Gather = Arc::new(move || write(&host.collect(), Format::Text).into_bytes());
    let weak = Arc::downgrade(app);
    let gather_own: Gather =
        Arc::new(move || weak.upgrade().map(|app| app.control.own_metrics(Format::Text)).unwrap_or_default());
    for (job, gather) in [(HOST_JOB, gather_host), (OWN_JOB, gather_own)] {
        app.scrape.add_local(LocalTarget {
            job: job.to_owned(),
            instance: instance.clone(),
            interval: collect.interval,
            gather,
        });
    }
}

/// The host's own name, as `instance` of what is collected on it.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
