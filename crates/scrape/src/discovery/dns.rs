//! `dns_sd_configs`: targets by DNS records (Prometheus's DNS service discovery).

mod resolver;

use super::{Outcome, TargetGroup};
use crate::config::section::{Section, text};
use crate::config::yaml::{Node, Problem, Value};
use hickory_proto::rr::{Name, RData, RecordType};
use resolver::Resolver;
use std::collections::BTreeMap;
use std::time::Duration;

/// One entry of `dns_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSource {
    /// Names to look up.
    pub names: Vec<String>,
    /// What kind of record.
    pub kind: RecordKind,
    /// The port of targets whose record does not say it.
    pub port: u16,
    /// How often.
    pub refresh_interval: Duration,
}

/// Records that name targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Hosts and ports of a service.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

impl RecordKind {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "SRV" => Self::Srv,
            "A" => Self::A,
            "AAAA" => Self::Aaaa,
            "MX" => Self::Mx,
            "NS" => Self::Ns,
            _ => return None,
        })
    }

    const fn record(self) -> RecordType {
        match self {
            Self::Srv => RecordType::SRV,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
        }
    }
}

/// Reads `dns_sd_configs`.
pub(crate) fn read_sources(items: Vec<Node>) -> Result<Vec<DnsSource>, Problem> {
    items.into_iter().map(read_source).collect()
}

fn read_source(item: Node) -> Result<DnsSource, Problem> {
    let mut section = Section::open_item(item, "DNS discovery configuration")?;
    let mut names = Vec::new();
    for item in section.list("names")? {
        names.push(text(item)?);
    }
    if names.is_empty() {
        return Err(
            section.problem("names is missing in a DNS discovery configuration; expected at least one name")
        );
    }
    let kind = match section.placed_text("type")?.filter(|(word, _)| !word.is_empty()) {
        None => RecordKind::Srv,
        Some((word, place)) => RecordKind::from_word(&word).ok_or_else(|| {
            Problem::new(place, format!("type is {word:?}; expected one of SRV, A, AAAA, MX, NS"))
        })?,
    };
    let port = match section.take("port") {
        None => 0,
        Some(node) => match &node.value {
            Value::Scalar(text, _) => text.parse::<u16>().ok(),
            _ => None,
        }
        .ok_or_else(|| node.expected("port to be a number from 1 to 65535"))?,
    };
    if port == 0 && kind != RecordKind::Srv {
        return Err(
            section.problem("port is missing in a DNS discovery configuration; only SRV records say it")
        );
    }
    let refresh_interval = super::take_refresh_interval(&mut section, 30)?;
    section.finish()?;
    Ok(DnsSource { names, kind, port, refresh_interval })
}

/// Looks names up, and remembers what each gave last.
pub(super) struct DnsDiscovery {
    source: DnsSource,
    resolver: Resolver,
    known: BTreeMap<String, Vec<TargetGroup>>,
    /// What is told until the first refresh.
    inherited: Vec<TargetGroup>,
}

impl DnsDiscovery {
    pub(super) fn new(source: DnsSource, inherited: Vec<TargetGroup>) -> Self {
        Self { source, resolver: Resolver::system(), known: BTreeMap::new(), inherited }
    }

    /// Looks up every name. What a name gave last stays while it cannot be looked up; a name that does not exist gives
    /// no targets.
    pub(super) async fn refresh(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let lookups: Vec<_> = self
            .source
            .names
            .iter()
            .map(|name| {
                let (resolver, name, kind) = (self.resolver.clone(), name.clone(), self.source.kind);
                tokio::spawn(async move { resolver.look_up(&name, kind.record()).await })
            })
            .collect();
        for (name, lookup) in self.source.names.clone().into_iter().zip(lookups) {
            outcome.lookups += 1;
            match lookup.await.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(records) => {
                    let groups = records.iter().filter_map(|record| self.group(&name, record)).collect();
                    self.known.insert(name, groups);
                }
                Err(reason) => {
                    outcome.failures += 1;
                    let stays = self.known.get(&name).map_or(0, Vec::len);
                    outcome.faults.push(format!(
                        "dns_sd_configs: {name}: {reason}; {stays} targets of its last good answer stay"
                    ));
                }
            }
        }
        if self.known.is_empty() {
            outcome.groups.clone_from(&self.inherited);
        } else {
            outcome.groups = self.known.values().flatten().cloned().collect();
        }
        outcome
    }

    /// The target that a record names. Aliases come along with addresses and name none.
    fn group(&self, name: &str, record: &RData) -> Option<TargetGroup> {
        let port = self.source.port;
        let mut labels = vec![("__meta_dns_name".to_owned(), name.to_owned())];
        let mut label = |name: &str, value: String| labels.push((name.to_owned(), value));
        let target = match (self.source.kind, record) {
            (RecordKind::Srv, RData::SRV(srv)) => {
                label("__meta_dns_srv_record_target", srv.target.to_ascii());
                label("__meta_dns_srv_record_port", srv.port.to_string());
                format!("{}:{}", unrooted(&srv.target), srv.port)
            }
            (RecordKind::Mx, RData::MX(mx)) => {
                label("__meta_dns_mx_record_target", mx.exchange.to_ascii());
                format!("{}:{port}", unrooted(&mx.exchange))
            }
            (RecordKind::Ns, RData::NS(ns)) => {
                label("__meta_dns_ns_record_target", ns.0.to_ascii());
                format!("{}:{port}", unrooted(&ns.0))
            }
            (RecordKind::A, RData::A(address)) => format!("{}:{port}", address.0),
            (RecordKind::Aaaa, RData::AAAA(address)) => format!("[{}]:{port}", address.0),
            _ => return None,
        };
        Some(TargetGroup { targets: vec![target], labels })
    }
}

/// The name without the dot at its end.
fn unrooted(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
