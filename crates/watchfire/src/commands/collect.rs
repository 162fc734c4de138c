//! `watchfire collect --once`: this host's metrics on standard output.

use crate::cli::CollectArgs;
use std::io::Write;
use std::sync::Arc;
use watchfire_collect::{Host, Options};
use watchfire_model::time::SystemClock;
use watchfire_wire::exposition::{Format, write::write};

pub(crate) fn run(args: &CollectArgs) -> anyhow::Result<()> {
    let mut options = Options::default();
    args.collectors.apply(&mut options).map_err(anyhow::Error::msg)?;
    let host = Host::new(args.collectors.roots(), options, Arc::new(SystemClock));
    let text = write(&host.collect(), Format::Text);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
