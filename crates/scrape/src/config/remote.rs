//! `remote_write`, which an agent follows, and `remote_read`: read and checked, and without effect yet in a server.

use super::Reading;
use super::client::{ClientConfig, Source, read_plain_headers};
use super::section::Section;
use super::yaml::{Node, Place, Problem};
use crate::relabel::{NameScheme, Rule, read_rules};
use std::time::Duration;

/// `remote_timeout`, unless it is said.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(30);

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

/// One entry of `remote_write`: where samples are sent on to.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteWrite {
    /// What it is called in metrics and logs; empty for its address.
    pub name: String,
    /// The address that takes requests.
    pub url: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// How to reach it, headers of the configuration included.
    pub client: ClientConfig,
    /// Rules for what is sent.
    pub write_relabel_configs: Vec<Rule>,
    /// `send_native_histograms`, on unless it says otherwise: what is measured is not left out in silence.
    pub send_native_histograms: bool,
    /// `send_exemplars`.
    pub send_exemplars: bool,
    /// `metadata_config.send`.
    pub send_metadata: bool,
    /// `queue_config`.
    pub queue: QueueConfig,
}

/// `queue_config`, as far as one queue that keeps the order has use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// The most samples in one request.
    pub max_samples_per_send: usize,
    /// How long a sample waits for others.
    pub batch_send_deadline: Duration,
    /// The first pause after a failure; it doubles up to `max_backoff`.
    pub min_backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
    /// Samples older than this are not sent any more; zero for any age.
    pub sample_age_limit: Duration,
}

/// Prometheus's defaults.
impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_samples_per_send: 2000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            sample_age_limit: Duration::ZERO,
        }
    }
}

impl RemoteWrite {
    /// An address alone, all else at its default.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            name: String::new(),
            url: url.into(),
            timeout: REMOTE_TIMEOUT,
            client: ClientConfig::default(),
            write_relabel_configs: Vec::new(),
            send_native_histograms: true,
            send_exemplars: false,
            send_metadata: true,
            queue: QueueConfig::default(),
        }
    }
}

/// Reads the list `remote_write`.
pub(crate) fn read_write(
    items: Vec<Node>,
    scheme: NameScheme,
    reading: &mut Reading<'_>,
) -> Result<Vec<RemoteWrite>, Problem> {
    let mut names = Names::new("remote_write");
    let mut list = Vec::new();
    for item in items {
        let mut section = Section::open_item(item, "remote write configuration")?;
        let endpoint = take_endpoint(&mut section, &mut names, reading)?;
        let mut write = RemoteWrite {
            name: endpoint.name,
            timeout: endpoint.timeout,
            client: endpoint.client,
            ..RemoteWrite::to(endpoint.url)
        };
        write.write_relabel_configs = read_rules(section.list("write_relabel_configs")?, scheme)?;
        section.choice(
            "protobuf_message",
            &[("prometheus.WriteRequest", ()), ("io.prometheus.write.v2.Request", ())],
        )?;
        if let Some(send) = section.flag("send_exemplars")? {
            write.send_exemplars = send;
        }
        if let Some(send) = section.flag("send_native_histograms")? {
            write.send_native_histograms = send;
        }
        section.flag("round_robin_dns")?;
        if let Some(queue) = section.section("queue_config", "queue configuration")? {
            write.queue = read_queue(queue)?;
        }
        if let Some(mut metadata) = section.section("metadata_config", "metadata configuration")? {
            if let Some(send) = metadata.flag("send")? {
                write.send_metadata = send;
            }
            metadata.duration("send_interval")?;
            metadata.count("max_samples_per_send")?;
            metadata.finish()?;
        }
        let signers = ["sigv4", "azuread", "google_iam"];
        if let (Some(place), Some(_)) =
            (signers.iter().find_map(|name| section.placed(name)), &write.client.credentials)
        {
            let message = "basic_auth, authorization, oauth2, sigv4, azuread and google_iam exclude each other; \
                           expected one of them";
            return Err(Problem::new(place, message));
        }
        section.ignore(&signers);
        section.finish()?;
        list.push(write);
    }
    Ok(list)
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

/// What remote write and remote read have in common.
struct Endpoint {
    name: String,
    url: String,
    timeout: Duration,
    client: ClientConfig,
}

fn take_endpoint(
    section: &mut Section,
    names: &mut Names,
    reading: &mut Reading<'_>,
) -> Result<Endpoint, Problem> {
    let (url, place) = section.required_text("url")?;
    if let Err(error) = reqwest::Url::parse(&url) {
        let message = format!("url is no URL: {error}; expected one such as \"https://host/api/v1/write\"");
        return Err(Problem::new(place, message));
    }
    let mut name = String::new();
    if let Some((given, place)) = section.placed_text("name")?.filter(|(name, _)| !name.is_empty()) {
        names.add(given.clone(), place)?;
        name = given;
    }
    let timeout = section.duration("remote_timeout")?.unwrap_or(REMOTE_TIMEOUT);
    let headers = read_plain_headers(section.take("headers"), &RESERVED_HEADERS)?;
    let mut client = ClientConfig::take(section, reading)?;
    client.headers.extend(headers.into_iter().map(|(name, value)| (name, vec![Source::Inline(value)])));
    Ok(Endpoint { name, url, timeout, client })
}

fn read_queue(mut queue: Section) -> Result<QueueConfig, Problem> {
    let base = QueueConfig::default();
    let mut counts = [None; 3];
    for (name, found) in ["capacity", "max_shards", "max_samples_per_send"].into_iter().zip(&mut counts) {
        let place = queue.has(name).unwrap_or(queue.place());
        *found = queue.count(name)?;
        if *found == Some(0) {
            return Err(Problem::new(place, format!("{name} is 0; expected 1 or more")));
        }
    }
    queue.count("min_shards")?;
    let batch_send_deadline = queue.duration("batch_send_deadline")?;
    let place = queue.has("max_backoff").unwrap_or(queue.place());
    let (least, most) = (queue.duration("min_backoff")?, queue.duration("max_backoff")?);
    if let (Some(least), Some(most)) = (least, most)
        && most < least
    {
        return Err(Problem::new(place, "max_backoff is shorter than min_backoff"));
    }
    queue.flag("retry_on_http_429")?;
    let sample_age_limit = queue.duration("sample_age_limit")?;
    queue.finish()?;
    let most_samples = counts[2].and_then(|count| usize::try_from(count).ok());
    Ok(QueueConfig {
        max_samples_per_send: most_samples.unwrap_or(base.max_samples_per_send),
        batch_send_deadline: batch_send_deadline.unwrap_or(base.batch_send_deadline),
        min_backoff: least.unwrap_or(base.min_backoff),
        max_backoff: most.unwrap_or(base.max_backoff).max(least.unwrap_or_default()),
        sample_age_limit: sample_age_limit.unwrap_or_default(),
    })
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
