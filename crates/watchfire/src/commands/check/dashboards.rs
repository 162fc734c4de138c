//! `watchfire check dashboards`: whether every panel of a Grafana dashboard can be drawn, and every query be read.

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::Path;
use watchfire_promql::ParseOptions;

/// The kinds of panel the web UI draws, and the old kinds it turns into them. The first list is `DRAWN_KINDS` of
/// `ui/src/dashboard/kinds.ts`; a test compares them.
const DRAWN: [&str; 11] = [
    "timeseries",
    "stat",
    "gauge",
    "bargauge",
    "table",
    "heatmap",
    "histogram",
    "piechart",
    "state-timeline",
    "status-history",
    "text",
];
const MIGRATED: [&str; 4] = ["graph", "singlestat", "table-old", "grafana-piechart-panel"];
/// Data sources that speak PromQL, and those that stand for a choice among several.
const METRIC_SOURCES: [&str; 5] =
    ["prometheus", "victoriametrics-metrics-datasource", "datasource", "grafana", "mixed"];

/// A dashboard as far as its panels go; what it was exported in is taken off first.
#[derive(Deserialize)]
struct Dashboard<'a> {
    #[serde(borrow, default)]
    panels: Vec<&'a RawValue>,
    /// Where panels stood before Grafana 5.
    #[serde(borrow, default)]
    rows: Vec<OldRow<'a>>,
    /// Grafana's second schema, which is another format altogether.
    #[serde(borrow, default)]
    elements: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OldRow<'a> {
    #[serde(borrow, default)]
    panels: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    dashboard: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Panel<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(borrow, default)]
    datasource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    targets: Option<Vec<&'a RawValue>>,
    /// Those of a collapsed row.
    #[serde(borrow, default)]
    panels: Option<Vec<&'a RawValue>>,
    #[serde(rename = "libraryPanel", borrow, default)]
    library: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Target<'a> {
    #[serde(default)]
    expr: Option<String>,
    #[serde(borrow, default)]
    datasource: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

/// Judges one file. The error names every panel that cannot be drawn, each with its line.
pub(super) fn judge(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let report = report(&text).with_context(|| file.display().to_string())?;
    if report.problems.is_empty() {
        return Ok(format!("{} panels, {} queries", report.panels, report.queries));
    }
    for (line, problem) in &report.problems {
        eprintln!("{}:{line}: {problem}", file.display());
    }
    bail!("{}: not all of it can be drawn, for the reasons above", file.display())
}

/// What was found in a dashboard.
#[derive(Debug, Default)]
struct Report {
    panels: usize,
    queries: usize,
    /// With the line each begins in.
    problems: Vec<(usize, String)>,
}

fn report(text: &str) -> anyhow::Result<Report> {
    let whole: &RawValue = serde_json::from_str(text)?;
    let mut inner = whole;
    // An export by the API wraps the dashboard, a resource of version 1 too.
    if let Ok(Envelope { dashboard, spec }) = serde_json::from_str::<Envelope<'_>>(whole.get()) {
        inner = dashboard.or(spec).unwrap_or(whole);
    }
    let dashboard: Dashboard<'_> = serde_json::from_str(inner.get())?;
    if dashboard.elements.is_some() {
        bail!("this is Grafana's dashboard schema 2, which is not read; export it as schema 1");
    }
    let mut report = Report::default();
    for panel in dashboard.panels.iter().chain(dashboard.rows.iter().flat_map(|row| &row.panels)) {
        look_at(text, panel, &mut report);
    }
    Ok(report)
}

fn look_at(text: &str, raw: &RawValue, report: &mut Report) {
    let line = line_of(text, raw);
    let panel: Panel<'_> = match serde_json::from_str(raw.get()) {
        Ok(panel) => panel,
        Err(fault) => return report.problems.push((line, format!("this is not a panel: {fault}"))),
    };
    if panel.kind == "row" {
        for inner in panel.panels.iter().flatten() {
            look_at(text, inner, report);
        }
        return;
    }
    report.panels += 1;
    let name = match panel.title.as_deref() {
        None | Some("") => format!("the {} panel without a title", panel.kind),
        Some(title) => format!("the panel {title:?}"),
    };
    if panel.library.is_some() && panel.kind.is_empty() {
        return report
            .problems
            .push((line, format!("{name} is a library panel, whose content is in another file; unlink it")));
    }
    if !DRAWN.contains(&panel.kind.as_str()) && !MIGRATED.contains(&panel.kind.as_str()) {
        return report.problems.push((
            line,
            format!(
                "{name} is of the type {:?}, which is not drawn; drawn are {}",
                panel.kind,
                DRAWN.join(", ")
            ),
        ));
    }
    let targets = panel.targets.unwrap_or_default();
    let parsed: Vec<(usize, Target<'_>)> = targets
        .iter()
        .filter_map(|target| Some((line_of(text, target), serde_json::from_str(target.get()).ok()?)))
        .collect();
    let sources = std::iter::once(panel.datasource).chain(parsed.iter().map(|(_, target)| target.datasource));
    if let Some(foreign) = sources.flatten().find_map(foreign_source) {
        return report.problems.push((
            line,
            format!("{name} asks a data source of the type {foreign:?}; only PromQL is answered here"),
        ));
    }
    for (line, target) in parsed {
        let Some(expr) = target.expr.filter(|expr| !expr.trim().is_empty()) else { continue };
        report.queries += 1;
        if let Some(fault) = fault_of(&expr) {
            report.problems.push((line, format!("{name}: {fault} in {expr:?}")));
        }
    }
}

fn foreign_source(source: &RawValue) -> Option<String> {
    let kind = serde_json::from_str::<Source>(source.get()).ok()?.kind?;
    let ours = kind.is_empty() || kind.starts_with('$') || METRIC_SOURCES.contains(&kind.as_str());
    (!ours).then_some(kind)
}

/// The line on which a piece of the text begins, from 1.
fn line_of(text: &str, piece: &RawValue) -> usize {
    let offset = (piece.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// What a variable may stand for where its place does not say.
const FREE: [&str; 4] = ["x", "1", "5m", "by"];
/// So many such variables of one query are tried in every combination; of more, all stand for the same.
const MOST_TRIED: u32 = 3;

/// What is wrong with a query, whatever its variables may stand for: inside quotes a word, in brackets a duration,
/// elsewhere a name, a number or a duration, whichever makes sense.
fn fault_of(expr: &str) -> Option<String> {
    let mut names = Vec::new();
    filled(expr, |name| {
        if !names.contains(&name) {
            names.push(name);
        }
        ""
    });
    let tried = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let combinations = FREE.len().pow(if tried > MOST_TRIED { 1 } else { tried });
    let mut first = None;
    for combination in 0..combinations {
        let choose = |name: &str| {
            let place =
                if tried > MOST_TRIED { 0 } else { names.iter().position(|one| *one == name).unwrap_or(0) };
            FREE.iter()
                .cycle()
                .nth(combination / FREE.len().pow(u32::try_from(place).unwrap_or(0)))
                .copied()
                .unwrap_or("x")
        };
        match watchfire_promql::parse(&filled(expr, choose), ParseOptions::default()) {
            Ok(_) => return None,
            Err(fault) => _ = first.get_or_insert(fault.to_string()),
        }
    }
    first
}

/// The query with each variable replaced; `free` says by what where its place does not.
fn filled<'a>(expr: &'a str, mut free: impl FnMut(&'a str) -> &'static str) -> String {
    let mut out = String::with_capacity(expr.len());
    let mut quote = None;
    let mut brackets = 0_usize;
    let mut rest = expr;
    while let Some(letter) = rest.chars().next() {
        if let Some((name, length)) = variable(rest) {
            out.push_str(match name {
                _ if quote.is_some() => "x",
                "__from" | "__to" | "__interval_ms" | "__rate_interval_ms" | "__range_ms" | "__range_s" => {
                    "300"
                }
                name if brackets > 0 || name.starts_with("__") => "5m",
                name => free(name),
            });
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let mut length = letter.len_utf8();
        match letter {
            // What is escaped ends nothing.
            '\\' if quote.is_some_and(|quote| quote != '`') => {
                length += rest.get(1..).and_then(|after| after.chars().next()).map_or(0, char::len_utf8);
            }
            '"' | '\'' | '`' if quote.is_none() => quote = Some(letter),
            _ if quote == Some(letter) => quote = None,
            '[' if quote.is_none() => brackets += 1,
            ']' if quote.is_none() => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        let (piece, after) = rest.split_at(length);
        out.push_str(piece);
        rest = after;
    }
    out
}

/// The variable a text begins with, and its length: `$name`, `${name}`, `${name:format}`, `[[name]]`.
fn variable(text: &str) -> Option<(&str, usize)> {
    let word =
        |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    for (open, close) in [("${", "}"), ("[[", "]]")] {
        if let Some(inner) = text.strip_prefix(open) {
            let length = word(inner);
            let end = inner.find(close)?;
            return (length > 0).then(|| (&inner[..length], open.len() + end + close.len()));
        }
    }
    let inner = text.strip_prefix('$')?;
    let length = word(inner);
    (length > 0).then(|| (&inner[..length], 1 + length))
}

#[cfg(test)]
mod tests;
