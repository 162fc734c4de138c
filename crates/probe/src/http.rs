//! HTTP: status, version, headers and body of an answer, and how long each phase took (blackbox_exporter's `http`).

use crate::config::{HeaderCheck, Http};
use crate::connection::{Connection, Opening, Phases, Protocol, request};
use crate::report::Report;
use ::http::{HeaderMap, Response, Version};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::Url;
use std::io::Read;
use std::time::{Duration, Instant};

const MAX_REDIRECTS: u32 = 10;
const PHASES: &str = "probe_http_duration_seconds";
const PHASES_HELP: &str = "Duration of http request by phase, summed over all redirects";

pub(crate) async fn probe(http: &Http, target: &str, report: &mut Report) -> Result<(), String> {
    let mut url = parse_target(target)?;
    for phase in ["resolve", "connect", "tls", "processing", "transfer"] {
        report.labelled(PHASES, PHASES_HELP, &[("phase", phase)], 0.0);
    }
    let mut method = http.method.clone();
    let mut body = body_of(http).await?;
    let mut redirects = 0;
    let first_host = url.host_str().map(str::to_owned);
    loop {
        let encrypted = url.scheme() == "https";
        // Credentials are for the host they were given for.
        let mut client = http.client.clone();
        if url.host_str().map(str::to_owned) != first_host {
            client.credentials = None;
        }
        let protocols: &[Protocol] = if encrypted && client.enable_http2 {
            &[Protocol::Http2, Protocol::Http1]
        } else {
            &[Protocol::Http1]
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let opening = Opening { ip: http.ip, tls: &client.tls, protocols, encrypted };
        let (mut connection, phases) = Connection::open(&host, port, opening, report).await?;
        add_phases(report, phases);
        let mut headers = http.headers.clone();
        if let Some(encoding) = &http.compression
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"))
        {
            headers.push(("accept-encoding".to_owned(), encoding.clone()));
        }
        let request = request(&method, &url, connection.is_http2(), &client, &headers, body.clone())?;
        let start = Instant::now();
        report.say(format!("{method} {url}"));
        let answer = connection.send(request).await?;
        add(report, "processing", start.elapsed());
        report.say(format!("answered {} in {:?}", answer.status(), answer.version()));
        if let Some(next) = redirect_of(&answer, &url, http.client.follow_redirects) {
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                return Err(format!("more than {MAX_REDIRECTS} redirects"));
            }
            // As browsers and Go do: all but 307 and 308 ask for the new place without a body.
            if !matches!(answer.status().as_u16(), 307 | 308) && method != "HEAD" {
                "GET".clone_into(&mut method);
                body = Bytes::new();
            }
            url = next?;
            continue;
        }
        report.gauge("probe_http_redirects", "The number of redirects", f64::from(redirects));
        return judge(http, answer, encrypted, report).await;
    }
}

/// A target without a scheme is asked over plain HTTP.
fn parse_target(target: &str) -> Result<Url, String> {
    let full = if target.contains("://") { target.to_owned() } else { format!("http://{target}") };
    let wrong = || format!("{target:?} is no address; expected one such as https://host/path");
    let url = Url::parse(&full).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    Ok(url)
}

async fn body_of(http: &Http) -> Result<Bytes, String> {
    let Some(file) = http.body_file.clone() else { return Ok(Bytes::from(http.body.clone())) };
    let read = tokio::task::spawn_blocking(move || watchfire_settings::http::read_small(&file)).await;
    let bytes = read.map_err(|error| error.to_string())?;
    bytes.map(Bytes::from).map_err(|error| format!("cannot read body_file: {error}"))
}

fn redirect_of(answer: &Response<Incoming>, from: &Url, follow: bool) -> Option<Result<Url, String>> {
    if !follow || !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get("location")?;
    let next = location.to_str().ok().and_then(|location| from.join(location).ok());
    let next = next.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    Some(next.ok_or_else(|| format!("redirected to {location:?}, which is no address")))
}

fn add_phases(report: &mut Report, phases: Phases) {
    add(report, "resolve", phases.resolve);
    add(report, "connect", phases.connect);
    add(report, "tls", phases.tls);
}

fn add(report: &mut Report, phase: &str, took: Duration) {
    report.add(PHASES, PHASES_HELP, &[("phase", phase)], took.as_secs_f64());
}

async fn judge(
    http: &Http,
    answer: Response<Incoming>,
    encrypted: bool,
    report: &mut Report,
) -> Result<(), String> {
    let (head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let version = match head.version {
        Version::HTTP_10 => (1.0, "HTTP/1.0"),
        Version::HTTP_2 => (2.0, "HTTP/2.0"),
        _ => (1.1, "HTTP/1.1"),
    };
    let length = head.headers.get("content-length").and_then(|text| text.to_str().ok()?.parse::<f64>().ok());
    report.gauge("probe_http_content_length", "Length of http content response", length.unwrap_or(-1.0));
    report.gauge("probe_http_status_code", "Response HTTP status code", f64::from(status));
    report.gauge("probe_http_version", "Returns the version of HTTP of the probe response", version.0);
    report.flag("probe_http_ssl", "Indicates if SSL was used for the final redirect", encrypted);
    if let Some(modified) = last_modified(&head.headers) {
        report.gauge(
            "probe_http_last_modified_timestamp_seconds",
            "Returns the Last-Modified HTTP response header in unixtime",
            modified,
        );
    }
    let mut failures: Vec<String> = Vec::new();
    let good = &http.valid_status_codes;
    if if good.is_empty() { !(200..300).contains(&status) } else { !good.contains(&status) } {
        let expected = if good.is_empty() { "200 to 299".to_owned() } else { format!("one of {good:?}") };
        failures.push(format!("status {status}; expected {expected}"));
    }
    if !http.valid_http_versions.is_empty() && !http.valid_http_versions.iter().any(|one| one == version.1) {
        failures.push(format!("{}; expected one of {:?}", version.1, http.valid_http_versions));
    }
    if http.fail_if_ssl && encrypted {
        failures.push("the answer came encrypted, and fail_if_ssl is on".to_owned());
    }
    if http.fail_if_not_ssl && !encrypted {
        failures.push("the answer did not come encrypted, and fail_if_not_ssl is on".to_owned());
    }
    let mut bad_match = check_headers(http, &head.headers, &mut failures);

    let start = Instant::now();
    let read = read_body(body, http.body_size_limit).await;
    add(report, "transfer", start.elapsed());
    let (bytes, whole) = match read {
        Ok(read) => read,
        Err(error) => {
            failures.push(error);
            (Vec::new(), true)
        }
    };
    if !whole {
        failures.push(format!("the body is larger than {} bytes", http.body_size_limit));
    }
    let plain = match unpacked(&head.headers, http, bytes) {
        Ok(plain) => plain,
        Err(error) => {
            failures.push(error);
            Vec::new()
        }
    };
    report.gauge(
        "probe_http_uncompressed_body_length",
        "Length of uncompressed response body",
        plain.len() as f64,
    );
    if let Some(regex) = http.fail_if_body_matches.iter().find(|regex| regex.is_match(&plain)) {
        bad_match = true;
        failures.push(format!("the body matches {regex}"));
    }
    if let Some(regex) = http.fail_if_body_not_matches.iter().find(|regex| !regex.is_match(&plain)) {
        bad_match = true;
        failures.push(format!("the body does not match {regex}"));
    }
    report.flag("probe_failed_due_to_regex", "Indicates if probe failed due to regex", bad_match);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

fn check_headers(http: &Http, headers: &HeaderMap, failures: &mut Vec<String>) -> bool {
    let before = failures.len();
    let values = |check: &HeaderCheck| -> Vec<Vec<u8>> {
        headers.get_all(&check.header).iter().map(|value| value.as_bytes().to_vec()).collect()
    };
    for check in &http.fail_if_header_matches {
        let found = values(check);
        if found.is_empty() && !check.allow_missing {
            failures.push(format!("the header {} is missing", check.header));
        }
        if found.iter().any(|value| check.regexp.is_match(value)) {
            failures.push(format!("the header {} matches {}", check.header, check.regexp));
        }
    }
    for check in &http.fail_if_header_not_matches {
        let found = values(check);
        if found.is_empty() && !check.allow_missing {
            failures.push(format!("the header {} is missing", check.header));
        } else if !found.is_empty() && !found.iter().any(|value| check.regexp.is_match(value)) {
            failures.push(format!("the header {} does not match {}", check.header, check.regexp));
        }
    }
    failures.len() > before
}

/// The body up to a limit, and whether that is all of it.
async fn read_body(mut body: Incoming, limit: usize) -> Result<(Vec<u8>, bool), String> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("the body broke off: {error}"))?;
        if let Some(data) = frame.data_ref() {
            let room = limit - bytes.len();
            bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            if data.len() > room {
                return Ok((bytes, false));
            }
        }
    }
    Ok((bytes, true))
}

/// Takes the encoding off that was asked for.
fn unpacked(headers: &HeaderMap, http: &Http, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let packed = headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    if http.compression.as_deref() != Some("gzip") || !packed {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let limit = http.body_size_limit as u64;
    flate2::read::GzDecoder::new(bytes.as_slice())
        .take(limit + 1)
        .read_to_end(&mut plain)
        .map_err(|error| format!("the body is no gzip: {error}"))?;
    if plain.len() as u64 > limit {
        return Err(format!("the uncompressed body is larger than {limit} bytes"));
    }
    Ok(plain)
}

fn last_modified(headers: &HeaderMap) -> Option<f64> {
    let text = headers.get("last-modified")?.to_str().ok()?;
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(at.timestamp().as_second() as f64)
}

#[cfg(test)]
mod tests;
