//! Names to addresses, addresses to connections, connections to encrypted ones, each timed.

use crate::report::Report;
use crate::tls::describe;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use watchfire_settings::client::TlsConfig;

/// Which address of a name is taken: `preferred_ip_protocol`, `ip_protocol_fallback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpChoice {
    /// IPv6 rather than IPv4.
    pub prefer_v6: bool,
    /// The other one where there is none of the preferred.
    pub fallback: bool,
}

impl Default for IpChoice {
    fn default() -> Self {
        Self { prefer_v6: true, fallback: true }
    }
}

/// Looks a host up and chooses its address; says which, and how long it took.
pub(crate) async fn resolve(
    host: &str,
    choice: IpChoice,
    report: &mut Report,
) -> Result<(IpAddr, Duration), String> {
    let start = Instant::now();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found: Vec<IpAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => tokio::net::lookup_host((bare, 0))
            .await
            .map_err(|error| format!("cannot resolve {bare:?}: {error}"))?
            .map(|address| address.ip())
            .collect(),
    };
    let took = start.elapsed();
    report.gauge(
        "probe_dns_lookup_time_seconds",
        "Returns the time taken for probe dns lookup in seconds",
        took.as_secs_f64(),
    );
    let wanted = found.iter().find(|address| address.is_ipv6() == choice.prefer_v6);
    let address = wanted.or_else(|| found.first().filter(|_| choice.fallback)).copied();
    let Some(address) = address else {
        let version = if choice.prefer_v6 { "IPv6" } else { "IPv4" };
        return Err(format!("{bare:?} has no {version} address, and ip_protocol_fallback is off"));
    };
    report.gauge(
        "probe_ip_protocol",
        "Specifies whether probe ip protocol is IP4 or IP6",
        if address.is_ipv6() { 6.0 } else { 4.0 },
    );
    report.gauge(
        "probe_ip_addr_hash",
        "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
        f64::from(address_hash(address)),
    );
    report.say(format!("resolved {bare} to {address}"));
    Ok((address, took))
}

/// FNV-1a of the bytes of an address, in 32 bits, as blackbox_exporter has it.
fn address_hash(address: IpAddr) -> u32 {
    let fold = |bytes: &[u8]| {
        bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
    };
    match address {
        IpAddr::V4(address) => fold(&address.octets()),
        IpAddr::V6(address) => fold(&address.octets()),
    }
}

/// Opens a connection; from `source` where one is given.
pub(crate) async fn connect(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("cannot connect to {address}: {error}");
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
    let socket = socket.map_err(failed)?;
    if let Some(source) = source {
        socket
            .bind(SocketAddr::new(source, 0))
            .map_err(|error| format!("cannot use the source address {source}: {error}"))?;
    }
    let stream = socket.connect(address).await.map_err(failed)?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Encrypts a connection, and reports what the other side showed.
pub(crate) async fn encrypt(
    stream: TcpStream,
    host: &str,
    tls: &TlsConfig,
    protocols: &[&[u8]],
    report: &mut Report,
) -> Result<TlsStream<TcpStream>, String> {
    let reading = tls.clone();
    // Reading certificates blocks.
    let config = tokio::task::spawn_blocking(move || watchfire_settings::tls::config(&reading)).await;
    let mut config = config.map_err(|error| error.to_string())??;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = tls.server_name.as_deref().unwrap_or(host);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(name.clone()).map_err(|_| format!("{name:?} is no name for TLS"))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| format!("TLS handshake failed: {error}"))?;
    describe(stream.get_ref().1, report);
    Ok(stream)
}

/// `host:port`, with brackets about IPv6 addresses.
pub(crate) fn host_and_port(target: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{target:?} is no target; expected host:port");
    let (host, port) = target.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err(wrong());
    }
    Ok((bare.to_owned(), port.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_name_a_host_and_a_port() {
        assert_eq!(host_and_port("a.example:80"), Ok(("a.example".to_owned(), 80)));
        assert_eq!(host_and_port("[::1]:80"), Ok(("::1".to_owned(), 80)));
        for wrong in ["a.example", ":80", "::1:80", "a:b", "a:70000", ""] {
            assert!(host_and_port(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn addresses_are_hashed_as_fnv_has_it() {
        assert_eq!(address_hash(IpAddr::from([127, 0, 0, 1])), 0xdaaf_40ed);
        assert_ne!(address_hash(IpAddr::from([127, 0, 0, 1])), address_hash(IpAddr::from([127, 0, 0, 2])));
    }
}
