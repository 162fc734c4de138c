//! AWS's Security Token Service: keys of a role for those of somebody whom the role trusts.

use super::{Keys, signature};
use crate::attempt::Attempt;
use crate::encoding::form;
use crate::sending::{Answer, Request, Sending};
use watchfire_settings::Secret;
use watchfire_settings::client::ClientConfig;

/// Answers that come again otherwise: too many asked, a clock, keys that are renewed by somebody else.
const PASSING: [&str; 6] =
    ["Throttl", "ServiceUnavailable", "Internal", "RequestExpired", "ExpiredToken", "IDPCommunicationError"];

/// Asks at an address for keys; with the keys of who asks, if the question is signed. The keys, and until when they are
/// good.
pub(super) async fn ask(
    sending: &Sending<'_>,
    client: &ClientConfig,
    (url, region): (&str, &str),
    keys: Option<&Keys>,
    fields: &[(&str, &str)],
) -> Result<(Keys, i64), Attempt> {
    let of = |name: &str| fields.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    let what = format!("STS: {} of {}", of("Action"), of("RoleArn"));
    let pairs: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{}={}", form(name), form(value)))
        .collect();
    let body = pairs.join("&");
    let mut request = Request::form(url, &[]);
    if let Some(keys) = keys {
        let parsed = reqwest::Url::parse(url)
            .map_err(|error| Attempt::dead(format!("{what}: {url:?} is no address: {error}")))?;
        let signed = signature::headers(keys, ("sts", region), &parsed, &body, sending.tools.now_ms());
        for (name, value) in signed {
            request = request.header(name, value);
        }
    }
    request.body = body.into_bytes();
    let answer = sending.exchange(client, request).await.map_err(|failed| Attempt {
        error: failed.error.map(|error| format!("{what}: {error}")),
        ..failed
    })?;
    if !answer.is_success() {
        return Err(refused(&answer, &what));
    }
    let found = |name: &str| element(&answer.body, name).filter(|text| !text.is_empty());
    let (Some(access), Some(secret)) = (found("AccessKeyId"), found("SecretAccessKey")) else {
        return Err(Attempt::retry(format!("{what}: the answer holds no keys")));
    };
    let until = found("Expiration").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let until_ms = until.map_or(0, jiff::Timestamp::as_millisecond);
    for name in ["SecretAccessKey", "SessionToken"] {
        // As it is used, and as the answer shows it.
        for text in [element(&answer.body, name), written(&answer.body, name).map(str::to_owned)] {
            sending.hide(&text.unwrap_or_default());
        }
    }
    let session = found("SessionToken");
    let session = session.map(Secret::new);
    Ok((Keys { access, secret: Secret::new(secret), session }, until_ms))
}

fn refused(answer: &Answer, what: &str) -> Attempt {
    let code = element(&answer.body, "Code").unwrap_or_default();
    let words = match element(&answer.body, "Message") {
        Some(message) if !code.is_empty() => format!("{code}: {message}"),
        _ => answer.words(),
    };
    let passing =
        PASSING.iter().any(|known| code.contains(known)) || matches!(answer.status, 408 | 425 | 429 | 500..);
    let mend =
        if code == "AccessDenied" { "; expected a role whose trust policy names these keys" } else { "" };
    answer.failed(passing, &format!("{what}: {}: {words}{mend}", answer.status_words()))
}

/// The text of the first element of a name, as it is written.
fn written<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let begin = xml.find(&format!("<{name}>"))? + name.len() + 2;
    let rest = xml.get(begin..)?;
    Some(rest.get(..rest.find(&format!("</{name}>"))?)?.trim())
}

/// The text of the first element of a name, as it is meant.
fn element(xml: &str, name: &str) -> Option<String> {
    let escapes =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    let text = written(xml, name)?.to_owned();
    Some(escapes.iter().fold(text, |text, (escaped, plain)| text.replace(escaped, plain)))
}
