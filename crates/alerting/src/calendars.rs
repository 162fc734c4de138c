//! Calendars of schedules that other programs serve: read again and again, the last good copy kept on disk.
//!
//! A calendar that cannot be read changes nothing: who is on call is what the last good copy says, after a restart as
//! well. What fails is counted, logged and shown with the schedule's and the layer's name; the address never is.

use crate::manager::Alerting;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use watchfire_channels::{Templates, Tools, get_text};
use watchfire_model::time::Clock;
use watchfire_oncall::{OnCall, Place, Remote};
use watchfire_settings::client::ClientConfig;

/// No calendar of people is larger, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// How long reading one may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How soon one that failed is read again, at the latest.
const SOON: Duration = Duration::from_secs(60);
/// Without a calendar, how long until the next look whether there is one; a change wakes sooner.
const IDLE: Duration = Duration::from_secs(3600);

/// How reading a calendar went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarView {
    /// The layer's name.
    pub layer: String,
    /// When it was read well last, in milliseconds since the Unix epoch; `None`: never.
    pub read_ms: Option<i64>,
    /// How often it was read since the start.
    pub reads: u64,
    /// How often that failed.
    pub failures: u64,
    /// What went wrong the last time.
    pub error: Option<String>,
}

/// Reads the calendars of the on-call file in force. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Calendars {
    inner: Arc<Inner>,
}

struct Inner {
    alerting: Alerting,
    clock: Arc<dyn Clock>,
    tools: Tools,
    known: Mutex<BTreeMap<Place, Known>>,
    changed: Notify,
}

struct Known {
    remote: Remote,
    next: Instant,
    view: CalendarView,
}

impl std::fmt::Debug for Calendars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calendars").finish_non_exhaustive()
    }
}

impl Calendars {
    /// A reader that reads nothing yet.
    pub fn new(alerting: Alerting, clock: Arc<dyn Clock>) -> Self {
        let tools = Tools::with_templates(Arc::clone(&clock), Templates::new(Arc::clone(&clock)));
        let (known, changed) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { alerting, clock, tools, known, changed }) }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Place, Known>> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An on-call file with what the last good copies of its calendars say, so that who is on call is known before they
    /// are read again.
    pub async fn filled(&self, oncall: OnCall) -> OnCall {
        self.look_back(oncall).await.0
    }

    /// The on-call file in force is another one: its calendars are read at once.
    pub async fn apply(&self) {
        let (_, mut next) = self.look_back((*self.inner.alerting.oncall()).clone()).await;
        let mut known = self.known();
        for (place, new) in &mut next {
            if let Some(old) = known.get(place).filter(|old| old.remote.url == new.remote.url) {
                (new.view.reads, new.view.failures) = (old.view.reads, old.view.failures);
            }
        }
        *known = next;
        drop(known);
        self.inner.changed.notify_one();
    }

    async fn look_back(&self, mut oncall: OnCall) -> (OnCall, BTreeMap<Place, Known>) {
        let remotes = oncall.remotes().into_iter().map(|(place, remote)| (place, remote.clone()));
        let mut all = BTreeMap::new();
        for (place, remote) in remotes.collect::<Vec<_>>() {
            let kept = self.inner.alerting.kept_calendar(place.clone(), remote.url.clone()).await;
            let mut view = CalendarView { layer: place.name.clone(), ..CalendarView::default() };
            match kept {
                Ok(Some((read_ms, text))) => match oncall.read_calendar(&text) {
                    Ok(calendar) => {
                        view.read_ms = Some(read_ms);
                        oncall = oncall.with_calendar(&place, &remote.url, calendar).unwrap_or(oncall);
                    }
                    Err(problem) => view.error = Some(format!("the copy kept: {}", told(&problem))),
                },
                Ok(None) => {}
                Err(error) => view.error = Some(format!("the copy kept could not be read: {error}")),
            }
            all.insert(place, Known { remote, next: Instant::now(), view });
        }
        (oncall, all)
    }

    /// Reads until `stop` becomes true.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let now = Instant::now();
            let due: Vec<(Place, Remote)> = {
                let mut known = self.known();
                let due = known.iter_mut().filter(|(_, known)| known.next <= now);
                due.map(|(place, known)| {
                    known.next = now + known.remote.refresh;
                    (place.clone(), known.remote.clone())
                })
                .collect()
            };
            for (place, remote) in due {
                tokio::select! {
                    () = self.read(&place, &remote) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
            let rest = self.known().values().map(|known| known.next).min().unwrap_or(now + IDLE);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.inner.changed.notified() => {}
                () = tokio::time::sleep_until(rest) => {}
            }
        }
    }

    async fn read(&self, place: &Place, remote: &Remote) {
        let client = ClientConfig::default();
        let url = remote.url.expose();
        let read = get_text(&self.inner.tools, &client, url, (TIMEOUT, MOST_BYTES)).await;
        let outcome = match read {
            Ok(text) => match self.inner.alerting.oncall().read_calendar(&text) {
                Ok(calendar) => {
                    let now_ms = self.inner.clock.now_ms();
                    self.inner.alerting.set_calendar(place, &remote.url, calendar);
                    let kept =
                        self.inner.alerting.keep_calendar(place.clone(), remote.url.clone(), text, now_ms);
                    kept.await.map_err(|error| format!("it could not be kept: {error}")).map(|()| now_ms)
                }
                Err(problem) => Err(told(&problem)),
            },
            // Errors of clients may repeat the address.
            Err(error) => Err(error.replace(url, "<secret>")),
        };
        let mut known = self.known();
        let Some(known) = known.get_mut(place).filter(|known| known.remote.url == remote.url) else { return };
        known.view.reads += 1;
        match outcome {
            Ok(read_ms) => {
                known.view.read_ms = Some(read_ms);
                known.view.error = None;
            }
            Err(error) => {
                known.view.failures += 1;
                known.next = known.next.min(Instant::now() + SOON);
                tracing::warn!(
                    schedule = place.schedule,
                    layer = place.name,
                    error,
                    "calendar could not be read, the last good copy holds"
                );
                known.view.error = Some(error);
            }
        }
    }

    /// How reading the calendars of a schedule went, in the order of its layers.
    pub fn of(&self, schedule: &str) -> Vec<CalendarView> {
        let known = self.known();
        let of_it = known.iter().filter(|(place, _)| place.schedule == schedule);
        of_it.map(|(_, known)| known.view.clone()).collect()
    }

    /// Appends metrics in Prometheus's text format; nothing where there is no calendar.
    pub fn write_metrics(&self, out: &mut String) {
        let known = self.known();
        if known.is_empty() {
            return;
        }
        type Number = fn(&CalendarView) -> f64;
        let reads: Number = |view| view.reads as f64;
        let failures: Number = |view| view.failures as f64;
        let last: Number = |view| view.read_ms.map_or(0.0, |at_ms| at_ms as f64 / 1_000.0);
        for (name, kind, help, number) in [
            ("watchfire_calendar_reads_total", "counter", "Calendars at addresses, read well or not.", reads),
            ("watchfire_calendar_failures_total", "counter", "Calendars that could not be read.", failures),
            (
                "watchfire_calendar_last_success_timestamp_seconds",
                "gauge",
                "When a calendar was read well last; 0 before the first time.",
                last,
            ),
        ] {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (place, known) in known.iter() {
                let text = |text: &str| serde_json::Value::from(text).to_string();
                let (schedule, layer) = (text(&place.schedule), text(&place.name));
                let number = number(&known.view);
                let _ = writeln!(out, "{name}{{schedule={schedule},layer={layer}}} {number}");
            }
        }
    }
}

/// A problem of a calendar, with its line.
fn told(problem: &watchfire_settings::Problem) -> String {
    problem.clone().in_file(std::path::Path::new("calendar")).to_string()
}

#[cfg(test)]
mod tests;
