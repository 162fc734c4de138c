//! What the other side of an encrypted connection showed.

use crate::report::Report;
use aws_lc_rs::digest::{SHA256, digest};
use rustls::{ClientConnection, ProtocolVersion};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Reports version, cipher and the times at which certificates end.
pub(crate) fn describe(connection: &ClientConnection, report: &mut Report) {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "unknown",
    };
    report.labelled(
        "probe_tls_version_info",
        "Returns the TLS version used or NaN when unknown",
        &[("version", version)],
        1.0,
    );
    if let Some(suite) = connection.negotiated_cipher_suite() {
        let cipher = format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
        report.labelled(
            "probe_tls_cipher_info",
            "Returns the TLS cipher negotiated during handshake",
            &[("cipher", &cipher)],
            1.0,
        );
    }
    let shown = connection.peer_certificates().unwrap_or_default();
    let parsed: Vec<X509Certificate<'_>> =
        shown.iter().filter_map(|der| parse_x509_certificate(der).ok()).map(|(_, one)| one).collect();
    let Some(earliest) = parsed.iter().map(ends).min() else {
        report.say("the other side showed no certificate that can be read");
        return;
    };
    report.gauge(
        "probe_ssl_earliest_cert_expiry",
        "Returns last SSL chain expiry in unixtime",
        earliest as f64,
    );
    // The chain shown is the one that was verified: whichever of it ends first ends all of it.
    report.labelled(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Returns last SSL chain expiry in timestamp",
        &[],
        earliest as f64,
    );
    let (Some(leaf), Some(der)) = (parsed.first(), shown.first()) else { return };
    let fingerprint: String =
        digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let names = alternative_names(leaf).join(",");
    report.labelled(
        "probe_ssl_last_chain_info",
        "Contains SSL leaf certificate information",
        &[
            ("fingerprint_sha256", &fingerprint),
            ("subject", &leaf.subject().to_string()),
            ("issuer", &leaf.issuer().to_string()),
            ("subjectalternative", &names),
            ("serialnumber", &leaf.raw_serial_as_string().replace(':', "")),
        ],
        1.0,
    );
}

/// Seconds since the Unix epoch.
fn ends(certificate: &X509Certificate<'_>) -> i64 {
    certificate.validity().not_after.timestamp()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}
