//! Network traffic by device, from /proc/net/dev.

use super::{Collector, passes};
use crate::{CollectError, Collection, Roots};
use regex::Regex;

/// `node_network_receive_*` and `node_network_transmit_*`.
#[derive(Debug)]
pub(super) struct NetDev {
    /// Devices that are told; all when not set.
    pub(super) include: Option<Regex>,
    /// Devices that are passed over.
    pub(super) exclude: Option<Regex>,
}

impl Collector for NetDev {
    fn name(&self) -> &'static str {
        "netdev"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        // Counters belong to the network namespace of whoever asks, wherever proc is mounted. Where the mounted one
        // does not show them (fixtures, `subset=pid`), this process's own does.
        let own = Roots::default();
        let (source, roots) = match roots.proc("net/dev") {
            Err(error) if error.is_absent() => (own.proc("net/dev")?, &own),
            source => (source?, roots),
        };
        let mut lines = source.lines().skip(1);
        let Some((header_number, header)) = lines.next() else {
            return Err(source.wrong(1, &source.text, "two header lines"));
        };
        let columns =
            columns(header).ok_or_else(|| source.wrong(header_number, header, "face |receive|transmit"))?;
        for (number, line) in lines {
            // Aliases such as `eth0:1` hold a colon, so the last one separates.
            let Some((device, counts)) = line.rsplit_once(':') else { continue };
            let device = device.trim();
            if !passes(device, self.include.as_ref(), self.exclude.as_ref()) {
                continue;
            }
            let labels = [("device", device)];
            let mut words = counts.split_ascii_whitespace();
            for column in &columns {
                let count = source.number(number, words.next())?;
                tell(out, column, &labels, count);
            }
            // Not in the file, but counted since Linux 4.6.
            if let Some(count) = roots.sys_number(&format!("class/net/{device}/statistics/rx_nohandler")) {
                tell(out, "receive_nohandler", &labels, count);
            }
        }
        Ok(())
    }
}

fn tell(out: &mut Collection, column: &str, labels: &[(&'static str, &str)], count: f64) {
    let help = format!("Network device counter {column}.");
    out.counter(format!("node_network_{column}_total"), &help, labels, count);
}

/// `receive_bytes`, …, from ` face |bytes …|bytes …`.
fn columns(header: &str) -> Option<Vec<String>> {
    let mut parts = header.split('|').skip(1);
    let (receive, transmit) = (parts.next()?, parts.next()?);
    let receive = receive.split_ascii_whitespace().map(|name| format!("receive_{name}"));
    let transmit = transmit.split_ascii_whitespace().map(|name| format!("transmit_{name}"));
    Some(receive.chain(transmit).collect())
}
