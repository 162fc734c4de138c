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
    let nothing = Notification::new("", "", Pairs::new(), "", Vec::new());
    let sending = Sending::new(tools, &nothing, None);
    let request = Request::json(url, body).within(Some(timeout));
    let attempt = match sending.exchange(client, request).await {
        Ok(answer) => answer.judged(&[]),
        Err(failed) => failed,
    };
    sending.finish(attempt).0
}
