//! From the clock on the wall to moments.
//!
//! A handover at a time that the clock shows happens the first time it shows that time or a later one: when clocks are
//! set back and show it twice, the first time; when they are set forward and pass over it, at the moment they are set.
//! So the order of handovers is never upset.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// The first moment at which the clock shows a time or a later one, in milliseconds since the Unix epoch.
pub(crate) fn first_ms(zone: &TimeZone, time: DateTime) -> i64 {
    let moment = |offset: jiff::tz::Offset| offset.to_timestamp(time).ok();
    let found = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => moment(offset),
        AmbiguousOffset::Fold { before, .. } => moment(before),
        // By the clock of before it would be after they are set; the change itself is the last one until then.
        AmbiguousOffset::Gap { before, .. } => moment(before).map(|after| {
            let just_after = after.checked_add(1.nanosecond()).unwrap_or(after);
            zone.preceding(just_after).next().map_or(after, |change| change.timestamp())
        }),
    };
    let far = || if time.year() < 1970 { i64::MIN / 4 } else { i64::MAX / 4 };
    found.map_or_else(far, Timestamp::as_millisecond)
}

/// What the clock shows at a moment.
pub(crate) fn shown(zone: &TimeZone, at_ms: i64) -> DateTime {
    let at =
        Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX });
    zone.to_datetime(at)
}
