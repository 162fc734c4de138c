//! Telling on standard error how far long work has come: one line that changes on a terminal, a line now and then
//! elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const ON_TERMINAL: Duration = Duration::from_millis(100);
const ELSEWHERE: Duration = Duration::from_secs(10);

/// A line about work under way.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    verb: &'static str,
    terminal: bool,
    started: Instant,
    shown: Option<Instant>,
}

impl ProgressLine {
    /// Starts the clock. `verb` begins the line, such as `saving`.
    pub(crate) fn new(verb: &'static str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { verb, terminal, started: Instant::now(), shown: None }
    }

    /// Tells how far it is, when it is time to.
    pub(crate) fn tell(&mut self, done: u64, total: u64) {
        let every = if self.terminal { ON_TERMINAL } else { ELSEWHERE };
        let since = self.shown.unwrap_or(self.started);
        if since.elapsed() < every {
            return;
        }
        self.shown = Some(Instant::now());
        let line = describe(self.verb, done, total, self.started.elapsed());
        let mut stderr = std::io::stderr().lock();
        // A closed terminal is no reason to stop the work.
        let _ = if self.terminal { write!(stderr, "\r\x1b[K{line}") } else { writeln!(stderr, "{line}") };
        let _ = stderr.flush();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.terminal && self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn describe(verb: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let share = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
    let seconds = elapsed.as_secs_f64().max(1e-3);
    let rate = bytes(done as f64 / seconds);
    let left = if done == 0 {
        String::new()
    } else {
        format!(", {:.0} s left", seconds * (1.0 / share.max(1e-9) - 1.0))
    };
    format!("{verb}: {:.0} % of {}, {rate}/s{left}", share * 100.0, bytes(total as f64))
}

/// A number of bytes for people, in powers of 1024.
pub(crate) fn bytes(number: f64) -> String {
    let mut number = number;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if number < 1024.0 {
            return if unit == "B" { format!("{number:.0} {unit}") } else { format!("{number:.1} {unit}") };
        }
        number /= 1024.0;
    }
    format!("{number:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let line = describe("saving", 50 << 20, 200 << 20, Duration::from_secs(5));
        assert_eq!(line, "saving: 25 % of 200.0 MiB, 10.0 MiB/s, 15 s left");
        assert_eq!(describe("saving", 0, 0, Duration::ZERO), "saving: 100 % of 0 B, 0 B/s");
    }
}
