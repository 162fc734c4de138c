//! Where windows lie among timestamps, and what of a rate depends on that alone: worked out once for all series that
//! share their timestamps, as those of one target do.

use super::window::Frame;

/// The windows of a frame that hold two samples at least.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    times: Vec<i64>,
    frame: Option<Frame>,
    /// The step of each window.
    pub(crate) steps: Vec<usize>,
    /// Place of its first sample, and of its last.
    pub(crate) places: Vec<(u32, u32)>,
    /// Seconds between the two.
    pub(crate) sampled: Vec<f64>,
    /// By how many seconds the change between the two is extended to the start of the window, for a counter at most so
    /// many, and to its end.
    pub(crate) to_start: Vec<f64>,
    pub(crate) to_end: Vec<f64>,
    /// By what a change is multiplied that is extended so far, and made one per second where that is wanted.
    pub(crate) factors: Vec<f64>,
}

fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms) as f64 / 1_000.0
}

impl Timeline {
    /// Moves on to a series with these timestamps.
    pub(crate) fn lay(&mut self, times: &[i64], frame: Frame, window_seconds: f64) {
        if self.frame == Some(frame) && self.times == times {
            return;
        }
        self.frame = Some(frame);
        self.times.clear();
        self.times.extend_from_slice(times);
        self.steps.clear();
        self.places.clear();
        self.sampled.clear();
        self.to_start.clear();
        self.to_end.clear();
        self.factors.clear();
        frame.slide(times, |step, (start_ms, end_ms), inside| {
            let gaps = inside.len().saturating_sub(1);
            let (first, last) = (inside.start, inside.end.saturating_sub(1));
            let (Some(first_ms), Some(last_ms)) = (times.get(first), times.get(last)) else { return };
            let (Ok(first), Ok(last)) = (u32::try_from(first), u32::try_from(last)) else { return };
            if gaps == 0 {
                return;
            }
            let sampled = seconds(*first_ms, *last_ms);
            let extension = Extension::new(sampled / gaps as f64);
            self.steps.push(step);
            self.places.push((first, last));
            let to_start = extension.of(seconds(start_ms, *first_ms));
            let to_end = extension.of(seconds(*last_ms, end_ms));
            self.sampled.push(sampled);
            self.to_start.push(to_start);
            self.to_end.push(to_end);
            self.factors.push((sampled + to_start + to_end) / sampled / window_seconds);
        });
    }
}

/// How far a rate reaches beyond the samples of its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension {
    average_gap: f64,
    threshold: f64,
}

impl Extension {
    pub(crate) fn new(average_gap: f64) -> Self {
        // Further than this from the edge, the series is taken to begin or end inside the window.
        Self { average_gap, threshold: average_gap * 1.1 }
    }

    /// To an edge that is so many seconds from the sample next to it.
    pub(crate) fn of(self, to_edge: f64) -> f64 {
        if to_edge >= self.threshold { self.average_gap / 2.0 } else { to_edge }
    }
}
