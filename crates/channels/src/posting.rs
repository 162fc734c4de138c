//! A body posted as an HTTP client is configured, for those who tell something else than a notification.

use crate::attempt::Attempt;
use crate::channel::Tools;
use crate::notification::{Notification, Pairs};
use crate::sending::{Request, Sending};
use std::time::Duration;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::http;

/// Posts JSON to an address and judges the answer; secrets are masked in errors.
pub async fn post_json(
    tools: &Tools,
    client: &ClientConfig,
    url: &str,
    body: Vec<u8>,
    timeout: Duration,
) -> Attempt {
    post(tools, client, Request::json(url, body).within(Some(timeout))).await
}

/// Posts bytes with headers of the caller's, the content type among them, as [`post_json`] does.
pub async fn post_bytes(
    tools: &Tools,
    client: &ClientConfig,
    url: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
    timeout: Duration,
) -> Attempt {
    let mut request = Request { headers: Vec::new(), ..Request::json(url, body) }.within(Some(timeout));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    post(tools, client, request).await
}

async fn post(tools: &Tools, client: &ClientConfig, request: Request) -> Attempt {
    let nothing = Notification::new("", "", Pairs::new(), "", Vec::new());
    let sending = Sending::new(tools, &nothing, None, false);
    let attempt = match sending.exchange(client, request).await {
        Ok(answer) => answer.judged(&[]),
        Err(failed) => failed,
    };
    sending.finish(attempt).0
}

/// Reads a text at an address, at most so many bytes of it.
///
/// # Errors
/// Why there is none; the address is not in it.
pub async fn get_text(
    tools: &Tools,
    client: &ClientConfig,
    url: &str,
    (timeout, most_bytes): (Duration, usize),
) -> Result<String, String> {
    let read = async {
        let ready = tools.clients.ready(client, url)?;
        let mut answer = ready.client.get(ready.url).send().await.map_err(http::causes)?;
        if !answer.status().is_success() {
            return Err(format!("the answer has the status {}", answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(http::causes)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > most_bytes {
                return Err(format!("it has more than {most_bytes} bytes"));
            }
        }
        String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())
    };
    match tokio::time::timeout(timeout, read).await {
        Ok(read) => read,
        Err(_) => Err(format!("it did not arrive within {} s", timeout.as_secs())),
    }
}
