//! Load averages.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_load1`, `node_load5`, `node_load15`.
#[derive(Debug)]
pub(super) struct LoadAvg;

impl Collector for LoadAvg {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = roots.proc("loadavg")?;
        let mut words = source.text.split_ascii_whitespace();
        for (name, help) in [
            ("node_load1", "Load average over one minute."),
            ("node_load5", "Load average over five minutes."),
            ("node_load15", "Load average over fifteen minutes."),
        ] {
            out.gauge(name, help, &[], source.number(1, words.next())?);
        }
        Ok(())
    }
}
