//! `remote_write` and `remote_read`: read and checked, and without effect yet.

use super::Reading;
use super::client::{ClientConfig, read_plain_headers};
use super::section::Section;
use super::yaml::{Node, Place, Problem};
use crate::relabel::{NameScheme, read_rules};

const RESERVED_HEADERS: [&str; 8] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
];

/// Checks the list `remote_write`.
pub(crate) fn check_write(
    items: Vec<Node>,
    scheme: NameScheme,
    reading: &mut Reading<'_>,
) -> Result<(), Problem> {
    let mut names = Names::new("remote_write");
    for item in items {
        let mut section = Section::open_item(item, "remote write configuration")?;
        take_endpoint(&mut section, &mut names, reading)?;
        read_rules(section.list("write_relabel_configs")?, scheme)?;
        section.choice(
            "protobuf_message",
            &[("prometheus.WriteRequest", ()), ("io.prometheus.write.v2.Request", ())],
        )?;
        for flag in ["send_exemplars", "send_native_histograms", "round_robin_dns"] {
            section.flag(flag)?;
        }
        if let Some(queue) = section.section("queue_config", "queue configuration")? {
            check_queue(queue)?;
        }
        if let Some(mut metadata) = section.section("metadata_config", "metadata configuration")? {
            metadata.flag("send")?;
            metadata.duration("send_interval")?;
            metadata.count("max_samples_per_send")?;
            metadata.finish()?;
        }
        section.ignore(&["sigv4", "azuread", "google_iam"]);
        section.finish()?;
    }
    Ok(())
}

/// Checks the list `remote_read`.
pub(crate) fn check_read(items: Vec<Node>, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let mut names = Names::new("remote_read");
    for item in items {
        let mut section = Section::open_item(item, "remote read configuration")?;
        take_endpoint(&mut section, &mut names, reading)?;
        section.flag("read_recent")?;
        section.flag("filter_external_labels")?;
        section.count("chunked_read_limit")?;
        section.text_map("required_matchers")?;
        section.finish()?;
    }
    Ok(())
}

fn take_endpoint(section: &mut Section, names: &mut Names, reading: &mut Reading<'_>) -> Result<(), Problem> {
    section.required_text("url")?;
    if let Some((name, place)) = section.placed_text("name")?.filter(|(name, _)| !name.is_empty()) {
        names.add(name, place)?;
    }
    section.duration("remote_timeout")?;
    read_plain_headers(section.take("headers"), &RESERVED_HEADERS)?;
    ClientConfig::take(section, reading)?;
    Ok(())
}

fn check_queue(mut queue: Section) -> Result<(), Problem> {
    for name in ["capacity", "max_shards", "max_samples_per_send"] {
        let place = queue.has(name).unwrap_or(queue.place());
        if queue.count(name)? == Some(0) {
            return Err(Problem::new(place, format!("{name} is 0; expected 1 or more")));
        }
    }
    queue.count("min_shards")?;
    queue.duration("batch_send_deadline")?;
    let place = queue.has("max_backoff").unwrap_or(queue.place());
    let (least, most) = (queue.duration("min_backoff")?, queue.duration("max_backoff")?);
    if let (Some(least), Some(most)) = (least, most)
        && most < least
    {
        return Err(Problem::new(place, "max_backoff is shorter than min_backoff"));
    }
    queue.flag("retry_on_http_429")?;
    queue.duration("sample_age_limit")?;
    queue.finish()
}

/// Names that may stand once.
struct Names {
    list: &'static str,
    seen: Vec<String>,
}

impl Names {
    fn new(list: &'static str) -> Self {
        Self { list, seen: Vec::new() }
    }

    fn add(&mut self, name: String, place: Place) -> Result<(), Problem> {
        if self.seen.contains(&name) {
            return Err(Problem::new(place, format!("the name {name:?} stands twice in {}", self.list)));
        }
        self.seen.push(name);
        Ok(())
    }
}
