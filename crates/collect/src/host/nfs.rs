//! The NFS client and the NFS server in the kernel, from /proc/net/rpc.

mod methods;

use super::Collector;
use crate::roots::Source;
use crate::{CollectError, Collection, Roots};

/// `node_nfs_*`: what this machine asked of NFS servers.
pub(super) struct NfsClient;

/// `node_nfsd_*`: what this machine was asked as an NFS server.
pub(super) struct NfsServer;

impl Collector for NfsClient {
    fn name(&self) -> &'static str {
        "nfs"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = read(roots, "net/rpc/nfs", "mounted NFS")?;
        for (number, line) in source.lines() {
            let (word, counts) = counts(&source, number, line)?;
            let count = |place: usize| counts.get(place).copied().unwrap_or(0.0);
            match word {
                "net" => {
                    let help = "Packets of NFS.";
                    for (protocol, place) in [("udp", 1), ("tcp", 2)] {
                        out.counter("node_nfs_packets_total", help, &[("protocol", protocol)], count(place));
                    }
                    out.counter("node_nfs_connections_total", "Connections over TCP.", &[], count(3));
                }
                "rpc" => {
                    out.counter("node_nfs_rpcs_total", "Calls.", &[], count(0));
                    out.counter(
                        "node_nfs_rpc_retransmissions_total",
                        "Calls that were sent again.",
                        &[],
                        count(1),
                    );
                    let help = "How often credentials were renewed.";
                    out.counter("node_nfs_rpc_authentication_refreshes_total", help, &[], count(2));
                }
                "proc2" => tell(out, "node_nfs_requests_total", "2", &methods::SECOND, &counts),
                "proc3" => tell(out, "node_nfs_requests_total", "3", &methods::THIRD, &counts),
                "proc4" => tell(out, "node_nfs_requests_total", "4", &methods::FOURTH_ASKED, &counts),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Collector for NfsServer {
    fn name(&self) -> &'static str {
        "nfsd"
    }

    fn collect(&self, roots: &Roots, out: &mut Collection) -> Result<(), CollectError> {
        let source = read(roots, "net/rpc/nfsd", "NFS server")?;
        for (number, line) in source.lines() {
            let (word, counts) = counts(&source, number, line)?;
            let count = |place: usize| counts.get(place).copied().unwrap_or(0.0);
            match word {
                "rc" => {
                    for (place, (name, help)) in REPLY_CACHE.into_iter().enumerate() {
                        out.counter(name, help, &[], count(place));
                    }
                }
                "fh" => {
                    let help = "Requests for files that are gone.";
                    out.counter("node_nfsd_file_handles_stale_total", help, &[], count(0));
                }
                "io" => {
                    out.counter("node_nfsd_disk_bytes_read_total", "Bytes read.", &[], count(0));
                    out.counter("node_nfsd_disk_bytes_written_total", "Bytes written.", &[], count(1));
                }
                "th" => out.gauge("node_nfsd_server_threads", "Threads of the server.", &[], count(0)),
                "ra" => {
                    let help = "Size of the cache for reading ahead, in blocks.";
                    out.gauge("node_nfsd_read_ahead_cache_size_blocks", help, &[], count(0));
                    let help = "Reads that were not found in the cache for reading ahead.";
                    out.counter("node_nfsd_read_ahead_cache_not_found_total", help, &[], count(11));
                }
                "net" => {
                    for (proto, place) in [("udp", 1), ("tcp", 2)] {
                        out.counter(
                            "node_nfsd_packets_total",
                            "Packets of NFS.",
                            &[("proto", proto)],
                            count(place),
                        );
                    }
                    out.counter("node_nfsd_connections_total", "Connections over TCP.", &[], count(3));
                }
                "rpc" => {
                    out.counter("node_nfsd_server_rpcs_total", "Calls.", &[], count(0));
                    for (error, place) in [("fmt", 2), ("auth", 3), ("cInt", 4)] {
                        let help = "Calls that were refused, by what was wrong.";
                        out.counter("node_nfsd_rpc_errors_total", help, &[("error", error)], count(place));
                    }
                }
                "proc2" => tell_without_null(out, "2", &methods::SECOND, &counts),
                "proc3" => tell_without_null(out, "3", &methods::THIRD, &counts),
                "proc4ops" => tell(out, SERVED, "4", &methods::FOURTH_SERVED, &counts),
                "wdeleg_getattr" => {
                    let labels = [("proto", "4"), ("method", "WdelegGetattr")];
                    out.counter(SERVED, REQUESTS, &labels, count_alone(line));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

const REPLY_CACHE: [(&str, &str); 3] = [
    ("node_nfsd_reply_cache_hits_total", "Requests that were repeated, and answered from the cache."),
    ("node_nfsd_reply_cache_misses_total", "Requests whose answer went into the cache."),
    ("node_nfsd_reply_cache_nocache_total", "Requests whose answer need not be kept."),
];

const SERVED: &str = "node_nfsd_requests_total";
const REQUESTS: &str = "Requests of NFS, by what was asked.";

fn read(roots: &Roots, file: &str, missing: &'static str) -> Result<Source, CollectError> {
    match roots.proc(file) {
        Err(error) if error.is_absent() => Err(CollectError::NoData(missing)),
        source => source,
    }
}

/// The word that a line begins with, and its numbers. Lines of requests begin with how many numbers follow.
fn counts<'a>(source: &Source, number: usize, line: &'a str) -> Result<(&'a str, Vec<f64>), CollectError> {
    let mut words = line.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    if word.starts_with("proc") {
        words.next();
    }
    let counts: Result<Vec<f64>, CollectError> =
        words.map(|count| source.number(number, Some(count))).collect();
    Ok((word, counts?))
}

fn count_alone(line: &str) -> f64 {
    line.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Every method that there is a name for; those that this kernel does not know yet are told as never asked for.
fn tell(out: &mut Collection, name: &'static str, version: &str, methods: &[&str], counts: &[f64]) {
    let counts = counts.iter().copied().chain(std::iter::repeat(0.0));
    for (method, count) in methods.iter().zip(counts).filter(|(method, _)| !method.is_empty()) {
        out.counter(name, REQUESTS, &[("proto", version), ("method", method)], count);
    }
}

/// A server does not count it as work to be asked for nothing.
fn tell_without_null(out: &mut Collection, version: &str, methods: &[&str], counts: &[f64]) {
    tell(out, SERVED, version, methods.get(1..).unwrap_or_default(), counts.get(1..).unwrap_or_default());
}
