//! Calendars that other programs serve: where they are, and what was read there last.

use crate::calendar::{Calendar, parse};
use crate::config::OnCall;
use crate::schedule::Source;
use std::time::Duration;
use watchfire_settings::{Problem, Secret};

/// A calendar at an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// The address; a secret, because whoever knows it can read who is on call.
    pub url: Secret,
    /// How often it is read.
    pub refresh: Duration,
    /// What was read there last; empty before.
    pub calendar: Calendar,
}

/// Which layer a calendar is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The schedule's name.
    pub schedule: String,
    /// The layer's number, from 0.
    pub layer: usize,
    /// The layer's name.
    pub name: String,
}

impl OnCall {
    /// The calendars at addresses.
    pub fn remotes(&self) -> Vec<(Place, &Remote)> {
        let layers = self.schedules.iter().flat_map(|schedule| {
            schedule.layers.iter().enumerate().map(move |(number, layer)| (schedule, number, layer))
        });
        let found = layers.filter_map(|(schedule, layer, found)| match &found.source {
            Source::Remote(remote) => {
                Some((Place { schedule: schedule.name.clone(), layer, name: found.name.clone() }, remote))
            }
            _ => None,
        });
        found.collect()
    }

    /// Reads the text of a calendar; the people in it are those of this file.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn read_calendar(&self, text: &str) -> Result<Calendar, Problem> {
        parse(text, |name| {
            let found = self.people.iter().find(|person| {
                person.name.eq_ignore_ascii_case(name) || person.full_name.eq_ignore_ascii_case(name)
            });
            found.map(|person| person.name.clone())
        })
    }

    /// The same with what was read at an address now; `None` where the layer takes its people from elsewhere by now.
    pub fn with_calendar(&self, place: &Place, url: &Secret, calendar: Calendar) -> Option<Self> {
        let mut changed = self.clone();
        let schedule = changed.schedules.iter_mut().find(|schedule| schedule.name == place.schedule)?;
        match &mut schedule.layers.get_mut(place.layer)?.source {
            Source::Remote(remote) if remote.url == *url => remote.calendar = calendar,
            _ => return None,
        }
        Some(changed)
    }
}
