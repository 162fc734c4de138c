//! DNS: a question to a name server (blackbox_exporter's `dns`).

pub(crate) mod message;

use crate::config::{Dns, RecordChecks, Transport};
use crate::dial;
use crate::report::Report;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

const PHASES: &str = "probe_dns_duration_seconds";
const PHASES_HELP: &str = "Duration of DNS request by phase";

pub(crate) async fn probe(dns: &Dns, target: &str, report: &mut Report) -> Result<(), String> {
    let usual_port = if dns.transport == Transport::Tls { 853 } else { 53 };
    let (host, port) = match dial::host_and_port(target) {
        Ok(found) => found,
        Err(_) => (target.to_owned(), usual_port),
    };
    let (address, resolve) = dial::resolve(&host, dns.ip, report).await?;
    for (name, help) in COUNTS {
        report.gauge(name, help, 0.0);
    }
    report.flag(
        "probe_dns_query_succeeded",
        "Displays whether or not the query was executed successfully",
        false,
    );
    report.labelled(PHASES, PHASES_HELP, &[("phase", "resolve")], resolve.as_secs_f64());
    let question = question(dns)?;
    let bytes = question.to_vec().map_err(|error| format!("the question cannot be written: {error}"))?;
    let server = SocketAddr::new(address, port);
    let (answer, connect, request) = match dns.transport {
        Transport::Udp => over_udp(&bytes, server, dns.source).await?,
        Transport::Tcp => {
            let start = Instant::now();
            let stream = dial::connect(server, dns.source).await?;
            let connect = start.elapsed();
            let (answer, took) = over_stream(stream, &bytes).await?;
            (answer, connect, took)
        }
        Transport::Tls => {
            let start = Instant::now();
            let stream = dial::connect(server, dns.source).await?;
            let stream = dial::encrypt(stream, &host, &dns.tls, &[b"dot"], report).await?;
            let connect = start.elapsed();
            let (answer, took) = over_stream(stream, &bytes).await?;
            (answer, connect, took)
        }
    };
    report.labelled(PHASES, PHASES_HELP, &[("phase", "connect")], connect.as_secs_f64());
    report.labelled(PHASES, PHASES_HELP, &[("phase", "request")], request.as_secs_f64());
    let answer = Message::from_vec(&answer).map_err(|error| format!("the answer makes no sense: {error}"))?;
    if answer.metadata.id != question.metadata.id {
        return Err("the answer is to another question".to_owned());
    }
    report.flag(
        "probe_dns_query_succeeded",
        "Displays whether or not the query was executed successfully",
        true,
    );
    judge(dns, &answer, report)
}

const COUNTS: [(&str, &str); 3] = [
    ("probe_dns_answer_rrs", "Returns number of entries in the answer resource record list"),
    ("probe_dns_authority_rrs", "Returns number of entries in the authority resource record list"),
    ("probe_dns_additional_rrs", "Returns number of entries in the additional resource record list"),
];

fn question(dns: &Dns) -> Result<Message, String> {
    let name = Name::from_str(&dns.query_name)
        .map_err(|error| format!("query_name {:?} is no name: {error}", dns.query_name))?;
    let mut query = Query::query(name, RecordType::from(dns.query_type));
    query.set_query_class(DNSClass::from(dns.query_class));
    let mut message = Message::new(identifier(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = dns.recursion_desired;
    message.add_query(query);
    Ok(message)
}

/// Of the clock: it only tells a late answer apart from this one's.
fn identifier() -> u16 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.subsec_nanos() >> 4) as u16
}

type Answer = (Vec<u8>, Duration, Duration);

async fn over_udp(bytes: &[u8], server: SocketAddr, source: Option<IpAddr>) -> Result<Answer, String> {
    let any: IpAddr =
        if server.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let start = Instant::now();
    let failed = |error: std::io::Error| format!("cannot ask {server}: {error}");
    let socket = UdpSocket::bind(SocketAddr::new(source.unwrap_or(any), 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let connect = start.elapsed();
    let start = Instant::now();
    socket.send(bytes).await.map_err(failed)?;
    let mut answer = vec![0; 65_535];
    loop {
        let len = socket.recv(&mut answer).await.map_err(failed)?;
        // Late answers to earlier questions may still be under way.
        if answer.get(..2) == bytes.get(..2) && len >= 2 {
            answer.truncate(len);
            return Ok((answer, connect, start.elapsed()));
        }
    }
}

/// With the length before each message (RFC 1035, section 4.2.2).
async fn over_stream<S>(mut stream: S, bytes: &[u8]) -> Result<(Vec<u8>, Duration), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = Instant::now();
    let failed = |error: std::io::Error| format!("the connection broke: {error}");
    let len = u16::try_from(bytes.len()).map_err(|_| "the question is too long".to_owned())?;
    let mut framed = len.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    stream.write_all(&framed).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let len = stream.read_u16().await.map_err(failed)?;
    let mut answer = vec![0; usize::from(len)];
    stream.read_exact(&mut answer).await.map_err(failed)?;
    Ok((answer, start.elapsed()))
}

fn judge(dns: &Dns, answer: &Message, report: &mut Report) -> Result<(), String> {
    let lists = [&answer.answers, &answer.authorities, &answer.additionals];
    for ((name, help), list) in COUNTS.iter().zip(lists) {
        report.gauge(name, help, list.len() as f64);
    }
    let soa = answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if dns.query_type == u16::from(RecordType::SOA) => Some(soa.serial),
        _ => None,
    });
    if let Some(serial) = soa {
        report.gauge("probe_dns_serial", "Returns the serial number of the zone", f64::from(serial));
    }
    let code = u16::from(answer.metadata.response_code);
    let code = u8::try_from(code).unwrap_or(u8::MAX);
    let mut failures = Vec::new();
    if !dns.valid_rcodes.contains(&code) {
        let valid: Vec<String> = dns.valid_rcodes.iter().map(|one| message::rcode_name(*one)).collect();
        failures.push(format!("answered {}; expected {}", message::rcode_name(code), valid.join(" or ")));
    }
    let checks = [("answer", &dns.answer), ("authority", &dns.authority), ("additional", &dns.additional)];
    let mut bad_match = false;
    for ((section, checks), records) in checks.into_iter().zip(lists) {
        let lines: Vec<String> = records.iter().map(|record: &Record| message::line(record)).collect();
        for line in &lines {
            report.say(format!("{section}: {line}"));
        }
        if let Some(failure) = first_failure(section, checks, &lines) {
            bad_match = true;
            failures.push(failure);
        }
    }
    report.flag("probe_failed_due_to_regex", "Indicates if probe failed due to regex", bad_match);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

fn first_failure(section: &str, checks: &RecordChecks, lines: &[String]) -> Option<String> {
    let matches = |regex: &regex::bytes::Regex, line: &String| regex.is_match(line.as_bytes());
    for regex in &checks.fail_if_matches {
        if let Some(line) = lines.iter().find(|line| matches(regex, line)) {
            return Some(format!("{section} record {line:?} matches {regex}"));
        }
    }
    for regex in &checks.fail_if_all_match {
        if !lines.is_empty() && lines.iter().all(|line| matches(regex, line)) {
            return Some(format!("all {section} records match {regex}"));
        }
    }
    for regex in &checks.fail_if_not_matches {
        if let Some(line) = lines.iter().find(|line| !matches(regex, line)) {
            return Some(format!("{section} record {line:?} does not match {regex}"));
        }
    }
    for regex in &checks.fail_if_none_matches {
        if !lines.iter().any(|line| matches(regex, line)) {
            return Some(format!("no {section} record matches {regex}"));
        }
    }
    None
}

#[cfg(test)]
mod tests;
