//! A body posted as an HTTP client is configured, for those who tell something else than a notification.

use crate::attempt::Attempt;
use crate::channel::Tools;
use crate::notification::{Notification, Pairs};
use crate::sending::{Request, Sending};
use std::time::Duration;
use watchfire_settings::client::ClientConfig;

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
    let sending = Sending::new(tools, &nothing, None);
    let attempt = match sending.exchange(client, request).await {
        Ok(answer) => answer.judged(&[]),
        Err(failed) => failed,
    };
    sending.finish(attempt).0
}
