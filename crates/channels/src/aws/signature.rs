//! AWS's signature, version 4, of a POST with a form.

use super::Keys;
use crate::encoding::{hex, hmac_sha256, sha256_hex};
use watchfire_settings::Secret;

/// The headers that sign a request to a service of a region.
pub(crate) fn headers(
    keys: &Keys,
    (service, region): (&str, &str),
    url: &reqwest::Url,
    body: &str,
    now_ms: i64,
) -> Vec<(&'static str, String)> {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = stamp.get(..8).unwrap_or("").to_owned();
    let host = match (url.host_str().unwrap_or(""), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let session = keys.session.as_ref().map(Secret::expose);
    let mut canonical_headers =
        format!("content-type:application/x-www-form-urlencoded\nhost:{host}\nx-amz-date:{stamp}\n");
    let mut signed = "content-type;host;x-amz-date".to_owned();
    if let Some(session) = session {
        canonical_headers.push_str(&format!("x-amz-security-token:{session}\n"));
        signed.push_str(";x-amz-security-token");
    }
    let path = if url.path().is_empty() { "/" } else { url.path() };
    let hash = sha256_hex(body.as_bytes());
    let canonical = format!("POST\n{path}\n\n{canonical_headers}\n{signed}\n{hash}");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let key = [day.as_str(), region, service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{}", keys.secret.expose()).into_bytes(), |key, part| {
            hmac_sha256(&key, part.as_bytes())
        });
    let signature = hex(&hmac_sha256(&key, to_sign.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
        keys.access
    );
    let mut headers = vec![("x-amz-date", stamp), ("authorization", authorization)];
    headers.extend(session.map(|session| ("x-amz-security-token", session.to_owned())));
    headers
}
