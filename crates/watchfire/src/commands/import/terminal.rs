//! How far an import is: one line that moves on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
use watchfire_import::Watch;
use watchfire_metrics::ImportReport;

/// How often the moving line is drawn again.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often a line is written where none moves.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Tells how far an import is, on standard error.
pub(super) struct Terminal {
    moves: bool,
    started: Instant,
    told: Option<Instant>,
    /// Of everything there is to do, in samples, about.
    total: u64,
    /// Of the parts that are done.
    done: u64,
    part: String,
    part_weight: u64,
    /// Samples imported by this run in parts that are done.
    samples: u64,
    part_samples: u64,
    drawn: bool,
    damage: u64,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self {
            moves: std::io::stderr().is_terminal(),
            started: Instant::now(),
            told: None,
            total: 0,
            done: 0,
            part: String::new(),
            part_weight: 0,
            samples: 0,
            part_samples: 0,
            drawn: false,
            damage: 0,
        }
    }

    pub(super) fn begin(&mut self, total: u64) {
        self.total = total;
        self.started = Instant::now();
    }

    /// Goes on to the next block, or the log.
    pub(super) fn part(&mut self, name: String, weight: u64) {
        self.samples += std::mem::take(&mut self.part_samples);
        (self.part, self.part_weight) = (name, weight);
    }

    /// The part was there already.
    pub(super) fn skip(&mut self) {
        self.done += std::mem::take(&mut self.part_weight);
    }

    pub(super) fn damage(&self) -> u64 {
        self.damage
    }

    /// Ends the moving line.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            eprint!("\r\x1b[K");
        }
    }

    fn line(&mut self, text: &str) {
        self.end();
        eprintln!("{text}");
    }

    fn tell(&mut self, part_done: f64) {
        let every = if self.moves { DRAW_EVERY } else { WRITE_EVERY };
        if self.told.unwrap_or(self.started).elapsed() < every {
            return;
        }
        self.told = Some(Instant::now());
        let done = self.done as f64 + self.part_weight as f64 * part_done;
        let share = (done / (self.total as f64).max(1.0)).clamp(0.0, 1.0);
        let seconds = self.started.elapsed().as_secs_f64();
        let samples = self.samples + self.part_samples;
        let left =
            if share > 0.01 { format!(", {} left", rough(seconds / share - seconds)) } else { String::new() };
        let text = format!(
            "{:3.0}% {} samples, {}/s{left}, {}",
            share * 100.0,
            count(samples),
            count((samples as f64 / seconds.max(0.001)) as u64),
            self.part,
        );
        if self.moves {
            eprint!("\r\x1b[K{text}");
            let _ = std::io::stderr().flush();
            self.drawn = true;
        } else {
            eprintln!("{text}");
        }
    }
}

impl Watch for Terminal {
    fn progress(&mut self, done: f64, report: &ImportReport) {
        self.part_samples = report.samples;
        self.tell(done);
        if done >= 1.0 {
            self.done += std::mem::take(&mut self.part_weight);
        }
    }

    fn damaged(&mut self, text: String) {
        self.damage += 1;
        self.line(&format!("damaged: {text}"));
    }

    fn note(&mut self, text: String) {
        self.line(&text);
    }
}

/// A number for people: `1.2M`.
pub(super) fn count(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_000_000 => format!("{:.1}k", number as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1}M", number as f64 / 1e6),
        _ => format!("{:.1}G", number as f64 / 1e9),
    }
}

/// So many samples, for people.
pub(super) fn samples(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "sample" } else { "samples" })
}

/// A time left, to the unit that matters.
fn rough(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    match seconds {
        0..100 => format!("{seconds} s"),
        100..6000 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A time as its UTC day and minute.
pub(super) fn day(timestamp_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(timestamp_ms)
        .map_or_else(|_| format!("{timestamp_ms} ms"), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 9_999, 10_000, 123_456_789].map(count), ["0", "9999", "10.0k", "123.5M"]);
        assert_eq!([5.0, 300.0, 7200.0].map(rough), ["5 s", "5 min", "2 h"]);
        assert_eq!(day(1_700_000_000_000), "2023-11-14 22:13 UTC");
    }
}
