//! Stretches of time of which a store keeps windows only, and how ranges are laid on them.

use super::context::Context;
use crate::ast::Span;
use std::sync::Arc;
use std::time::Duration;
use watchfire_model::{Coarse, SampleValue, duration};

/// Where there are windows in place of samples; nowhere, usually.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid(Vec<Coarse>);

/// A range laid on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapped {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// It is not the range that was asked for.
    pub(crate) moved: bool,
}

impl Grid {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn new(stretches: &[Coarse]) -> Self {
        let mut stretches: Vec<Coarse> =
            stretches.iter().copied().filter(|stretch| stretch.resolution_ms > 0).collect();
        stretches.sort_by_key(|stretch| stretch.until_ms);
        Self(stretches)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn stretches(&self) -> &[Coarse] {
        &self.0
    }

    /// The length of the windows about an instant; `None` where there are samples.
    fn resolution_at(&self, time_ms: i64) -> Option<i64> {
        let place = self.0.partition_point(|stretch| stretch.until_ms < time_ms);
        self.0.get(place).map(|stretch| stretch.resolution_ms)
    }

    /// Whether the instant lies before the samples.
    #[inline]
    pub(crate) fn covers(&self, time_ms: i64) -> bool {
        self.0.last().is_some_and(|stretch| time_ms <= stretch.until_ms)
    }

    /// Whether an instant lies inside a window, not at its end.
    pub(crate) fn is_between(&self, time_ms: i64) -> bool {
        self.resolution_at(time_ms).is_some_and(|resolution_ms| time_ms.rem_euclid(resolution_ms) != 0)
    }

    /// Lays the range `(start_ms, end_ms]` on the windows: both ends go back to where a window ends, and the range has
    /// one window at least. What lies among samples stays.
    #[inline]
    pub(crate) fn snap(&self, start_ms: i64, end_ms: i64) -> Snapped {
        let mut snapped = Snapped { start_ms, end_ms, moved: false };
        if !self.covers(start_ms.saturating_add(1)) {
            return snapped;
        }
        let floor = |time_ms: i64, resolution_ms: i64| time_ms.div_euclid(resolution_ms) * resolution_ms;
        if let Some(resolution_ms) = self.resolution_at(start_ms.saturating_add(1)) {
            snapped.start_ms = floor(start_ms, resolution_ms);
        }
        if let Some(resolution_ms) = self.resolution_at(end_ms) {
            snapped.end_ms = floor(end_ms, resolution_ms);
            if snapped.end_ms <= snapped.start_ms {
                snapped.start_ms = snapped.end_ms.saturating_sub(resolution_ms);
            }
        }
        snapped.moved = snapped.start_ms != start_ms || snapped.end_ms != end_ms;
        snapped
    }

    /// Where samples are not kept, in words.
    fn shown(&self) -> String {
        let mut shown = String::new();
        for stretch in self.0.iter().rev() {
            if shown.is_empty() {
                shown.push_str("samples before ");
            } else {
                shown.push_str(" and before ");
            }
            shown.push_str(&super::annotations::rfc3339(stretch.until_ms));
            if !shown.contains(" are kept") {
                shown.push_str(" are kept");
            }
            shown.push_str(" at a resolution of ");
            shown.push_str(&duration::format(Duration::from_millis(stretch.resolution_ms.unsigned_abs())));
        }
        shown
    }
}

/// Why an answer out of windows is not the one that samples would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inexact {
    /// The function asks for something that windows do not keep.
    Function,
    /// The range had to be rounded.
    Rounded,
    /// The time looked at lies inside a window.
    Between,
}

/// Says that an answer is approximate.
pub(crate) fn remark(cx: &mut Context<'_>, span: &Span, function: &str, why: Inexact, grid: &Grid) {
    let shown = grid.shown();
    let subject = if function.is_empty() {
        "result is approximate".to_owned()
    } else {
        format!("result for \"{function}\" is approximate")
    };
    cx.notes.info(
        span,
        match why {
            Inexact::Function => format!("{subject}: {shown}"),
            Inexact::Rounded => format!("{subject}: {shown}, to which its range was rounded"),
            Inexact::Between => format!("{subject}: {shown}, and its times are no multiples of it"),
        },
    );
}

/// Functions that windows answer exactly, if a range consists of whole ones.
pub(crate) fn is_exact(function: &str) -> bool {
    matches!(
        function,
        "rate"
            | "increase"
            | "delta"
            | "min_over_time"
            | "max_over_time"
            | "sum_over_time"
            | "count_over_time"
            | "avg_over_time"
            | "last_over_time"
            | "first_over_time"
            | "ts_of_last_over_time"
            | "ts_of_first_over_time"
            | "present_over_time"
            | "absent_over_time"
    )
}

/// Functions whose result grows with their range, so that one of a rounded range is scaled back.
pub(crate) fn is_extensive(function: &str) -> bool {
    matches!(function, "increase" | "delta" | "sum_over_time" | "count_over_time" | "changes" | "resets")
}

/// A value times a factor.
pub(crate) fn scaled(value: SampleValue, factor: f64) -> SampleValue {
    match value {
        SampleValue::Float(value) => SampleValue::Float(value * factor),
        SampleValue::Histogram(mut histogram) => {
            Arc::make_mut(&mut histogram).mul_scalar(factor);
            SampleValue::Histogram(histogram)
        }
    }
}

#[cfg(test)]
mod tests;
