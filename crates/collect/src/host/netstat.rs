//! Counters of the network protocols, from /proc/net/netstat, snmp and snmp6.

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};
use regex::Regex;
use watchfire_model::MetricType;

/// `node_netstat_*`.
pub(super) struct NetStat {
    /// Which fields are told, as `Protocol_Field`.
    pub(super) fields: Option<Regex>,
}

impl NetStat {
    fn tell(&self, protocol: &str, field: &str, value: f64, out: &mut Collection) {
        let name = format!("{protocol}_{field}");
        if self.fields.as_ref().is_none_or(|fields| fields.is_match(&name)) {
            let help = format!("Counter {field} of {protocol}.");
            out.add(MetricType::Unknown, format!("node_netstat_{name}"), &help, &[], value);
        }
    }

    /// Pairs of lines: the names of the fields, and their values.
    fn read_pairs(&self, source: &Source, out: &mut Collection) -> Result<(), CollectError> {
        let mut lines = source.lines();
        while let (Some((_, names)), Some((number, values))) = (lines.next(), lines.next()) {
            let Some((protocol, names)) = names.split_once(':') else {
                return Err(source.wrong(number, names, "a protocol and a colon"));
            };
            let values = values.split_once(':').map_or("", |(_, values)| values);
            for (field, word) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
                self.tell(protocol, field, source.number(number, Some(word))?, out);
            }
        }
        Ok(())
    }
}

impl Collector for NetStat {
    fn name(&self) -> &'static str {
        "netstat"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        self.read_pairs(&roots.proc("net/netstat")?, out)?;
        self.read_pairs(&roots.proc("net/snmp")?, out)?;
        // A kernel without version 6 of the protocol has no such file.
        let Ok(source) = roots.proc("net/snmp6") else { return Ok(()) };
        for (number, line) in source.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some((protocol, field)) = words.next().and_then(|name| {
                let six = name.find('6')?;
                name.split_at_checked(six + 1)
            }) else {
                continue;
            };
            self.tell(protocol, field, source.number(number, words.next())?, out);
        }
        Ok(())
    }
}
