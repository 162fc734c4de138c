//! What the readers of all integrations share.

use crate::notification::Pairs;
use watchfire_settings::client::{ClientConfig, Source, take_source};
use watchfire_settings::{Place, Problem, Reading, Section};

/// A text, or what stands for it.
pub(crate) fn text_or(section: &mut Section, name: &'static str, default: &str) -> Result<String, Problem> {
    Ok(section.text(name)?.unwrap_or_else(|| default.to_owned()))
}

/// A text that must be there and not empty.
pub(crate) fn required(section: &mut Section, name: &'static str) -> Result<String, Problem> {
    section.required_text(name).map(|(text, _)| text)
}

/// The address of a web server, or what stands for it.
pub(crate) fn url_or(section: &mut Section, name: &'static str, default: &str) -> Result<String, Problem> {
    Ok(url(section, name)?.unwrap_or_else(|| default.to_owned()))
}

/// The address of a web server.
pub(crate) fn url(section: &mut Section, name: &'static str) -> Result<Option<String>, Problem> {
    let Some((url, place)) = section.placed_text(name)?.filter(|(url, _)| !url.is_empty()) else {
        return Ok(None);
    };
    check_url(&url, place)?;
    Ok(Some(url))
}

/// Refuses what is not the address of a web server. A template may become one.
pub(crate) fn check_url(url: &str, place: Place) -> Result<(), Problem> {
    if url.contains("{{") {
        return Ok(());
    }
    let problem = match reqwest::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") => {
            format!("unsupported scheme {:?} for URL; expected http or https", parsed.scheme())
        }
        Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
            "missing host for URL; expected one such as \"https://example.org/hook\"".to_owned()
        }
        Ok(_) => return Ok(()),
        Err(error) => format!("invalid URL: {error}; expected one such as \"https://example.org/hook\""),
    };
    Err(Problem::new(place, problem))
}

/// `host:port`.
pub(crate) fn host_port(section: &mut Section, name: &'static str) -> Result<Option<String>, Problem> {
    let Some((text, place)) = section.placed_text(name)?.filter(|(text, _)| !text.is_empty()) else {
        return Ok(None);
    };
    match text.rsplit_once(':') {
        // The colons of an address stand in brackets.
        Some((host, port)) if !port.is_empty() && (!host.contains(':') || host.starts_with('[')) => {
            Ok(Some(text))
        }
        _ => Err(Problem::new(
            place,
            format!("{name} is {text:?}; expected a host and a port such as \"mail.example.org:587\""),
        )),
    }
}

/// `http_config` of an integration, or the global one.
pub(crate) fn http(
    section: &mut Section,
    global: &ClientConfig,
    reading: &mut Reading<'_>,
) -> Result<ClientConfig, Problem> {
    match section.section("http_config", "HTTP configuration")? {
        Some(mut inner) => {
            let config = ClientConfig::take(&mut inner, reading)?;
            inner.finish()?;
            Ok(config)
        }
        None => Ok(global.clone()),
    }
}

/// A secret of the integration's own, or the global one.
pub(crate) fn secret_or(
    section: &mut Section,
    reading: &mut Reading<'_>,
    (inline, file): (&'static str, &'static str),
    global: &Option<Source>,
    missing: &str,
) -> Result<Source, Problem> {
    let own = take_source(section, reading, inline, file)?.map(|(source, _)| source);
    own.or_else(|| global.clone()).ok_or_else(|| section.problem(missing))
}

/// A secret address: in place it must be one of a web server.
pub(crate) fn secret_url(
    section: &mut Section,
    reading: &mut Reading<'_>,
    inline: &'static str,
    file: &'static str,
) -> Result<Option<Source>, Problem> {
    Ok(match take_source(section, reading, inline, file)? {
        Some((Source::Inline(url), place)) => {
            check_url(url.expose(), place)?;
            Some(Source::Inline(url))
        }
        found => found.map(|(source, _)| source),
    })
}

/// Names and texts.
pub(crate) fn pairs(section: &mut Section, name: &'static str) -> Result<Pairs, Problem> {
    Ok(section.text_map(name)?.into_iter().map(|(key, value)| (key.name, value)).collect())
}

/// A list of mappings whose values are texts, of keys that are known.
pub(crate) fn records(
    section: &mut Section,
    name: &'static str,
    keys: &[&'static str],
    required: &[&'static str],
) -> Result<Vec<Pairs>, Problem> {
    let mut records = Vec::new();
    for item in section.list(name)? {
        let mut inner = Section::open_item(item, name)?;
        let mut record = Pairs::new();
        for key in keys {
            if let Some(text) = inner.text(key)? {
                record.insert((*key).to_owned(), text);
            }
        }
        for key in required {
            if record.get(*key).is_none_or(String::is_empty) {
                return Err(inner.problem(format!("missing {key} in {name}")));
            }
        }
        inner.finish()?;
        records.push(record);
    }
    Ok(records)
}
