//! `notifications` and `notifications/live`: what an operator should know about the server now.

use crate::app::App;
use crate::error::ApiError;
use crate::format::success;
use crate::time::rfc3339;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may listen at once, as in Prometheus.
pub(crate) const MAX_LISTENERS: usize = 16;
/// How often a listener's list is compared with what is true.
const INTERVAL: Duration = Duration::from_secs(1);

/// One thing to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Notification {
    text: String,
    date: String,
    active: bool,
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.blocking(|app| Ok(success(&current(app)))).await
}

/// A stream of events, one per notification that comes or goes; what is true at the beginning comes first. 204 when too
/// many listen already.
pub(crate) async fn live(State(app): State<Arc<App>>) -> Response {
    let Ok(slot) = Arc::clone(&app.listeners).try_acquire_owned() else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let listener = Listener { app, known: Vec::new(), waiting: VecDeque::new(), begun: false, _slot: slot };
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    let stream = futures_util::stream::unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(event), listener))
    });
    (headers, Body::from_stream(stream)).into_response()
}

/// Slots for those who listen.
pub(crate) fn listeners() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_LISTENERS))
}

struct Listener {
    app: Arc<App>,
    known: Vec<Notification>,
    waiting: VecDeque<Notification>,
    begun: bool,
    _slot: OwnedSemaphorePermit,
}

impl Listener {
    /// The next event; `None` when the server stops.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(notification) = self.waiting.pop_front() {
                let json = serde_json::to_string(&notification).unwrap_or_default();
                return Some(format!("data: {json}\n\n"));
            }
            if self.begun {
                tokio::time::sleep(INTERVAL).await;
            }
            if self.app.control.is_stopping() {
                return None;
            }
            let found = self.app.blocking(|app| Ok(current(app))).await.unwrap_or_default();
            self.waiting = changes(&self.known, &found);
            self.known = found;
            if !std::mem::replace(&mut self.begun, true) && self.waiting.is_empty() {
                // So that the client knows that it is heard.
                return Some(":\n\n".to_owned());
            }
        }
    }
}

/// What has gone, and what has come.
fn changes(known: &[Notification], found: &[Notification]) -> VecDeque<Notification> {
    let missing =
        |from: &[Notification], one: &Notification| !from.iter().any(|other| other.text == one.text);
    let gone = known.iter().filter(|one| missing(found, one)).cloned();
    let come = found.iter().filter(|one| missing(known, one)).cloned();
    gone.map(|one| Notification { active: false, ..one }).chain(come).collect()
}

fn current(app: &App) -> Vec<Notification> {
    let (last_reload_ms, reload_is_good) = app.control.last_reload();
    let mut found = Vec::new();
    let mut add = |text: String, since_ms: i64| {
        found.push(Notification { text, date: rfc3339(since_ms), active: true });
    };
    if app.control.is_stopping() {
        add(
            "Watchfire is shutting down and gracefully stopping all operations.".to_owned(),
            app.clock.now_ms(),
        );
    } else if !app.control.is_ready() {
        add("Watchfire is starting and replaying the write-ahead log (WAL).".to_owned(), app.started_ms);
    }
    if !reload_is_good {
        add("Configuration reload has failed.".to_owned(), last_reload_ms);
    }
    if let Some(reason) = app.store.counters().read_only {
        add(format!("Samples are refused: {reason}"), app.clock.now_ms());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_what_comes_and_what_goes_once_each() {
        let one = |text: &str, active| Notification { text: text.to_owned(), date: String::new(), active };
        let (before, after) = ([one("a", true), one("b", true)], [one("b", true), one("c", true)]);
        assert_eq!(changes(&before, &after), [one("a", false), one("c", true)]);
        assert!(changes(&after, &after).is_empty());
    }
}
