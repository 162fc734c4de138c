//! Samples, or smaller windows, into windows.

use super::set::{COLUMNS, Column};
use std::sync::Arc;
use watchfire_model::histogram::{KahanHistogram, kahan_add};
use watchfire_model::{SampleValue, Samples, is_stale};

/// Values of one kind are summed and compared; those of different kinds stand in windows of their own, side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float,
    Exponential,
    Custom,
}

impl Kind {
    fn of(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(_) => Self::Float,
            SampleValue::Histogram(histogram) if histogram.is_custom() => Self::Custom,
            SampleValue::Histogram(_) => Self::Exponential,
        }
    }
}

/// A sample.
#[derive(Clone, Debug)]
struct Point {
    at_ms: i64,
    start_ms: i64,
    value: SampleValue,
}

#[derive(Clone, Debug)]
enum Total {
    Floats { sum: f64, compensation: f64 },
    Histograms(Box<KahanHistogram>),
}

impl Total {
    fn start(value: &SampleValue) -> Self {
        match value {
            SampleValue::Float(value) => Self::Floats { sum: *value, compensation: 0.0 },
            SampleValue::Histogram(histogram) => Self::Histograms(Box::new(KahanHistogram::new(histogram))),
        }
    }

    fn add(&mut self, value: &SampleValue) {
        match (self, value) {
            (Self::Floats { sum, compensation }, SampleValue::Float(value)) => {
                kahan_add(*value, sum, compensation);
            }
            (Self::Histograms(sum), SampleValue::Histogram(histogram)) => {
                // Only other kinds cannot be added, and those have windows of their own.
                let _ = sum.add(histogram);
            }
            _ => {}
        }
    }

    fn value(self) -> SampleValue {
        match self {
            Self::Floats { sum, compensation } => SampleValue::Float(sum + compensation),
            Self::Histograms(sum) => SampleValue::Histogram(Arc::new(sum.finish())),
        }
    }
}

/// A window of one kind.
#[derive(Clone, Debug)]
struct Window {
    kind: Kind,
    first: Point,
    last: Point,
    count: f64,
    sum: Total,
    min: f64,
    max: f64,
    lost: Option<Total>,
}

/// Whether a counter was reset between two values.
fn is_reset(before: &SampleValue, now: &SampleValue) -> bool {
    match (before, now) {
        (SampleValue::Float(before), SampleValue::Float(now)) => now < before,
        (SampleValue::Histogram(before), SampleValue::Histogram(now)) => now.detect_reset(before),
        _ => false,
    }
}

impl Window {
    fn of(point: Point) -> Self {
        let float = match point.value {
            SampleValue::Float(value) => value,
            SampleValue::Histogram(_) => f64::NAN,
        };
        Self {
            kind: Kind::of(&point.value),
            sum: Total::start(&point.value),
            first: point.clone(),
            last: point,
            count: 1.0,
            min: float,
            max: float,
            lost: None,
        }
    }

    fn lose(&mut self, value: &SampleValue) {
        match &mut self.lost {
            Some(lost) => lost.add(value),
            none => *none = Some(Total::start(value)),
        }
    }

    /// Takes in the window that follows, of the same kind.
    fn join(&mut self, next: Self) {
        if is_reset(&self.last.value, &next.first.value) {
            let before = self.last.value.clone();
            self.lose(&before);
        }
        if let Some(lost) = next.lost {
            self.lose(&lost.value());
        }
        self.sum.add(&next.sum.value());
        self.count += next.count;
        // Of equal ones the first stays; NaN only where there is nothing else.
        if next.min < self.min || self.min.is_nan() {
            self.min = next.min;
        }
        if next.max > self.max || self.max.is_nan() {
            self.max = next.max;
        }
        self.last = next.last;
    }
}

/// Makes the windows of one series, in time order, column by column.
#[derive(Debug)]
pub(super) struct Windows {
    resolution_ms: i64,
    end_ms: i64,
    open: Vec<Window>,
    /// A stale marker after everything in the window.
    stale: Option<Point>,
    /// In the order of [`COLUMNS`].
    pub(super) columns: Vec<Samples>,
}

impl Windows {
    pub(super) fn new(resolution_ms: i64) -> Self {
        let columns = COLUMNS.iter().map(|_| Samples::default()).collect();
        Self { resolution_ms: resolution_ms.max(1), end_ms: i64::MIN, open: Vec::new(), stale: None, columns }
    }

    /// Makes windows of all samples of a series; what was there before is gone.
    pub(super) fn of_samples(&mut self, samples: &Samples) {
        self.begin();
        for (index, at_ms) in samples.timestamps_ms.iter().enumerate() {
            let start_ms = samples.start_timestamp_ms(index);
            match samples.histogram(index) {
                None => {
                    let value = samples.floats.get(index).copied().unwrap_or(f64::NAN);
                    self.float(*at_ms, start_ms, value);
                }
                Some(histogram) => {
                    let value = SampleValue::Histogram(Arc::clone(histogram));
                    self.take(Point { at_ms: *at_ms, start_ms, value });
                }
            }
        }
        self.close();
    }

    /// The common case without detours.
    #[inline]
    fn float(&mut self, at_ms: i64, start_ms: i64, value: f64) {
        if at_ms <= self.end_ms
            && !is_stale(value)
            && let [Window { kind: Kind::Float, last, count, sum, min, max, lost, .. }] =
                self.open.as_mut_slice()
            && let Total::Floats { sum, compensation } = sum
            && let SampleValue::Float(before) = last.value
        {
            if value < before {
                match lost {
                    Some(lost) => lost.add(&last.value),
                    none => *none = Some(Total::start(&last.value)),
                }
            }
            kahan_add(value, sum, compensation);
            *count += 1.0;
            if value < *min || min.is_nan() {
                *min = value;
            }
            if value > *max || max.is_nan() {
                *max = value;
            }
            *last = Point { at_ms, start_ms, value: SampleValue::Float(value) };
            self.stale = None;
            return;
        }
        self.take(Point { at_ms, start_ms, value: SampleValue::Float(value) });
    }

    fn begin(&mut self) {
        self.end_ms = i64::MIN;
        self.columns.iter_mut().for_each(Samples::clear);
    }

    fn turn_to(&mut self, at_ms: i64) {
        if at_ms > self.end_ms {
            self.close();
            let before = at_ms.saturating_sub(1).div_euclid(self.resolution_ms);
            self.end_ms = before.saturating_add(1).saturating_mul(self.resolution_ms);
        }
    }

    fn take(&mut self, point: Point) {
        self.turn_to(point.at_ms);
        if point.value.is_stale() {
            self.stale = Some(point);
        } else {
            self.put(Window::of(point));
        }
    }

    fn put(&mut self, next: Window) {
        self.stale = None;
        match self.open.iter_mut().find(|window| window.kind == next.kind) {
            Some(window) => window.join(next),
            None => self.open.push(next),
        }
    }

    /// Makes larger windows of the columns of smaller ones.
    pub(super) fn of_columns(&mut self, finer: &[Samples]) {
        self.begin();
        let column = |column: Column| finer.get(column as usize);
        let (Some(first), Some(last)) = (column(Column::First), column(Column::Last)) else { return };
        // The n-th first and the n-th last sample of one kind belong to one window.
        let mut firsts = [0_usize; 3];
        let mut places = [0_usize; COLUMNS.len()];
        for index in 0..last.len() {
            let Some(point) = point(last, index) else { continue };
            if point.value.is_stale() {
                self.take(point);
                continue;
            }
            let kind = Kind::of(&point.value);
            let mut value = |column: Column| {
                let samples = finer.get(column as usize)?;
                let place = places.get_mut(column as usize)?;
                while samples.timestamps_ms.get(*place).is_some_and(|at| *at < point.at_ms) {
                    *place += 1;
                }
                samples.get(*place).filter(|(at, _)| *at == point.at_ms).map(|(_, value)| value)
            };
            let count = match value(Column::Count) {
                Some(SampleValue::Float(count)) => count,
                _ => 1.0,
            };
            let mut window = Window::of(point.clone());
            if let Some(sum) = value(Column::Sum) {
                window.sum = Total::start(&sum);
            }
            if let Some(SampleValue::Float(min)) = value(Column::Min) {
                window.min = min;
            }
            if let Some(SampleValue::Float(max)) = value(Column::Max) {
                window.max = max;
            }
            window.lost = value(Column::Lost).map(|lost| Total::start(&lost));
            window.count = count;
            window.first = take_first(first, kind, firsts.get_mut(kind as usize)).unwrap_or(point);
            self.turn_to(window.last.at_ms);
            self.put(window);
        }
        self.close();
    }

    /// Writes down what is open.
    fn close(&mut self) {
        self.open.sort_by_key(|window| window.first.at_ms);
        for window in &self.open {
            push(self.columns.get_mut(Column::First as usize), window.first.clone());
        }
        self.open.sort_by_key(|window| window.last.at_ms);
        for window in self.open.drain(..) {
            let at_ms = window.last.at_ms;
            let mut put = |column: Column, value: SampleValue| {
                push(self.columns.get_mut(column as usize), Point { at_ms, start_ms: 0, value });
            };
            put(Column::Count, SampleValue::Float(window.count));
            put(Column::Sum, window.sum.value());
            if window.kind == Kind::Float {
                put(Column::Min, SampleValue::Float(window.min));
                put(Column::Max, SampleValue::Float(window.max));
            }
            if let Some(lost) = window.lost {
                put(Column::Lost, lost.value());
            }
            push(self.columns.get_mut(Column::Last as usize), window.last);
        }
        if let Some(stale) = self.stale.take() {
            push(self.columns.get_mut(Column::Last as usize), stale);
        }
    }
}

fn push(column: Option<&mut Samples>, point: Point) {
    if let Some(column) = column {
        column.push(point.at_ms, point.value);
        column.set_last_start_timestamp(point.start_ms);
    }
}

fn point(samples: &Samples, index: usize) -> Option<Point> {
    let (at_ms, value) = samples.get(index)?;
    Some(Point { at_ms, start_ms: samples.start_timestamp_ms(index), value })
}

/// The next first sample of a kind.
fn take_first(first: &Samples, kind: Kind, place: Option<&mut usize>) -> Option<Point> {
    let place = place?;
    loop {
        let point = point(first, *place)?;
        *place += 1;
        if Kind::of(&point.value) == kind {
            return Some(point);
        }
    }
}

#[cfg(test)]
mod tests;
