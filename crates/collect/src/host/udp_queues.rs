//! Bytes that wait in the queues of UDP sockets, from /proc/net/udp and udp6.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};

/// `node_udp_queues`.
pub(super) struct UdpQueues;

impl Collector for UdpQueues {
    fn name(&self) -> &'static str {
        "udp_queues"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let mut found = false;
        for (file, version) in [("net/udp", "v4"), ("net/udp6", "v6")] {
            let source = match roots.proc(file) {
                Err(error) if error.is_absent() => continue,
                source => source?,
            };
            let (sent, received) = waiting(&source)?;
            let help = "Bytes that wait in the queues of UDP sockets.";
            for (queue, bytes) in [("tx", sent), ("rx", received)] {
                out.gauge("node_udp_queues", help, &[("queue", queue), ("ip", version)], bytes);
            }
            found = true;
        }
        if found { Ok(()) } else { Err(CollectError::NoData("table of UDP sockets")) }
    }
}

/// The sums of the column `tx_queue:rx_queue`, which is hexadecimal.
fn waiting(source: &Source) -> Result<(f64, f64), CollectError> {
    let (mut sent, mut received) = (0.0, 0.0);
    for (number, line) in source.lines().skip(1) {
        let queues = line.split_ascii_whitespace().nth(4).and_then(|queues| {
            let (sent, received) = queues.split_once(':')?;
            Some((u64::from_str_radix(sent, 16).ok()?, u64::from_str_radix(received, 16).ok()?))
        });
        let Some((tx, rx)) = queues else {
            return Err(source.wrong(number, line, "lengths of the queues in the fifth column"));
        };
        sent += tx as f64;
        received += rx as f64;
    }
    Ok((sent, received))
}
