//! Modules: what is asked of a target, in blackbox_exporter's file format (its CONFIGURATION.md).

mod dns;
mod http;
mod llm;

use crate::dial::IpChoice;
pub use dns::{Dns, RecordChecks, Transport};
pub use http::{HeaderCheck, Http};
pub use llm::{Llm, LlmStyle};
use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use watchfire_settings::client::TlsConfig;
use watchfire_settings::yaml::{self, Node, Value};
use watchfire_settings::{Fault, Problem, Reading, Section};

/// All modules of a file, by name.
#[derive(Clone, Debug)]
pub struct Modules(BTreeMap<String, Module>);

/// One way to ask.
#[derive(Clone, Debug)]
pub struct Module {
    /// How long it may take at most; none means as long as the scrape.
    pub timeout: Option<Duration>,
    /// What is asked.
    pub prober: Prober,
}

/// What is asked of a target.
#[derive(Clone, Debug)]
pub enum Prober {
    /// A request, and what the answer must be like.
    Http(Box<Http>),
    /// A connection, and what is said on it.
    Tcp(Tcp),
    /// A question to a name server.
    Dns(Box<Dns>),
    /// An echo.
    Icmp(Icmp),
    /// gRPC's health check.
    Grpc(Grpc),
    /// A tiny question to a model.
    Llm(Box<Llm>),
}

/// `tcp`.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// Which address of a name.
    pub ip: IpChoice,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// What is said and expected, in order.
    pub talk: Vec<Exchange>,
    /// Whether it begins encrypted.
    pub encrypted: bool,
    /// How.
    pub tls: TlsConfig,
}

/// One entry of `query_response`.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// A line must match this.
    pub expect: Option<Regex>,
    /// Then this is sent, with what the expression captured put in place of `${1}`.
    pub send: Option<String>,
    /// Then the connection is encrypted.
    pub starttls: bool,
    /// Labels of `probe_expect_info`, from what was captured.
    pub labels: Vec<(String, String)>,
}

/// `icmp`.
#[derive(Clone, Debug, Default)]
pub struct Icmp {
    /// Which address of a name.
    pub ip: IpChoice,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// Bytes beside the header.
    pub payload_size: Option<usize>,
    /// How many routers it may pass.
    pub ttl: Option<u32>,
}

/// `grpc`.
#[derive(Clone, Debug, Default)]
pub struct Grpc {
    /// The service asked about; empty for the whole server.
    pub service: String,
    /// Which address of a name.
    pub ip: IpChoice,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// How.
    pub tls: TlsConfig,
}

/// What a file without any of its own would say; the first three are those that blackbox_exporter comes with.
const BUILT_IN: &str = "modules:
  http_2xx: { prober: http }
  http_post_2xx: { prober: http, http: { method: POST } }
  tcp_connect: { prober: tcp }
  tls_connect: { prober: tcp, tcp: { tls: true } }
  icmp: { prober: icmp }
  grpc: { prober: grpc, grpc: { tls: true } }
  grpc_plain: { prober: grpc }
  llm: { prober: llm, timeout: 60s }
";

impl Default for Modules {
    fn default() -> Self {
        // A constant that every test run reads.
        Self::parse(BUILT_IN, Path::new("")).unwrap_or_else(|_| Self(BTreeMap::new()))
    }
}

impl Modules {
    /// Reads a file; relative paths in it count from its folder.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn load(file: &Path) -> Result<Self, Fault> {
        let text = yaml::read_file(file)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).map_err(|problem| problem.in_file(file))
    }

    /// Reads the text of a file; relative paths in it count from `folder`.
    ///
    /// # Errors
    /// The first problem.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Problem> {
        let mut root = Section::open(yaml::parse(text)?, "probe configuration")?;
        let mut reading = Reading::new(folder);
        let mut modules = BTreeMap::new();
        if let Some(node) = root.take("modules") {
            let Value::Map(entries) = node.value else {
                return Err(node.expected("a mapping of module names"));
            };
            for (key, node) in entries {
                modules.insert(key.name, read_module(node, &mut reading)?);
            }
        }
        root.finish()?;
        reading.check_world()?;
        Ok(Self(modules))
    }

    /// A module by its name.
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.0.get(name)
    }

    /// The names of all modules, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn read_module(node: Node, reading: &mut Reading<'_>) -> Result<Module, Problem> {
    let mut section = Section::open_item(node, "module")?;
    let (prober, place) = section.required_text("prober")?;
    let timeout = section.duration("timeout")?.filter(|timeout| !timeout.is_zero());
    // The sections of other probers may stand there, too; they are read so that they are right.
    let http = http::read(section.take("http"), reading)?;
    let tcp = read_tcp(section.take("tcp"), reading)?;
    let dns = dns::read(section.take("dns"), reading, prober == "dns")?;
    let icmp = read_icmp(section.take("icmp"), reading)?;
    let grpc = read_grpc(section.take("grpc"), reading)?;
    let llm = llm::read(section.take("llm"), reading)?;
    section.finish()?;
    let prober = match (prober.as_str(), dns) {
        ("http", _) => Prober::Http(Box::new(http)),
        ("tcp", _) => Prober::Tcp(tcp),
        ("dns", Some(dns)) => Prober::Dns(Box::new(dns)),
        ("icmp", _) => Prober::Icmp(icmp),
        ("grpc", _) => Prober::Grpc(grpc),
        ("llm", _) => Prober::Llm(Box::new(llm)),
        _ => {
            let message = format!("prober is {prober:?}; expected one of http, tcp, dns, icmp, grpc, llm");
            return Err(Problem::new(place, message));
        }
    };
    Ok(Module { timeout, prober })
}

fn read_tcp(node: Option<Node>, reading: &mut Reading<'_>) -> Result<Tcp, Problem> {
    let Some(node) = node else { return Ok(Tcp::default()) };
    let mut section = Section::open(node, "tcp probe")?;
    let tcp = Tcp {
        ip: take_ip(&mut section)?,
        source: take_source_address(&mut section)?,
        encrypted: section.flag("tls")?.unwrap_or(false),
        tls: TlsConfig::take(&mut section, "tls_config", reading)?,
        talk: section.list("query_response")?.into_iter().map(read_exchange).collect::<Result<_, _>>()?,
    };
    section.finish()?;
    Ok(tcp)
}

fn read_exchange(node: Node) -> Result<Exchange, Problem> {
    let mut section = Section::open_item(node, "query_response entry")?;
    let mut labels = Vec::new();
    for item in section.list("labels")? {
        let mut label = Section::open_item(item, "label")?;
        labels.push((label.required_text("name")?.0, label.text("value")?.unwrap_or_default()));
        label.finish()?;
    }
    let exchange = Exchange {
        expect: take_regex(&mut section, "expect")?,
        send: section.text("send")?.filter(|text| !text.is_empty()),
        starttls: section.flag("starttls")?.unwrap_or(false),
        labels,
    };
    section.finish()?;
    Ok(exchange)
}

fn read_icmp(node: Option<Node>, _reading: &mut Reading<'_>) -> Result<Icmp, Problem> {
    let Some(node) = node else { return Ok(Icmp::default()) };
    let mut section = Section::open(node, "icmp probe")?;
    let icmp = Icmp {
        ip: take_ip(&mut section)?,
        source: take_source_address(&mut section)?,
        payload_size: take_bounded(&mut section, "payload_size", 65_000)?.map(|size| size as usize),
        ttl: take_bounded(&mut section, "ttl", 255)?.map(|ttl| ttl as u32),
    };
    if let Some((key, node)) = section.take_with_key("dont_fragment")
        && !matches!(&node.value, Value::Scalar(text, _) if text == "false")
    {
        let message = "dont_fragment is not supported yet; expected false";
        return Err(Problem::new(key.place, message));
    }
    section.finish()?;
    Ok(icmp)
}

fn take_bounded(section: &mut Section, name: &'static str, most: u64) -> Result<Option<u64>, Problem> {
    let place = section.has(name);
    match (section.count(name)?, place) {
        (Some(count), Some(place)) if count > most => {
            Err(Problem::new(place, format!("{name} is {count}; expected at most {most}")))
        }
        (count, _) => Ok(count.filter(|count| *count > 0)),
    }
}

fn read_grpc(node: Option<Node>, reading: &mut Reading<'_>) -> Result<Grpc, Problem> {
    let Some(node) = node else { return Ok(Grpc::default()) };
    let mut section = Section::open(node, "grpc probe")?;
    let grpc = Grpc {
        service: section.text("service")?.unwrap_or_default(),
        ip: take_ip(&mut section)?,
        encrypted: section.flag("tls")?.unwrap_or(false),
        tls: TlsConfig::take(&mut section, "tls_config", reading)?,
    };
    section.finish()?;
    Ok(grpc)
}

pub(super) fn take_ip(section: &mut Section) -> Result<IpChoice, Problem> {
    let usual = IpChoice::default();
    let preferred = section.choice("preferred_ip_protocol", &[("ip4", false), ("ip6", true), ("", true)])?;
    Ok(IpChoice {
        prefer_v6: preferred.unwrap_or(usual.prefer_v6),
        fallback: section.flag("ip_protocol_fallback")?.unwrap_or(usual.fallback),
    })
}

pub(super) fn take_source_address(section: &mut Section) -> Result<Option<IpAddr>, Problem> {
    let Some((text, place)) = section.placed_text("source_ip_address")?.filter(|(text, _)| !text.is_empty())
    else {
        return Ok(None);
    };
    let wrong = || Problem::new(place, format!("source_ip_address is {text:?}; expected an IP address"));
    text.parse().map(Some).map_err(|_| wrong())
}

pub(super) fn take_regex(section: &mut Section, name: &'static str) -> Result<Option<Regex>, Problem> {
    section
        .placed_text(name)?
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, place)| {
            Regex::new(&text).map_err(|error| {
                Problem::new(place, format!("{name} is no regular expression: {}", one_line(&error)))
            })
        })
        .transpose()
}

pub(super) fn take_regexes(section: &mut Section, name: &'static str) -> Result<Vec<Regex>, Problem> {
    section
        .list(name)?
        .into_iter()
        .map(|node| {
            let place = node.place;
            let text = watchfire_settings::section::text(node)?;
            Regex::new(&text).map_err(|error| {
                Problem::new(place, format!("{name} holds no regular expression: {}", one_line(&error)))
            })
        })
        .collect()
}

fn one_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests;
