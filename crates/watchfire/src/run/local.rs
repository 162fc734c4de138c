//! Targets inside the program: this host, and the program itself.

use super::found;
use std::sync::Arc;
use watchfire_api::App;
use watchfire_collect::{GpuAliases, Host, Options, Roots};
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
        forget_found(app);
        return;
    }
    let mut options = Options { disabled: collect.disabled_collectors.clone(), ..Options::default() };
    if !collect.llm {
        options.disabled.push("llm".to_owned());
    }
    options.textfile_folders.clone_from(&collect.textfile_directories);
    let named = collect.gpu_aliases;
    options.gpu.aliases = GpuAliases { dcgm: named, nvidia_smi: named, nvidia_gpu: named };
    let host = Host::new(Roots::default(), options, Arc::clone(&app.clock));
    match host.llm() {
        // It ends with the host that it looks at, which the next configuration replaces.
        Some(llm) => {
            drop(tokio::spawn(found::watch(Arc::downgrade(app), Arc::downgrade(llm), instance.clone())));
        }
        None => forget_found(app),
    }
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

/// Ends the scraping of what was found before.
fn forget_found(app: &Arc<App>) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        if let Err(error) = app.scrape.apply_found(Vec::new()).await {
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
