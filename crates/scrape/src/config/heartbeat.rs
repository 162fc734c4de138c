//! `heartbeat`: whom to tell, again and again, that all is well.

use std::time::Duration;
use watchfire_settings::client::ClientConfig;
use watchfire_settings::{Node, Problem, Reading, Secret, Section};

/// A dead man's switch: somebody outside who raises the alarm when this address is not called any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// What is called; a secret, because whoever knows it can keep the alarm quiet.
    pub url: Secret,
    /// How often.
    pub interval: Duration,
    /// How long a call may take.
    pub timeout: Duration,
    /// How it is called.
    pub client: ClientConfig,
}

pub(super) fn read(node: Option<Node>, reading: &mut Reading<'_>) -> Result<Option<Heartbeat>, Problem> {
    let Some(node) = node else { return Ok(None) };
    let mut section = Section::open(node, "heartbeat")?;
    let (url, place) = section.required_text("url")?;
    let valid =
        reqwest::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !valid {
        return Err(Problem::new(
            place,
            "url is no address; expected one such as \"https://hc.example/ping/id\"",
        ));
    }
    let interval = section.placed_duration("interval")?;
    if let Some((_, place)) = interval.filter(|(interval, _)| *interval < Duration::from_secs(1)) {
        return Err(Problem::new(place, "interval is shorter than 1s; expected 1s or longer"));
    }
    let heartbeat = Heartbeat {
        url: Secret::new(url),
        interval: interval.map_or(Duration::from_secs(60), |(interval, _)| interval),
        timeout: section
            .duration("timeout")?
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(Duration::from_secs(10)),
        client: ClientConfig::take(&mut section, reading)?,
    };
    section.finish()?;
    Ok(Some(heartbeat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Option<Heartbeat>, String> {
        let node = watchfire_settings::yaml::parse(text)
            .map_err(|problem| problem.in_file(Path::new("f")).to_string())?;
        read(Some(node), &mut Reading::new(Path::new("")))
            .map_err(|problem| problem.in_file(Path::new("f")).to_string())
    }

    #[test]
    fn an_address_is_enough_and_it_is_never_printed() {
        let heartbeat = parse("url: https://hc.example/ping/s3cret").unwrap().unwrap();
        assert_eq!(
            (heartbeat.interval, heartbeat.timeout),
            (Duration::from_secs(60), Duration::from_secs(10))
        );
        assert!(!format!("{heartbeat:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("interval: 1m", "url is missing in heartbeat"),
            ("url: ftp://x", "f:1:6: url is no address"),
            ("url: http://x\ninterval: 1ms", "f:2:11: interval is shorter than 1s"),
            ("url: http://x\nevery: 1m", "unknown key \"every\" in heartbeat"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
    }
}
