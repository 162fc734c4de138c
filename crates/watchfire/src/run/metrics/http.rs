//! Requests answered, and how long that took, under the names that dashboards of Prometheus and Alertmanager use.

use std::collections::BTreeMap;
use watchfire_api::{ANSWER_BOUNDS, App, Count};
use watchfire_model::MetricType::{Counter, Histogram};
use watchfire_wire::exposition::write::{Family, Point};

/// The bounds that dashboards made for Prometheus know.
const PROMETHEUS: [f64; 9] = [0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];
/// The same for Alertmanager.
const ALERTMANAGER: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub(super) fn families(app: &App) -> Vec<Family> {
    let help = "Seconds until answers to HTTP requests began.";
    let mut requests = Family::new("prometheus_http_requests_total", Counter, "HTTP requests answered.");
    let mut seconds = Family::new("watchfire_http_request_seconds_total", Counter, help);
    let mut durations = Family::new("prometheus_http_request_duration_seconds", Histogram, help);
    let help = "Seconds until answers of Alertmanager's API began.";
    let mut as_alertmanager = Family::new("alertmanager_http_request_duration_seconds", Histogram, help);
    let (mut by_status, mut by_route, mut theirs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for ((route, method, status), count) in app.http_metrics.snapshot() {
        add(by_status.entry((route, status)).or_default(), &count);
        add(by_route.entry(route).or_default(), &count);
        if let Some(handler) = of_alertmanager(route) {
            add(theirs.entry((handler, method, status)).or_default(), &count);
        }
    }
    for ((route, status), count) in by_status {
        let code = status.to_string();
        requests.push([("handler", route), ("code", code.as_str())], count.requests as f64);
        seconds.push([("handler", route), ("code", code.as_str())], count.seconds);
    }
    for (route, count) in by_route {
        push(&mut durations, &[("handler", route.to_owned())], &count, &PROMETHEUS);
    }
    for ((handler, method, status), count) in theirs {
        let labels =
            [("code", status.to_string()), ("handler", handler.to_owned()), ("method", method.to_owned())];
        push(&mut as_alertmanager, &labels, &count, &ALERTMANAGER);
    }
    vec![requests, seconds, durations, as_alertmanager]
}

/// A route of Alertmanager's, under its name there.
fn of_alertmanager(route: &str) -> Option<&str> {
    let handler = route.strip_prefix("/alertmanager").unwrap_or(route);
    (handler.starts_with("/api/v2/") || handler.starts_with("/-/")).then_some(handler)
}

fn add(sum: &mut Count, more: &Count) {
    sum.requests += more.requests;
    sum.seconds += more.seconds;
    for (sum, more) in sum.within.iter_mut().zip(more.within) {
        *sum += more;
    }
}

/// One histogram; of what is counted by more bounds than it has.
fn push(family: &mut Family, labels: &[(&'static str, String)], count: &Count, bounds: &[f64]) {
    let mut point = |suffix: &'static str, le: Option<String>, value: f64| {
        let own = labels.iter().map(|(name, value)| ((*name).into(), value.clone()));
        let labels = own.chain(le.map(|le| ("le".into(), le))).collect();
        family.points.push(Point { suffix, labels, value, ..Point::default() });
    };
    for (bound, within) in ANSWER_BOUNDS.iter().zip(count.within) {
        if bounds.contains(bound) {
            point("_bucket", Some(bound.to_string()), within as f64);
        }
    }
    point("_bucket", Some("+Inf".to_owned()), count.requests as f64);
    point("_sum", None, count.seconds);
    point("_count", None, count.requests as f64);
}
