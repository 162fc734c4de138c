//! The last good copies of calendars.

use super::State;
use std::sync::Arc;
use watchfire_channels::group_identity;
use watchfire_ledger::LedgerError;
use watchfire_oncall::Place;
use watchfire_oncall::calendar::Calendar;
use watchfire_settings::Secret;

/// Where the ledger keeps the copy of a layer's calendar.
fn key(place: &Place) -> String {
    format!("calendar {} {}", place.layer, place.schedule)
}

impl State {
    /// The last good copy of a calendar, and when it was read; `None` where there is none of that address.
    pub(crate) fn kept_calendar(
        &self,
        place: &Place,
        url: &Secret,
    ) -> Result<Option<(i64, String)>, LedgerError> {
        let text = self.ledger.read(|read| read.meta(&key(place)))?;
        let kept: Option<(String, i64, String)> = text.and_then(|text| serde_json::from_str(&text).ok());
        let own = kept.filter(|(address, ..)| *address == group_identity(url.expose()));
        Ok(own.map(|(_, read_ms, text)| (read_ms, text)))
    }

    /// Keeps a copy of a calendar that was read well; of its address, only a hash.
    pub(crate) fn keep_calendar(
        &mut self,
        place: &Place,
        url: &Secret,
        text: &str,
        now_ms: i64,
    ) -> Result<(), LedgerError> {
        let kept = (group_identity(url.expose()), now_ms, text);
        let kept = serde_json::to_string(&kept).unwrap_or_default();
        self.change(|_, write| write.set_meta(&key(place), &kept))
    }

    /// Who is on call changes by what was read in a calendar.
    pub(crate) fn set_calendar(&mut self, place: &Place, url: &Secret, calendar: Calendar) {
        if let Some(oncall) = self.oncall.with_calendar(place, url, calendar) {
            self.oncall = Arc::new(oncall);
        }
    }
}
