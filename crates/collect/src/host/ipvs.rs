//! The kernel's load balancer, from /proc/net/ip_vs and ip_vs_stats.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Label, Roots};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// `node_ipvs_*`.
#[derive(Debug)]
pub(super) struct Ipvs {
    /// Which labels backends have; those with the same are added up.
    pub(super) labels: Vec<String>,
}

/// The labels that a backend may have.
pub(super) const LABELS: [&str; 6] =
    ["local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark"];

const TOTALS: [(&str, &str); 5] = [
    ("node_ipvs_connections_total", "Connections that were balanced."),
    ("node_ipvs_incoming_packets_total", "Packets that came in."),
    ("node_ipvs_outgoing_packets_total", "Packets that went out."),
    ("node_ipvs_incoming_bytes_total", "Bytes that came in."),
    ("node_ipvs_outgoing_bytes_total", "Bytes that went out."),
];

const BACKEND: [(&str, &str); 3] = [
    ("node_ipvs_backend_weight", "Weight of a backend."),
    ("node_ipvs_backend_connections_active", "Connections to a backend that are open."),
    ("node_ipvs_backend_connections_inactive", "Connections to a backend that are ending."),
];

impl Collector for Ipvs {
    fn name(&self) -> &'static str {
        "ipvs"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let stats = match roots.proc("net/ip_vs_stats") {
            Err(error) if error.is_absent() => {
                return Err(CollectError::NoData("load balancer in its kernel"));
            }
            stats => stats?,
        };
        // Two lines of headings, then one of hexadecimal totals.
        let Some((number, line)) = stats.lines().nth(2) else {
            return Err(stats.wrong(3, "", "a line of totals"));
        };
        let mut words = line.split_ascii_whitespace();
        for (name, help) in TOTALS {
            let total = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
            let total = total.ok_or_else(|| stats.wrong(number, line, "five hexadecimal totals"))?;
            out.counter(name, help, &[], total as f64);
        }
        self.backends(&roots.proc("net/ip_vs")?, out)
    }
}

impl Ipvs {
    fn backends(&self, source: &Source, out: &mut Collection) -> Result<(), CollectError> {
        let mut sums: BTreeMap<Vec<(&'static str, String)>, [f64; 3]> = BTreeMap::new();
        let mut service: [String; 4] = Default::default();
        for (number, line) in source.lines().skip(3) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["->", remote, _, weight, active, inactive] => {
                    let (address, port) = address(remote)
                        .ok_or_else(|| source.wrong(number, line, "the address of a backend"))?;
                    let [local_address, local_port, proto, mark] = service.clone();
                    let values = [local_address, local_port, address, port, proto, mark];
                    let labels = LABELS.into_iter().zip(values);
                    let labels = labels.filter(|(label, _)| self.labels.iter().any(|wanted| wanted == label));
                    let sums = sums.entry(labels.collect()).or_default();
                    for (sum, word) in sums.iter_mut().zip([weight, active, inactive]) {
                        *sum += source.number(number, Some(word))?;
                    }
                }
                ["FWM", mark, ..] => {
                    service = [String::new(), "0".to_owned(), "FWM".to_owned(), (*mark).to_owned()];
                }
                [proto @ ("TCP" | "UDP" | "SCTP"), local, ..] => {
                    let (address, port) = address(local)
                        .ok_or_else(|| source.wrong(number, line, "the address of a service"))?;
                    service = [address, port, (*proto).to_owned(), String::new()];
                }
                [] => {}
                _ => return Err(source.wrong(number, line, "a service or a backend")),
            }
        }
        for (labels, sums) in sums {
            let labels: Vec<Label<'_>> =
                labels.iter().map(|(label, value)| (*label, value.as_str())).collect();
            for ((name, help), sum) in BACKEND.into_iter().zip(sums) {
                out.gauge(name, help, &labels, sum);
            }
        }
        Ok(())
    }
}

/// `C0A80016:0CEA` or `[2620:0000::0001]:0050`: address and port, in the form people write.
fn address(text: &str) -> Option<(String, String)> {
    let (address, port) = text.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?.to_string();
    if let Some(inner) = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        return Some((inner.parse::<Ipv6Addr>().ok()?.to_string(), port));
    }
    if address.len() != 8 {
        return None;
    }
    Some((Ipv4Addr::from_bits(u32::from_str_radix(address, 16).ok()?).to_string(), port))
}

#[cfg(test)]
mod tests;
