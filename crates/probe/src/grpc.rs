//! gRPC: the health check of its own protocol (grpc.health.v1, `Check`; blackbox_exporter's `grpc`).

use crate::config::Grpc;
use crate::connection::{Connection, Opening, Protocol, request};
use crate::dial;
use crate::report::Report;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use reqwest::Url;
use std::time::Instant;
use watchfire_settings::client::ClientConfig;

const PHASES: &str = "probe_grpc_duration_seconds";
const PHASES_HELP: &str = "Duration of gRPC request by phase";
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/// An answer holds one number.
const MAX_ANSWER_BYTES: usize = 64 << 10;

pub(crate) async fn probe(grpc: &Grpc, target: &str, report: &mut Report) -> Result<(), String> {
    for phase in ["resolve", "connect", "tls", "check"] {
        report.labelled(PHASES, PHASES_HELP, &[("phase", phase)], 0.0);
    }
    for status in STATUSES {
        report.labelled(
            "probe_grpc_healthcheck_response",
            "Response HealthCheck response",
            &[("serving_status", status)],
            0.0,
        );
    }
    let scheme = if grpc.encrypted { "https" } else { "http" };
    let bare = target.split_once("://").map_or(target, |(_, rest)| rest);
    let (host, port) = dial::host_and_port(bare)?;
    let url = Url::parse(&format!("{scheme}://{bare}/grpc.health.v1.Health/Check"))
        .map_err(|_| format!("{target:?} is no target; expected host:port"))?;
    let opening =
        Opening { ip: grpc.ip, tls: &grpc.tls, protocols: &[Protocol::Http2], encrypted: grpc.encrypted };
    let (mut connection, phases) = Connection::open(&host, port, opening, report).await?;
    for (phase, took) in [("resolve", phases.resolve), ("connect", phases.connect), ("tls", phases.tls)] {
        report.labelled(PHASES, PHASES_HELP, &[("phase", phase)], took.as_secs_f64());
    }
    report.flag("probe_grpc_ssl", "Indicates if SSL was used for the connection", grpc.encrypted);
    let headers = [("content-type", "application/grpc"), ("te", "trailers")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = framed(&grpc.service)?;
    let request = request("POST", &url, true, &ClientConfig::default(), &headers, body)?;
    let start = Instant::now();
    let answer = connection.send(request).await?;
    let (head, mut body) = answer.into_parts();
    if head.status != 200 {
        return Err(format!("answered HTTP {}; expected a gRPC server", head.status));
    }
    let mut bytes = Vec::new();
    let mut trailers = head.headers;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the answer broke off: {error}"))?;
        match frame.into_data() {
            Ok(data) if bytes.len() + data.len() <= MAX_ANSWER_BYTES => bytes.extend_from_slice(&data),
            Ok(_) => return Err("the answer is too long".to_owned()),
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    report.labelled(PHASES, PHASES_HELP, &[("phase", "check")], start.elapsed().as_secs_f64());
    let status = trailers.get("grpc-status").and_then(|status| status.to_str().ok()?.parse::<u8>().ok());
    report.gauge("probe_grpc_status_code", "Response gRPC status code", status.map_or(f64::NAN, f64::from));
    match status {
        Some(0) => {}
        Some(code) => {
            let text = trailers.get("grpc-message").and_then(|text| text.to_str().ok()).unwrap_or_default();
            return Err(format!("answered gRPC status {code} {text}"));
        }
        None => return Err("the answer has no gRPC status".to_owned()),
    }
    let serving = serving_status(&bytes).and_then(|status| STATUSES.get(status).copied());
    let Some(serving) = serving else { return Err("the answer is no health check's".to_owned()) };
    report.labelled(
        "probe_grpc_healthcheck_response",
        "Response HealthCheck response",
        &[("serving_status", serving)],
        1.0,
    );
    if serving == "SERVING" { Ok(()) } else { Err(format!("the service says {serving}")) }
}

/// `HealthCheckRequest { service = 1 }` behind the prefix of a gRPC message: not compressed, its length.
fn framed(service: &str) -> Result<Bytes, String> {
    let too_long = || "service is too long; expected at most 127 bytes".to_owned();
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        message.put_u8(u8::try_from(service.len()).ok().filter(|len| *len < 128).ok_or_else(too_long)?);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).map_err(|_| too_long())?);
    framed.put_slice(&message);
    Ok(framed.freeze())
}

/// `HealthCheckResponse { status = 1 }`; a field that is left out is 0.
fn serving_status(framed: &[u8]) -> Option<usize> {
    let len = framed.get(1..5).map(|len| len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))?;
    let message = framed.get(5..5 + len)?;
    match (framed.first()?, message) {
        (0, []) => Some(0),
        (0, [0x08, status, ..]) if *status < 128 => Some(usize::from(*status)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_protocol() {
        assert_eq!(framed("").map(|bytes| bytes.to_vec()), Ok(vec![0, 0, 0, 0, 0]));
        assert_eq!(framed("ab").map(|bytes| bytes.to_vec()), Ok(vec![0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']));
        assert!(framed(&"x".repeat(128)).is_err());
        assert_eq!(serving_status(&[0, 0, 0, 0, 2, 8, 1]), Some(1));
        assert_eq!(serving_status(&[0, 0, 0, 0, 0]), Some(0));
        for broken in [&[][..], &[0, 0, 0, 0, 9, 8, 1], &[1, 0, 0, 0, 2, 8, 1], &[0, 255, 255, 255, 255]] {
            assert_eq!(serving_status(broken), None);
        }
    }
}
