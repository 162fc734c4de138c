//! `canary`: alerts sent to receivers on a schedule, to see whether they arrive.

use std::time::Duration;
use watchfire_settings::yaml::Place;
use watchfire_settings::{Node, Problem, Section, section};

/// The shortest interval: a canary needs time to begin, to arrive and to end.
const SHORTEST: Duration = Duration::from_secs(10);

/// Which receivers are sent a canary, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// These receivers, with their places in the file; every one that tells somebody, where there are none.
    pub receivers: Vec<(String, Place)>,
    /// How often: at whole multiples since 1970, UTC.
    pub interval: Duration,
    /// How long after those.
    pub offset: Duration,
    /// How long a receiver has to confirm.
    pub within: Duration,
    /// Where the section stands.
    pub place: Place,
}

pub(super) fn read(node: Option<Node>) -> Result<Option<Canary>, Problem> {
    let Some(node) = node else { return Ok(None) };
    let place = node.place;
    let mut section = Section::open(node, "canary")?;
    let mut receivers: Vec<(String, Place)> = Vec::new();
    for item in section.list("receivers")? {
        let place = item.place;
        let name = section::text(item)?;
        if receivers.iter().any(|(known, _)| *known == name) {
            return Err(Problem::new(place, format!("receiver {name:?} stands twice in canary")));
        }
        receivers.push((name, place));
    }
    let interval = section.placed_duration("interval")?;
    if let Some((_, place)) = interval.filter(|(interval, _)| *interval < SHORTEST) {
        return Err(Problem::new(place, "interval is shorter than 10s; expected 10s or longer"));
    }
    let interval = interval.map_or(Duration::from_secs(24 * 60 * 60), |(interval, _)| interval);
    let offset = section.placed_duration("offset")?;
    if let Some((_, place)) = offset.filter(|(offset, _)| *offset >= interval) {
        return Err(Problem::new(place, "offset is not shorter than interval; expected a shorter one"));
    }
    let within = section.placed_duration("within")?;
    if let Some((_, place)) = within.filter(|(within, _)| within.is_zero() || *within >= interval) {
        return Err(Problem::new(place, "within is 0 or not shorter than interval; expected less than that"));
    }
    let usual = Duration::from_secs(5 * 60).min(interval / 2);
    section.finish()?;
    Ok(Some(Canary {
        receivers,
        interval,
        offset: offset.map(|(offset, _)| offset).unwrap_or_default(),
        within: within.map_or(usual, |(within, _)| within),
        place,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Option<Canary>, String> {
        let told = |problem: Problem| problem.in_file(Path::new("f")).to_string();
        read(Some(watchfire_settings::yaml::parse(text).map_err(told)?)).map_err(told)
    }

    #[test]
    fn once_a_day_to_everybody_is_what_an_empty_section_says() {
        let canary = parse("{}").unwrap().unwrap();
        assert_eq!(canary.receivers, []);
        assert_eq!(canary.interval, Duration::from_secs(86_400));
        assert_eq!((canary.offset, canary.within), (Duration::ZERO, Duration::from_secs(300)));
        let short = parse("interval: 1m").unwrap().unwrap();
        assert_eq!(short.within, Duration::from_secs(30), "it is over before the next one");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("interval: 5s", "f:1:11: interval is shorter than 10s"),
            ("interval: 1h\noffset: 1h", "f:2:9: offset is not shorter than interval"),
            ("interval: 1h\nwithin: 2h", "f:2:9: within is 0 or not shorter"),
            ("receivers: [a, b, a]", "f:1:19: receiver \"a\" stands twice in canary"),
            ("every: 1m", "unknown key \"every\" in canary"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }
}
