//! Targets inside the program: this host, and the program itself.

use super::found;
use crate::cli::CollectorArgs;
use std::sync::Arc;
use std::time::Duration;
use watchfire_collect::{GpuAliases, Host, Options};
use watchfire_model::time::Clock;
use watchfire_receive::groups::Groups;
use watchfire_scrape::config::Collect;
use watchfire_scrape::{Gather, LocalTarget, Manager};
use watchfire_wire::exposition::{Format, write::write};

const HOST_JOB: &str = "node";
const OWN_JOB: &str = "watchfire";
const GROUPS_JOB: &str = "pushgateway";

/// Brings the local targets in line with the configuration; `own` tells of the program itself.
pub(crate) fn apply(
    scrape: &Arc<Manager>,
    clock: &Arc<dyn Clock>,
    own: Gather,
    collect: &Collect,
    flags: &CollectorArgs,
) {
    let instance = host_name();
    if !collect.enabled {
        for job in [HOST_JOB, OWN_JOB] {
            scrape.remove_local(job, &instance);
        }
        forget_found(scrape);
        return;
    }
    let host = host(collect, flags, clock);
    match host.llm() {
        // It ends with the host that it looks at, which the next configuration replaces.
        Some(llm) => {
            let watching = found::watch(Arc::downgrade(scrape), Arc::downgrade(llm), instance.clone());
            drop(tokio::spawn(watching));
        }
        None => forget_found(scrape),
    }
    for (job, gather) in [(HOST_JOB, gather(Arc::new(host))), (OWN_JOB, own)] {
        scrape.add_local(LocalTarget {
            job: job.to_owned(),
            instance: instance.clone(),
            interval: collect.interval,
            gather,
            honor_labels: false,
        });
    }
}

/// Shows the groups that were pushed, as a target of their own while there are any.
pub(crate) fn show_groups(scrape: &Manager, groups: &Arc<Groups>, interval: Duration) {
    let instance = host_name();
    if groups.stats().groups == 0 {
        scrape.remove_local(GROUPS_JOB, &instance);
        return;
    }
    let groups = Arc::clone(groups);
    scrape.add_local(LocalTarget {
        job: GROUPS_JOB.to_owned(),
        instance,
        interval,
        gather: Arc::new(move || groups.exposition().into_bytes()),
        honor_labels: true,
    });
}

/// Collects from a host each time it is asked.
pub(crate) fn gather(host: Arc<Host>) -> Gather {
    Arc::new(move || write(&host.collect(), Format::Text).into_bytes())
}

/// This host, with the collectors that the configuration and the flags leave; the flags have the last word.
pub(crate) fn host(collect: &Collect, flags: &CollectorArgs, clock: &Arc<dyn Clock>) -> Host {
    let mut options = Options::default();
    for name in &collect.disabled_collectors {
        if let Err(problem) = options.switch(name, false) {
            tracing::warn!(%problem, "disabled_collectors of the configuration names what is not there");
        }
    }
    if !collect.llm {
        let switched = options.switch("llm", false);
        debug_assert!(switched.is_ok(), "there is a collector of that name");
    }
    options.textfile_folders.clone_from(&collect.textfile_directories);
    let named = collect.gpu_aliases;
    options.gpu.aliases = GpuAliases { dcgm: named, nvidia_smi: named, nvidia_gpu: named };
    let applied = flags.apply(&mut options);
    debug_assert!(applied.is_ok(), "the command line was checked when it was read");
    Host::new(flags.roots(), options, Arc::clone(clock))
}

/// Ends the scraping of what was found before.
fn forget_found(scrape: &Arc<Manager>) {
    let scrape = Arc::clone(scrape);
    tokio::spawn(async move {
        if let Err(error) = scrape.apply_found(Vec::new()).await {
            tracing::error!(%error, "LLM servers that were found are still scraped");
        }
    });
}

/// The host's own name, as `instance` of what is collected on it.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
