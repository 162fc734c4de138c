//! What downsampled tiers may answer: samples that were said, in windows that stand for all that were acknowledged.

use crate::model::{Found, Model, collect};
use crate::plan::HOUR_MS;
use crate::world::World;
use std::collections::BTreeMap;
use watchfire_metrics::Downsampled;
use watchfire_model::{Digest, Labels, Samples, TimeRange};

/// A series and the number of one of its longest windows, which are open at their start.
type Window = (Labels, i64);

fn window(labels: &Labels, at_ms: i64) -> Window {
    (labels.clone(), (at_ms - 1).div_euclid(HOUR_MS))
}

impl World {
    fn read_tiers(&self, digest: Digest, seam_ms: i64) -> (Found, BTreeMap<Window, f64>, Vec<String>) {
        let range = TimeRange::new(0, seam_ms);
        let mut selection: Downsampled = self.store().select_digest(&[], range, digest).expect("reads go on");
        let (mut samples, mut found, mut floats) = (Samples::default(), Found::new(), BTreeMap::new());
        while let Some(labels) = selection.next(&mut samples).expect("a damaged place is no error") {
            for (at_ms, value) in samples.timestamps_ms.iter().zip(&samples.floats) {
                let largest = floats.entry(window(&labels, *at_ms)).or_insert(*value);
                *largest = value.max(*largest);
            }
            // Two kinds of values in a window may end at one time only if both are of it.
            if digest == Digest::Edges {
                collect(&labels, &samples, &mut found);
            }
        }
        (found, floats, selection.warnings())
    }

    /// Compares the tiers with what was said.
    pub(crate) fn check_tiers(&mut self) {
        let Some(seam_ms) = self.store().tier_stats().seam_ms else { return };
        let (edges, windows, mut warnings) = self.read_tiers(Digest::Edges, seam_ms);
        let (_, largest, more) = self.read_tiers(Digest::Largest, seam_ms);
        if self.disk.is_cut() {
            return;
        }
        warnings.extend(more);
        for (labels, samples) in &edges {
            for (at, said) in samples {
                assert!(
                    self.model.was_said(labels, *at, said),
                    "invented in a tier: {labels} at {at}: {said:?}"
                );
            }
        }
        if self.flipped || self.tolerated(&warnings) {
            return;
        }
        assert!(warnings.is_empty(), "a false alarm of tiers: {warnings:?}");
        let required = self.model.required_in_tiers(seam_ms);
        for (labels, at, value) in &required {
            let window = window(labels, *at);
            assert!(windows.contains_key(&window), "no window stands for {labels} at {at}, seam {seam_ms}");
            let largest = largest.get(&window);
            let stands = largest.is_some_and(|largest| largest >= value);
            assert!(stands, "{largest:?} is the largest of a window with {labels} at {at}: {value}");
        }
        self.note("windows", &(windows.len(), required.len()));
    }
}

impl Model {
    /// The floats up to a time that windows have to stand for: acknowledged, of no other value perhaps, and in time to
    /// be in one.
    fn required_in_tiers(&self, seam_ms: i64) -> Vec<(Labels, i64, f64)> {
        let mut required = Vec::new();
        for (labels, at, value) in self.certain_floats() {
            if at <= seam_ms {
                required.push((labels.clone(), at, value));
            }
        }
        required
    }
}
