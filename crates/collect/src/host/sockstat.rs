//! How many sockets are in use, from /proc/net/sockstat and sockstat6.

use super::Collector;
use crate::{CollectError, Collection, Roots};

/// `node_sockstat_*`.
pub(super) struct SockStat;

impl Collector for SockStat {
    fn name(&self) -> &'static str {
        "sockstat"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        for file in ["net/sockstat", "net/sockstat6"] {
            let source = match roots.proc(file) {
                Err(error) if error.is_absent() => continue,
                source => source?,
            };
            for (number, line) in source.lines() {
                let Some((protocol, rest)) = line.split_once(':') else { continue };
                let mut words = rest.split_ascii_whitespace();
                while let (Some(state), word @ Some(_)) = (words.next(), words.next()) {
                    let value = source.number(number, word)?;
                    let help = format!("Sockets of {protocol}: {state}.");
                    out.gauge(format!("node_sockstat_{protocol}_{state}"), &help, &[], value);
                    if state == "mem" {
                        let bytes = value * rustix::param::page_size() as f64;
                        let help = format!("Memory of the sockets of {protocol}, in bytes.");
                        out.gauge(format!("node_sockstat_{protocol}_mem_bytes"), &help, &[], bytes);
                    }
                }
            }
        }
        Ok(())
    }
}
