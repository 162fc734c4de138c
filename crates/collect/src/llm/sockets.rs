//! Who listens where, from /proc.

use crate::Roots;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    /// The socket's number, by which a process's file descriptors name it.
    pub(super) inode: u64,
}

impl Listener {
    /// The address under which this host reaches it.
    pub(super) fn reachable(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            // What listens on all addresses of version 6 nearly always takes version 4 too.
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }
}

/// The state of a listening socket, as the kernel writes it.
const LISTEN: &str = "0A";

/// All sockets that listen for TCP, by port.
pub(super) fn listeners(roots: &Roots) -> Vec<Listener> {
    let mut found: Vec<Listener> = ["net/tcp", "net/tcp6"]
        .into_iter()
        .filter_map(|file| roots.proc(file).ok())
        .flat_map(|source| source.text.lines().filter_map(listener).collect::<Vec<_>>())
        .collect();
    found.sort_by_key(|listener| (listener.address.port(), listener.address.is_ipv6()));
    found
}

/// `sl local_address rem_address st … uid timeout inode`.
fn listener(line: &str) -> Option<Listener> {
    let mut words = line.split_ascii_whitespace();
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    if state != LISTEN {
        return None;
    }
    let inode = words.nth(5)?.parse().ok()?;
    let (ip, port) = local.split_once(':')?;
    Some(Listener { address: SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?), inode })
}

/// An address as the kernel writes it: groups of four bytes, each in the machine's own order.
fn address(hex: &str) -> Option<IpAddr> {
    let groups: Option<Vec<[u8; 4]>> = (0..hex.len())
        .step_by(8)
        .map(|at| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes()))
        .collect();
    match groups?.as_slice() {
        [group] => Some(IpAddr::V4(Ipv4Addr::from(*group))),
        groups @ [_, _, _, _] => {
            let bytes: [u8; 16] = groups.concat().try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// The numbers of a process's sockets; `None` when it is another user's and we are not root.
pub(super) fn of_process(roots: &Roots, pid: u32) -> Option<HashSet<u64>> {
    let entries = std::fs::read_dir(roots.procfs.join(format!("{pid}/fd"))).ok()?;
    let numbers = entries.flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    });
    Some(numbers.collect())
}
