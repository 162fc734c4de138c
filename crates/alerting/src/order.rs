//! In which order Alertmanager shows alerts and groups.

use std::cmp::Ordering;
use watchfire_ledger::Alert;
use watchfire_model::Labels;

/// Alertmanager's order of alerts: by `job`, by `instance`, then by all labels.
pub(crate) fn by_source(left: &Alert, right: &Alert) -> Ordering {
    for name in ["job", "instance"] {
        match (left.labels.get(name), right.labels.get(name)) {
            (None, None) => {}
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(left), Some(right)) if left != right => return left.cmp(right),
            _ => {}
        }
    }
    by_labels(&left.labels, &right.labels)
}

/// The smaller set first, then label by label in the order of names; whoever has a name that the other lacks comes
/// later.
pub(crate) fn by_labels(left: &Labels, right: &Labels) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| {
        for ((left_name, left_value), (right_name, right_value)) in left.iter().zip(right) {
            // The smaller name is missing on the other side.
            let ordering = right_name.cmp(left_name).then_with(|| left_value.cmp(right_value));
            if ordering.is_ne() {
                return ordering;
            }
        }
        Ordering::Equal
    })
}
