//! `storage`, `tracing`, `otlp` and `runtime`: Prometheus's remaining top-level sections.

use super::Reading;
use super::client::{ClientConfig, read_plain_headers};
use super::section::Section;
use super::yaml::{Place, Problem};
use std::time::Duration;

/// `storage`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Storage {
    /// How long samples are kept, instead of what `--storage.tsdb.retention.time` says; never zero.
    pub retention_time: Option<Duration>,
    /// How many bytes are kept, instead of what `--storage.tsdb.retention.size` says; never zero.
    pub retention_size_bytes: Option<u64>,
    /// How late a sample may come. Late samples are always taken; kept for `status/config`.
    pub out_of_order_time_window: Duration,
    /// How many exemplars are kept; the store's default when absent, none with 0.
    pub max_exemplars: Option<u64>,
}

impl Storage {
    pub(crate) fn read(mut section: Section, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        let mut storage = Self::default();
        if let Some(mut tsdb) = section.section("tsdb", "storage configuration")? {
            storage.out_of_order_time_window = tsdb.duration("out_of_order_time_window")?.unwrap_or_default();
            tsdb.number("stale_series_compaction_threshold")?;
            if let Some(mut retention) = tsdb.section("retention", "retention configuration")? {
                storage.retention_time = retention.duration("time")?.filter(|time| !time.is_zero());
                storage.retention_size_bytes = retention.size("size")?.filter(|bytes| *bytes > 0);
                let place = retention.has("percentage");
                if retention.number("percentage")?.is_some_and(|share| share > 0.0)
                    && let Some(place) = place
                {
                    reading.note(place, "retention by percentage of the disk has no effect yet");
                }
                retention.finish()?;
            }
            if let Some(mut encoding) = tsdb.section("chunk_encoding", "chunk encoding")? {
                encoding.choice("floats", &[("xor", ()), ("xor2", ())])?;
                encoding.finish()?;
            }
            tsdb.finish()?;
        }
        if let Some(mut exemplars) = section.section("exemplars", "exemplar storage")? {
            storage.max_exemplars = exemplars.count("max_exemplars")?;
            exemplars.finish()?;
        }
        section.finish()?;
        Ok(storage)
    }
}

/// Checks `tracing`; returns where it stands.
pub(crate) fn check_tracing(mut section: Section, reading: &mut Reading<'_>) -> Result<Place, Problem> {
    let place = section.place();
    section.choice("client_type", &[("grpc", ()), ("http", ())])?;
    section.required_text("endpoint")?;
    section.number("sampling_fraction")?;
    section.flag("insecure")?;
    section.duration("timeout")?;
    section.choice("compression", &[("gzip", ()), ("", ())])?;
    let reserved = [
        "authorization",
        "host",
        "content-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "x-prometheus-remote-write-version",
    ];
    read_plain_headers(section.take("headers"), &reserved)?;
    ClientConfig::take(&mut section, reading)?;
    section.finish()?;
    Ok(place)
}

/// How OTLP names become metric names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TranslationStrategy {
    /// Underscores for whatever is no legacy name, with suffixes for unit and type.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// The same without suffixes.
    UnderscoreEscapingWithoutSuffixes,
    /// Names as they are, with suffixes.
    NoUtf8EscapingWithSuffixes,
    /// Names as they are.
    NoTranslation,
}

/// `otlp`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Otlp {
    /// How names are translated.
    pub translation_strategy: TranslationStrategy,
    /// Resource attributes that become labels.
    pub promote_resource_attributes: Vec<String>,
    /// Whether all of them do, except `ignore_resource_attributes`.
    pub promote_all_resource_attributes: bool,
    /// The exceptions.
    pub ignore_resource_attributes: Vec<String>,
    /// Whether `service.name` and its kin stay in `target_info` too.
    pub keep_identifying_resource_attributes: bool,
    /// Whether explicit-bucket histograms become native ones.
    pub convert_histograms_to_nhcb: bool,
    /// Whether the scope becomes labels.
    pub promote_scope_metadata: bool,
}

impl Otlp {
    pub(crate) fn read(mut section: Section, legacy_names: bool) -> Result<Self, Problem> {
        use TranslationStrategy as T;
        let strategy_place = section.has("translation_strategy").unwrap_or(section.place());
        let strategy = section.choice(
            "translation_strategy",
            &[
                ("UnderscoreEscapingWithSuffixes", T::UnderscoreEscapingWithSuffixes),
                ("UnderscoreEscapingWithoutSuffixes", T::UnderscoreEscapingWithoutSuffixes),
                ("NoUTF8EscapingWithSuffixes", T::NoUtf8EscapingWithSuffixes),
                ("NoTranslation", T::NoTranslation),
            ],
        )?;
        if legacy_names && matches!(strategy, Some(T::NoUtf8EscapingWithSuffixes | T::NoTranslation)) {
            return Err(Problem::new(
                strategy_place,
                "translation_strategy keeps UTF-8 names while metric_name_validation_scheme is \"legacy\"",
            ));
        }
        let otlp = Self {
            translation_strategy: strategy.unwrap_or_default(),
            promote_resource_attributes: attributes(&mut section, "promote_resource_attributes")?,
            promote_all_resource_attributes: section
                .flag("promote_all_resource_attributes")?
                .unwrap_or(false),
            ignore_resource_attributes: attributes(&mut section, "ignore_resource_attributes")?,
            keep_identifying_resource_attributes: section
                .flag("keep_identifying_resource_attributes")?
                .unwrap_or(false),
            convert_histograms_to_nhcb: section.flag("convert_histograms_to_nhcb")?.unwrap_or(false),
            promote_scope_metadata: section.flag("promote_scope_metadata")?.unwrap_or(false),
        };
        section.flag("label_name_underscore_sanitization")?;
        section.flag("label_name_preserve_multiple_underscores")?;
        if otlp.promote_all_resource_attributes && !otlp.promote_resource_attributes.is_empty() {
            return Err(section.problem(
                "promote_all_resource_attributes and promote_resource_attributes exclude each other",
            ));
        }
        if !otlp.promote_all_resource_attributes && !otlp.ignore_resource_attributes.is_empty() {
            return Err(
                section.problem("ignore_resource_attributes needs promote_all_resource_attributes: true")
            );
        }
        section.finish()?;
        Ok(otlp)
    }
}

/// A list of attribute names: blanks around them do not count, none is empty, none stands twice.
fn attributes(section: &mut Section, name: &'static str) -> Result<Vec<String>, Problem> {
    let mut names: Vec<String> = Vec::new();
    for item in section.list(name)? {
        let place = item.place;
        let attribute = super::section::text(item)?.trim().to_owned();
        if attribute.is_empty() || names.contains(&attribute) {
            return Err(Problem::new(place, format!("{attribute:?} in {name} is empty or stands twice")));
        }
        names.push(attribute);
    }
    Ok(names)
}
