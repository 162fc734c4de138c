//! `dns`.

use super::{take_ip, take_regexes, take_source_address};
use crate::dial::IpChoice;
use crate::dns::message::{class_code, rcode_number, type_code};
use regex::bytes::Regex;
use std::net::IpAddr;
use watchfire_settings::client::TlsConfig;
use watchfire_settings::{Node, Problem, Reading, Section};

/// A question to a name server, and what its answer must be like.
#[derive(Clone, Debug)]
pub struct Dns {
    /// Which address of the server.
    pub ip: IpChoice,
    /// The address to come from.
    pub source: Option<IpAddr>,
    /// How it is asked.
    pub transport: Transport,
    /// How an encrypted connection is opened.
    pub tls: TlsConfig,
    /// The name asked about.
    pub query_name: String,
    /// The type of record asked for, by its number.
    pub query_type: u16,
    /// The class, by its number.
    pub query_class: u16,
    /// Whether the server shall ask others.
    pub recursion_desired: bool,
    /// Answers with these codes are good.
    pub valid_rcodes: Vec<u8>,
    /// What the sections of the answer must be like.
    pub answer: RecordChecks,
    /// The same of who is responsible.
    pub authority: RecordChecks,
    /// The same of what was added.
    pub additional: RecordChecks,
}

/// How a name server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In datagrams.
    Udp,
    /// In a connection.
    Tcp,
    /// In an encrypted connection.
    Tls,
}

/// What the records of a section must be like.
#[derive(Clone, Debug, Default)]
pub struct RecordChecks {
    /// Bad when any record matches any of these.
    pub fail_if_matches: Vec<Regex>,
    /// Bad when all records match one.
    pub fail_if_all_match: Vec<Regex>,
    /// Bad when any record does not match one.
    pub fail_if_not_matches: Vec<Regex>,
    /// Bad when no record matches one.
    pub fail_if_none_matches: Vec<Regex>,
}

/// `None` where the module is of another kind and has no such section.
pub(super) fn read(
    node: Option<Node>,
    reading: &mut Reading<'_>,
    wanted: bool,
) -> Result<Option<Dns>, Problem> {
    let node = match node {
        Some(node) => node,
        None if wanted => watchfire_settings::yaml::parse("{}")?,
        None => return Ok(None),
    };
    let mut section = Section::open(node, "dns probe")?;
    let ip = take_ip(&mut section)?;
    let source = take_source_address(&mut section)?;
    let over_tls = section.flag("dns_over_tls")?.unwrap_or(false);
    let udp = section.choice("transport_protocol", &[("udp", true), ("tcp", false), ("", true)])?;
    let tls = TlsConfig::take(&mut section, "tls_config", reading)?;
    let (query_name, _) = section.required_text("query_name")?;
    let query_type = take_code(&mut section, "query_type", "ANY", type_code)?;
    let query_class = take_code(&mut section, "query_class", "IN", class_code)?;
    let recursion_desired = section.flag("recursion_desired")?.unwrap_or(true);
    let mut valid_rcodes = Vec::new();
    for node in section.list("valid_rcodes")? {
        let place = node.place;
        let text = watchfire_settings::section::text(node)?;
        valid_rcodes.push(rcode_number(&text).ok_or_else(|| {
            Problem::new(place, format!("{text:?} is no answer code; expected one such as NOERROR"))
        })?);
    }
    if valid_rcodes.is_empty() {
        valid_rcodes.push(0);
    }
    let dns = Dns {
        ip,
        source,
        transport: match (over_tls, udp) {
            (true, _) => Transport::Tls,
            (false, Some(false)) => Transport::Tcp,
            _ => Transport::Udp,
        },
        tls,
        query_name,
        query_type,
        query_class,
        recursion_desired,
        valid_rcodes,
        answer: take_checks(&mut section, "validate_answer_rrs")?,
        authority: take_checks(&mut section, "validate_authority_rrs")?,
        additional: take_checks(&mut section, "validate_additional_rrs")?,
    };
    section.finish()?;
    Ok(Some(dns))
}

fn take_code(
    section: &mut Section,
    name: &'static str,
    usual: &str,
    code: fn(&str) -> Option<u16>,
) -> Result<u16, Problem> {
    let given = section.placed_text(name)?.filter(|(text, _)| !text.is_empty());
    match given {
        None => Ok(code(usual).unwrap_or(1)),
        Some((text, place)) => code(&text)
            .ok_or_else(|| Problem::new(place, format!("{name} is {text:?}; expected one such as {usual}"))),
    }
}

fn take_checks(section: &mut Section, name: &'static str) -> Result<RecordChecks, Problem> {
    let Some(mut checks) = section.section(name, "record checks")? else {
        return Ok(RecordChecks::default());
    };
    let read = RecordChecks {
        fail_if_matches: take_regexes(&mut checks, "fail_if_matches_regexp")?,
        fail_if_all_match: take_regexes(&mut checks, "fail_if_all_match_regexp")?,
        fail_if_not_matches: take_regexes(&mut checks, "fail_if_not_matches_regexp")?,
        fail_if_none_matches: take_regexes(&mut checks, "fail_if_none_matches_regexp")?,
    };
    checks.finish()?;
    Ok(read)
}
