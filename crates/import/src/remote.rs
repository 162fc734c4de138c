//! A server's remote read: every sample of a range of time, day by day.

mod fetch;

use crate::{Choice, ImportError, Stop, Watch};
use fetch::{Fault, Held};
use std::collections::VecDeque;
use std::time::Duration;
use watchfire_metrics::{ImportReport, Imported, Store};
use watchfire_model::{MatchOp, Matcher, TimeRange};

const DAY_MS: i64 = 86_400_000;
/// No slice is cut smaller than this, however much a server says it is.
const MIN_SLICE_MS: i64 = 60_000;
/// So often a slice is asked for before the import ends early.
const ATTEMPTS: u32 = 8;
/// Between attempts: one second, then twice as long each time, up to this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone, Default)]
pub struct Credentials {
    /// For HTTP basic authentication.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<String>,
    /// A token for `Authorization: Bearer`.
    pub bearer_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A server that answers remote read.
#[derive(Debug)]
pub struct Remote {
    client: reqwest::Client,
    url: reqwest::Url,
    credentials: Credentials,
    /// Whether chunks are asked for; no longer after some came that are not known here.
    streamed: bool,
}

impl Remote {
    /// A server by the URL of its remote read; `/api/v1/read` is added where there is no path. Credentials in the URL
    /// are used and never shown. A text for people where it is no such URL.
    pub fn new(url: &str, mut credentials: Credentials) -> Result<Self, String> {
        let how = "write it like http://prometheus:9090/api/v1/read";
        let mut url: reqwest::Url = url.parse().map_err(|error| format!("this is no URL: {error}; {how}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(format!("this is no URL of a server; {how}"));
        }
        if !url.username().is_empty() {
            credentials.user.get_or_insert_with(|| url.username().to_owned());
            credentials.password = credentials.password.or_else(|| url.password().map(str::to_owned));
            let _ = url.set_username("");
        }
        let _ = url.set_password(None);
        if matches!(url.path(), "" | "/") {
            url.set_path("/api/v1/read");
        }
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(120))
            .user_agent(concat!("watchfire/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(Self { client, url, credentials, streamed: true })
    }

    /// The URL, without credentials.
    pub fn shown(&self) -> &str {
        self.url.as_str()
    }

    /// The range cut at the ends of UTC days, as it will be asked for.
    pub fn slices(range: TimeRange) -> Vec<TimeRange> {
        let mut slices = Vec::new();
        let mut from = range.start_ms;
        while from <= range.end_ms {
            let day_end = (from.div_euclid(DAY_MS) + 1).saturating_mul(DAY_MS) - 1;
            let to = day_end.min(range.end_ms);
            slices.push(TimeRange::new(from, to));
            let Some(next) = to.checked_add(1) else { break };
            from = next;
        }
        slices
    }

    /// What the store's journal knows a slice by.
    pub fn source(&self, slice: TimeRange, choice: &Choice) -> String {
        let selectors = Choice { range: TimeRange::ALL, ..choice.clone() };
        format!("prometheus read {} {}-{}{}", self.url, slice.start_ms, slice.end_ms, selectors.key())
    }

    /// Imports a slice that is not there yet; `None` when it was imported before. Writes to the store on the thread that
    /// polls it: not for a runtime that does anything else.
    pub async fn import(
        &mut self,
        store: &Store,
        slice: TimeRange,
        choice: &Choice,
        stop: &Stop,
        watch: &mut dyn Watch,
    ) -> Result<Option<ImportReport>, ImportError> {
        let source = self.source(slice, choice);
        if store.imported(&source) == Imported::All {
            return Ok(None);
        }
        let mut import = store.import(&source, true)?;
        let every = [vec![name_is_there()?]];
        let selectors = if choice.selectors.is_empty() { &every[..] } else { &choice.selectors };
        let mut todo = VecDeque::from([slice]);
        let (mut position, mut damage) = (0, 0);
        while let Some(piece) = todo.pop_front() {
            let mut held = match self.attempt(selectors, piece, stop, watch).await? {
                Some(held) => held,
                None => {
                    let middle = piece.start_ms + (piece.end_ms - piece.start_ms) / 2;
                    todo.push_front(TimeRange::new(middle + 1, piece.end_ms));
                    todo.push_front(TimeRange::new(piece.start_ms, middle));
                    continue;
                }
            };
            damage += held.refused.len();
            held.refused.drain(..).for_each(|text| watch.damaged(format!("{}: {text}", self.shown())));
            held.samples.drain(|labels, samples| {
                position += 1;
                import.add(position, labels, samples).map_err(ImportError::from)
            })?;
            let done = piece.end_ms.saturating_sub(slice.start_ms) as f64;
            watch.progress(done / (slice.end_ms - slice.start_ms).max(1) as f64, import.report());
        }
        let report = if damage == 0 { import.finish()? } else { import.finish_incomplete()? };
        watch.progress(1.0, &report);
        Ok(Some(report))
    }

    /// Fetches a piece of a slice, trying again while that may help; `None` when it is too much at once.
    async fn attempt(
        &mut self,
        selectors: &[Vec<Matcher>],
        piece: TimeRange,
        stop: &Stop,
        watch: &mut dyn Watch,
    ) -> Result<Option<Held>, ImportError> {
        let failed = |url: &str, problem| ImportError::Remote { url: url.to_owned(), problem };
        let mut pause = Duration::from_secs(1);
        let mut tried = 0;
        loop {
            if stop.is_asked() {
                return Err(ImportError::Stopped);
            }
            let problem = match self.fetch(selectors, piece, stop).await {
                Ok(held) => return Ok(Some(held)),
                Err(Fault::Stopped) => return Err(ImportError::Stopped),
                Err(Fault::TooMuch(_)) if piece.end_ms - piece.start_ms > MIN_SLICE_MS => return Ok(None),
                Err(Fault::UnknownEncoding(number)) if self.streamed => {
                    watch.note(format!(
                        "chunks come in the encoding {number}, not known here; asking for samples instead"
                    ));
                    self.streamed = false;
                    continue;
                }
                Err(Fault::TooMuch(problem) | Fault::Refused(problem)) => {
                    return Err(failed(self.shown(), problem));
                }
                Err(Fault::UnknownEncoding(number)) => format!("a chunk in the unknown encoding {number}"),
                Err(Fault::Passing(problem)) => problem,
            };
            tried += 1;
            if tried == ATTEMPTS {
                return Err(failed(self.shown(), format!("{problem}; tried {ATTEMPTS} times")));
            }
            watch.note(format!("{}: {problem}; trying again in {} s", self.shown(), pause.as_secs()));
            let mut waited = Duration::ZERO;
            while waited < pause && !stop.is_asked() {
                let step = Duration::from_millis(100);
                tokio::time::sleep(step).await;
                waited += step;
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }
}

/// Remote read wants a condition; every series has a name.
fn name_is_there() -> Result<Matcher, ImportError> {
    Matcher::new("__name__", MatchOp::Regex, ".+")
        .map_err(|error| ImportError::Remote { url: String::new(), problem: error.to_string() })
}

#[cfg(test)]
mod tests;
