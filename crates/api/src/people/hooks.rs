//! What people answer elsewhere: PagerDuty's webhooks and Slack's buttons. Both are signed, and nobody else is heard.

use crate::app::App;
use crate::error::ApiError;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use watchfire_alerting::{Answer, Refusal, of_pagerduty, of_slack};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Nobody configured is nobody whose signature holds.
fn not_configured(who: &str) -> ApiError {
    ApiError::not_found(format!(
        "{who} is not configured; expected its secret in integrations of the on-call file"
    ))
}

pub(crate) async fn pagerduty(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let oncall = app.alerting.oncall();
    let secret = oncall.integrations.pagerduty.as_ref().ok_or_else(|| not_configured("PagerDuty"))?;
    heard(&app, of_pagerduty(secret.expose(), header(&headers, "x-pagerduty-signature"), &body)).await
}

pub(crate) async fn slack(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let oncall = app.alerting.oncall();
    let secret = oncall.integrations.slack.as_ref().ok_or_else(|| not_configured("Slack"))?;
    let signed = (header(&headers, "x-slack-signature"), header(&headers, "x-slack-request-timestamp"));
    heard(&app, of_slack(secret.expose(), signed, &body, app.clock.now_ms())).await
}

async fn heard(app: &App, answer: Result<Option<Answer>, Refusal>) -> Result<Response, ApiError> {
    match answer {
        Ok(Some(answer)) => {
            let by = answer.by.clone();
            let found = app.alerting.answered(answer).await?;
            if found == 0 {
                tracing::info!(by, "an answer from outside is about nothing that fires");
            }
            Ok(StatusCode::OK.into_response())
        }
        Ok(None) => Ok(StatusCode::OK.into_response()),
        Err(refusal @ Refusal::Unsigned) => Err(ApiError::forbidden(refusal.to_string())),
        Err(refusal @ Refusal::Unread(_)) => Err(ApiError::bad_data(refusal.to_string())),
    }
}
