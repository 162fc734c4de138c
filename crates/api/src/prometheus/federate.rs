//! `/federate`: the newest sample of every series that is asked for, as an exposition another server scrapes.
//!
//! As in Prometheus: samples older than the lookback and series that ended are left out, every sample tells its time,
//! all types are unknown, external labels are added where a series has none of that name, and `instance=""` where it
//! has none at all, so that the scraping server's own instance does not take its place. Native histograms have no text
//! form and are left out.

use crate::app::App;
use crate::error::ApiError;
use crate::params::Params;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_model::{Labels, METRIC_NAME, Matcher, MetricType, Samples, TimeRange, is_stale};
use watchfire_promql::SelectHints;
use watchfire_wire::exposition::Format;
use watchfire_wire::exposition::write::{Family, Point, Writer};

const INSTANCE: &str = "instance";

pub(crate) async fn federate(State(app): State<Arc<App>>, params: Params) -> Result<Response, ApiError> {
    let selectors = params.selectors("match[]")?;
    let format = Format::Text;
    let body = app.blocking(move |app| {
        Ok(exposition(&newest(app, &selectors)?, &app.control.external_labels(), format))
    });
    Ok(([(header::CONTENT_TYPE, format.content_type())], body.await?).into_response())
}

/// The newest sample of each series, by series.
fn newest(app: &App, selectors: &[Vec<Matcher>]) -> Result<BTreeMap<Labels, (i64, f64)>, ApiError> {
    let now_ms = app.clock.now_ms();
    let lookback_ms = i64::try_from(app.engine.options().lookback.as_millis()).unwrap_or(i64::MAX);
    let range = TimeRange::new(now_ms.saturating_sub(lookback_ms), now_ms);
    let mut found = BTreeMap::new();
    for matchers in selectors {
        let mut stream = app.source.select(matchers, range, &SelectHints::default())?;
        let mut samples = Samples::default();
        while let Some(labels) = stream.next(&mut samples)? {
            let Some(last) = samples.len().checked_sub(1) else { continue };
            if samples.histogram(last).is_some() {
                continue;
            }
            if let (Some(timestamp_ms), Some(value)) =
                (samples.timestamps_ms.get(last), samples.floats.get(last))
                && !is_stale(*value)
                && !labels.metric_name().is_empty()
            {
                found.insert(labels, (*timestamp_ms, *value));
            }
        }
    }
    Ok(found)
}

fn exposition(series: &BTreeMap<Labels, (i64, f64)>, external: &Labels, format: Format) -> String {
    let mut families: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for (labels, (timestamp_ms, value)) in series {
        let own = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let instance = external.get(INSTANCE).is_none().then_some((INSTANCE, ""));
        let added = external.iter().chain(instance).filter(|(name, _)| labels.get(name).is_none());
        let labels_written =
            own.chain(added).map(|(name, value)| (name.to_owned().into(), value.to_owned())).collect();
        families.entry(labels.metric_name()).or_default().push(Point {
            labels: labels_written,
            value: *value,
            timestamp_ms: Some(*timestamp_ms),
            ..Point::default()
        });
    }
    let mut writer = Writer::new(format);
    for (name, points) in families {
        let mut family = Family::new(name.to_owned(), MetricType::Unknown, "");
        family.points = points;
        writer.family(&family);
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_tell_where_they_come_from_without_losing_their_own_labels() {
        let series = BTreeMap::from([
            (Labels::from_pairs([("__name__", "b_total"), ("instance", "x:1"), ("dc", "own")]), (1_000, 2.5)),
            (Labels::from_pairs([("__name__", "a")]), (2_000, f64::NAN)),
        ]);
        let external = Labels::from_pairs([("dc", "here"), ("replica", "0")]);
        assert_eq!(
            exposition(&series, &external, Format::Text),
            "# TYPE a untyped\na{dc=\"here\",replica=\"0\",instance=\"\"} NaN 2000\n\
             # TYPE b_total untyped\nb_total{dc=\"own\",instance=\"x:1\",replica=\"0\"} 2.5 1000\n"
        );
    }
}
