//! Whether a destination is to be told something now: Alertmanager's rules of deduplication.

use std::collections::BTreeSet;
use watchfire_ledger::{Fingerprint, Notified};

/// Why a notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    First,
    NewAlerts,
    SomeResolved,
    AllResolved,
    Repeat,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::SomeResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::Repeat => "repeat interval elapsed",
        }
    }
}

/// The state of a group that a destination may be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desired<'a> {
    pub(crate) firing: &'a BTreeSet<Fingerprint>,
    pub(crate) resolved: &'a BTreeSet<Fingerprint>,
    /// Whether the destination wants to hear of ends.
    pub(crate) send_resolved: bool,
    /// `None`: never again for the same state.
    pub(crate) repeat_interval_ms: Option<i64>,
}

/// Compares what a destination was told with how things stand.
pub(crate) fn decide(told: Option<&Notified>, desired: Desired<'_>, now_ms: i64) -> Option<Reason> {
    let Some(told) = told else {
        // What ended before anybody heard of it is not news.
        return (!desired.firing.is_empty()).then_some(Reason::First);
    };
    if !desired.firing.is_subset(&told.firing) {
        return Some(Reason::NewAlerts);
    }
    if desired.firing.is_empty() {
        // The last notification may have left out, as muted, what an earlier one told as firing.
        let owed = desired.send_resolved && !desired.resolved.is_disjoint(&told.open);
        return (!told.firing.is_empty() || owed).then_some(Reason::AllResolved);
    }
    if desired.send_resolved && !desired.resolved.is_subset(&told.resolved) {
        return Some(Reason::SomeResolved);
    }
    let repeat = desired.repeat_interval_ms?;
    (now_ms.saturating_sub(told.at_ms) > repeat).then_some(Reason::Repeat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(
        told: Option<(&[u64], &[u64])>,
        firing: &[u64],
        resolved: &[u64],
        send: bool,
        age: i64,
    ) -> Option<Reason> {
        let told = told.map(|(firing, resolved)| Notified {
            group_key: String::new(),
            receiver: String::new(),
            integration: 0,
            firing: firing.iter().copied().collect(),
            resolved: resolved.iter().copied().collect(),
            at_ms: 0,
            open: BTreeSet::new(),
            receiver_data: String::new(),
        });
        let (firing, resolved) = (firing.iter().copied().collect(), resolved.iter().copied().collect());
        let desired = Desired {
            firing: &firing,
            resolved: &resolved,
            send_resolved: send,
            repeat_interval_ms: Some(100),
        };
        decide(told.as_ref(), desired, age)
    }

    #[test]
    fn an_end_that_was_left_out_of_a_notification_is_still_owed() {
        let told = Notified {
            group_key: String::new(),
            receiver: String::new(),
            integration: 0,
            firing: BTreeSet::new(),
            resolved: BTreeSet::from([2]),
            at_ms: 0,
            open: BTreeSet::from([1]),
            receiver_data: String::new(),
        };
        let (firing, resolved) = (BTreeSet::new(), BTreeSet::from([1, 2]));
        let desired = |send_resolved: bool| Desired {
            firing: &firing,
            resolved: &resolved,
            send_resolved,
            repeat_interval_ms: None,
        };
        assert_eq!(decide(Some(&told), desired(true), 0), Some(Reason::AllResolved));
        assert_eq!(decide(Some(&told), desired(false), 0), None);
    }

    #[test]
    fn a_destination_is_told_what_is_new_to_it_and_nothing_else() {
        assert_eq!(case(None, &[1], &[], true, 0), Some(Reason::First));
        assert_eq!(case(None, &[], &[1], true, 0), None);
        assert_eq!(case(Some((&[1], &[])), &[1], &[], true, 100), None);
        assert_eq!(case(Some((&[1], &[])), &[1], &[], true, 101), Some(Reason::Repeat));
        assert_eq!(case(Some((&[1], &[])), &[1, 2], &[], true, 0), Some(Reason::NewAlerts));
        assert_eq!(case(Some((&[1, 2], &[])), &[1], &[2], true, 0), Some(Reason::SomeResolved));
        assert_eq!(case(Some((&[1, 2], &[])), &[1], &[2], false, 0), None);
        assert_eq!(case(Some((&[1], &[2])), &[], &[1, 2], true, 0), Some(Reason::AllResolved));
        assert_eq!(case(Some((&[1], &[])), &[], &[1], false, 0), Some(Reason::AllResolved));
        assert_eq!(case(Some((&[], &[1])), &[], &[1], true, 1_000), None);
        assert_eq!(case(Some((&[], &[1])), &[1], &[], true, 0), Some(Reason::NewAlerts));
    }
}
