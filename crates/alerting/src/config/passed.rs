//! Sections that are judged and change nothing here: `tracing` and `event_recorder`. The ledger records every event.

use watchfire_settings::client::ClientConfig;
use watchfire_settings::yaml::Node;
use watchfire_settings::{Problem, Reading, Section};

pub(super) fn take(root: &mut Section, reading: &mut Reading<'_>, problems: &mut Vec<Problem>) {
    if let Some((key, node)) = root.take_with_key("tracing") {
        match tracing(node, reading) {
            Ok(()) => reading.note(key.place, "tracing has no effect: Watchfire sends no spans of its own"),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some((key, node)) = root.take_with_key("event_recorder") {
        match recorder(node, reading) {
            Ok(()) => reading.note(key.place, "event_recorder has no effect: events are in the ledger"),
            Err(problem) => problems.push(problem),
        }
    }
}

fn tracing(node: Node, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let mut section = Section::open(node, "tracing configuration")?;
    section.choice("client_type", &[("grpc", ()), ("http", ())])?;
    let endpoint = section.text("endpoint")?.unwrap_or_default();
    section.number("sampling_fraction")?;
    section.flag("insecure")?;
    section.choice("compression", &[("", ()), ("gzip", ())])?;
    section.duration("timeout")?;
    // With values as those of `http_headers`, or plain.
    section.take("headers");
    section.take("http_headers");
    tls(&mut section, reading)?;
    if endpoint.is_empty() {
        return Err(section.problem("tracing endpoint must be set; expected a key 'endpoint'"));
    }
    section.finish()
}

/// Reads `tls_config` as the clients of receivers do.
fn tls(section: &mut Section, reading: &mut Reading<'_>) -> Result<(), Problem> {
    ClientConfig::take(section, reading).map(|_| ())
}

fn recorder(node: Node, reading: &mut Reading<'_>) -> Result<(), Problem> {
    let mut section = Section::open(node, "event recorder configuration")?;
    for item in section.list("file_outputs")? {
        let mut output = Section::open_item(item, "file output")?;
        output.required_text("path")?;
        output.finish()?;
    }
    for item in section.list("stdout_outputs")? {
        Section::open(item, "output to standard output")?.finish()?;
    }
    for item in section.list("webhook_outputs")? {
        webhook(&mut Section::open_item(item, "webhook output")?, reading)?;
    }
    for item in section.list("kafka_outputs")? {
        kafka(&mut Section::open_item(item, "kafka output")?, reading)?;
    }
    // As they were written before they were lists by kind.
    for item in section.list("outputs")? {
        let mut output = Section::open_item(item, "output")?;
        match output.choice("type", &[("file", 0), ("webhook", 1), ("kafka", 2), ("stdout", 3)])? {
            Some(0) => {
                output.required_text("path")?;
                output.finish()?;
            }
            Some(1) => webhook(&mut output, reading)?,
            Some(2) => kafka(&mut output, reading)?,
            Some(_) => output.finish()?,
            None => return Err(output.problem("unknown event_recorder output type; expected a key 'type'")),
        }
    }
    section.finish()
}

fn webhook(output: &mut Section, reading: &mut Reading<'_>) -> Result<(), Problem> {
    if output.text("url_file")?.is_none() {
        output.required_text("url")?;
    } else {
        output.text("url")?;
    }
    if let Some(mut http) = output.section("http_config", "HTTP configuration")? {
        ClientConfig::take(&mut http, reading)?;
        http.finish()?;
    }
    output.duration("timeout")?;
    output.count("workers")?;
    output.count("max_retries")?;
    output.duration("retry_backoff")?;
    end(output)
}

fn kafka(output: &mut Section, reading: &mut Reading<'_>) -> Result<(), Problem> {
    if output.texts("brokers")?.is_empty() {
        return Err(output.problem("kafka output without brokers; expected a list 'brokers'"));
    }
    output.required_text("topic")?;
    output.text("client_id")?;
    output.choice("format", &[("json", ()), ("protobuf", ())])?;
    output.choice("acks", &[("none", ()), ("leader", ()), ("all", ())])?;
    output.choice(
        "compression",
        &[("", ()), ("none", ()), ("gzip", ()), ("snappy", ()), ("lz4", ()), ("zstd", ())],
    )?;
    output.count("buffer_size")?;
    tls(output, reading)?;
    end(output)
}

/// Ends a section that is only borrowed.
fn end(section: &mut Section) -> Result<(), Problem> {
    match section.take_where(|_| true).first() {
        Some((key, _)) => Err(Problem::new(key.place, format!("unknown key {:?} in output", key.name))),
        None => Ok(()),
    }
}
