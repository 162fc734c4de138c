//! ICMP: an echo (RFC 792, RFC 4443; blackbox_exporter's `icmp`).
//!
//! Asks through a datagram socket, for which Linux needs no privilege where `net.ipv4.ping_group_range` allows it, else
//! through a raw one.

use crate::config::Icmp;
use crate::dial;
use crate::report::Report;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;
use tokio::net::UdpSocket;

const PHASES: &str = "probe_icmp_duration_seconds";
const PHASES_HELP: &str = "Duration of icmp request by phase";
/// As `ping` sends.
const USUAL_PAYLOAD_BYTES: usize = 36;
const HEADER_BYTES: usize = 8;

/// Tells echoes of this process apart.
static SEQUENCE: AtomicU16 = AtomicU16::new(0);

pub(crate) async fn probe(icmp: &Icmp, target: &str, report: &mut Report) -> Result<(), String> {
    for phase in ["resolve", "setup", "rtt"] {
        report.labelled(PHASES, PHASES_HELP, &[("phase", phase)], 0.0);
    }
    let (address, resolve) = dial::resolve(target, icmp.ip, report).await?;
    report.labelled(PHASES, PHASES_HELP, &[("phase", "resolve")], resolve.as_secs_f64());

    let start = Instant::now();
    let socket = open(icmp, address)?;
    report.labelled(PHASES, PHASES_HELP, &[("phase", "setup")], start.elapsed().as_secs_f64());

    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let request = echo(address, sequence, icmp.payload_size.unwrap_or(USUAL_PAYLOAD_BYTES));
    let failed = |error: std::io::Error| format!("cannot send an echo to {address}: {error}");
    let start = Instant::now();
    socket.send(&request).await.map_err(failed)?;
    let mut answer = vec![0; 65_535];
    loop {
        let len = socket.recv(&mut answer).await.map_err(failed)?;
        if is_reply(address, answer.get(..len).unwrap_or_default(), &request) {
            let rtt = start.elapsed();
            report.labelled(PHASES, PHASES_HELP, &[("phase", "rtt")], rtt.as_secs_f64());
            report.say(format!("{address} answered"));
            return Ok(());
        }
    }
}

fn open(icmp: &Icmp, address: IpAddr) -> Result<UdpSocket, String> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    // A raw socket of IPv4 would show IP headers, too; without the privilege for one the datagram socket is tried alone.
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol)).map_err(|error| {
        format!(
            "cannot open a socket for ICMP: {error}; the group of this process must lie in net.ipv4.ping_group_range"
        )
    })?;
    let failed = |error: std::io::Error| format!("cannot set the socket up: {error}");
    if let Some(source) = icmp.source {
        socket.bind(&SockAddr::from(SocketAddr::new(source, 0))).map_err(failed)?;
    }
    if let Some(ttl) = icmp.ttl {
        match address {
            IpAddr::V4(_) => socket.set_ttl_v4(ttl),
            IpAddr::V6(_) => socket.set_unicast_hops_v6(ttl),
        }
        .map_err(failed)?;
    }
    socket.connect(&SockAddr::from(SocketAddr::new(address, 0))).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    let socket: OwnedFd = socket.into();
    UdpSocket::from_std(socket.into()).map_err(failed)
}

/// An echo request. The kernel puts the identifier in, and for IPv6 the checksum.
fn echo(address: IpAddr, sequence: u16, payload: usize) -> Vec<u8> {
    let kind = if address.is_ipv6() { 128 } else { 8 };
    let mut message = vec![kind, 0, 0, 0, 0, 0];
    message.extend_from_slice(&sequence.to_be_bytes());
    message.extend(b"Watchfire ".iter().cycle().take(payload));
    let sum = checksum(&message).to_be_bytes();
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    message
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        let (high, low) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
        u32::from(u16::from_be_bytes([high, low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The reply to this request: of the right kind, with its sequence number and its payload.
fn is_reply(address: IpAddr, answer: &[u8], request: &[u8]) -> bool {
    let kind = if address.is_ipv6() { 129 } else { 0 };
    answer.first() == Some(&kind)
        && answer.get(6..8) == request.get(6..8)
        && answer.get(HEADER_BYTES..) == request.get(HEADER_BYTES..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // The example of RFC 1071, section 3: the sum of these is ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        let message = echo(IpAddr::from([127, 0, 0, 1]), 7, 33);
        assert_eq!(checksum(&message), 0, "a message with its checksum sums up to nothing");
    }

    #[test]
    fn only_the_answer_to_this_echo_is_its_reply() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let request = echo(address, 7, 8);
        let mut reply = request.clone();
        reply[0] = 0;
        reply[4] = 99;
        assert!(is_reply(address, &reply, &request));
        assert!(!is_reply(address, &request, &request), "our own request is no reply");
        assert!(!is_reply(address, &echo(address, 8, 8), &request));
        assert!(!is_reply(address, &[], &request));
    }
}
