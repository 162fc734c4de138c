//! Two servers' answers to one query, value by value.

use serde_json::Value;
use std::collections::BTreeMap;

/// What stands behind a remark about the beginning of a query.
const NOWHERE: &str = " (1:1)";

/// How far two values may be apart, relative to the larger one.
pub(super) type Tolerance = f64;

/// How many values were compared, or the first difference in words.
///
/// With `words` the texts of errors and remarks must be the same, too.
pub(super) fn compare(
    ours: &Value,
    theirs: &Value,
    tolerance: Tolerance,
    words: bool,
) -> Result<usize, String> {
    if words {
        same_words(ours, theirs)?;
    }
    let status = |answer: &Value| answer["status"].as_str().map(str::to_owned);
    if status(ours) != status(theirs) {
        return Err(format!("ours: {}, theirs: {}", brief(ours), brief(theirs)));
    }
    if status(ours).as_deref() != Some("success") {
        return if ours["errorType"] == theirs["errorType"] {
            Ok(1)
        } else {
            Err(format!("ours: {}, theirs: {}", brief(ours), brief(theirs)))
        };
    }
    let (ours, theirs) = (&ours["data"], &theirs["data"]);
    if ours["resultType"] != theirs["resultType"] {
        return Err(format!("a {}, not a {}", ours["resultType"], theirs["resultType"]));
    }
    match theirs["resultType"].as_str() {
        Some("scalar" | "string") => point("", &ours["result"], &theirs["result"], tolerance),
        _ => series(&ours["result"], &theirs["result"], tolerance),
    }
}

/// Whether errors, warnings and infos are the same; in which order remarks stand is left to each.
fn same_words(ours: &Value, theirs: &Value) -> Result<(), String> {
    for key in ["error", "warnings", "infos"] {
        let list = |answer: &Value| {
            let mut list: Vec<String> = match &answer[key] {
                Value::Array(all) => all.iter().map(ToString::to_string).collect(),
                Value::Null => Vec::new(),
                other => vec![other.to_string()],
            };
            list.iter_mut().for_each(|text| *text = without_chance(text));
            list.sort();
            list
        };
        let (mut found, expected) = (list(ours), list(theirs));
        // Of values that do not go together it tells the last it met of a step; here all are told.
        let told = |text: &String| {
            text.contains("incompatible sample types")
                && expected.iter().any(|expected| expected.contains("incompatible"))
        };
        found.retain(|text| expected.contains(text) || !told(text));
        // Prometheus has forgotten by then where a subquery stood.
        if expected.iter().any(|text| text.contains(NOWHERE)) {
            for text in &mut found {
                let at = text.rfind(" (").unwrap_or(text.len());
                let lost = format!("{}{NOWHERE}", &text[..at]);
                if expected.iter().any(|expected| expected.trim_end_matches('"') == lost) {
                    *text = format!("{lost}\"");
                }
            }
            found.sort();
            found.dedup();
        }
        if found != expected {
            return Err(format!("{key}: ours: {found:?}\n    theirs: {expected:?}"));
        }
    }
    Ok(())
}

/// A text without what each server may tell in another way: how many samples a remark is about, as Prometheus counts them
/// again whenever it brings remarks together, and which series it saw first of those that stand for many.
fn without_chance(text: &str) -> String {
    // Which of the two depends on whether it looked at one step or at all.
    let text =
        text.replace("unexpected number of samples", "vector cannot contain metrics with the same labelset");
    // Which pair is met first, and on which side, is a matter of order.
    let mut text = match text.split_once("found duplicate series for the match group") {
        Some((before, _)) => format!("{before}multiple matches"),
        None => match text.split_once("multiple matches for labels: many-to-one") {
            Some((before, _)) => format!("{before}multiple matches"),
            None => text,
        },
    };
    if let Some(at) = text.find(", over ")
        && let Some(length) = text[at..].find(" samples from")
    {
        text.replace_range(at..at + length, ", over some");
    }
    text
}

fn brief(answer: &Value) -> String {
    let text = if answer["status"] == "success" {
        format!("{} series", answer["data"]["result"].as_array().map_or(0, Vec::len))
    } else {
        format!("{}: {}", answer["errorType"], answer["error"])
    };
    text.chars().take(300).collect()
}

type BySeries<'a> = BTreeMap<String, &'a Value>;

fn by_series(result: &Value) -> BySeries<'_> {
    let list = result.as_array().into_iter().flatten();
    let name = |series: &Value| {
        let labels: BTreeMap<&String, &Value> = series["metric"].as_object().into_iter().flatten().collect();
        format!("{labels:?}")
    };
    list.map(|series| (name(series), series)).collect()
}

fn series(ours: &Value, theirs: &Value, tolerance: Tolerance) -> Result<usize, String> {
    let count = |result: &Value| result.as_array().map_or(0, Vec::len);
    let (found, expected) = (by_series(ours), by_series(theirs));
    if let Some((name, series)) = found.iter().find(|(name, _)| !expected.contains_key(*name)) {
        return Err(format!("only ours: {name}: {:.200}", series.to_string()));
    }
    if let Some((name, series)) = expected.iter().find(|(name, _)| !found.contains_key(*name)) {
        return Err(format!("only theirs: {name}: {:.200}", series.to_string()));
    }
    if count(ours) != count(theirs) {
        return Err(format!("{} series, not {}", count(ours), count(theirs)));
    }
    // An answer without series is one too.
    let mut compared = usize::from(expected.is_empty());
    for (name, expected) in &expected {
        let found = found[name];
        for key in ["value", "histogram"] {
            match (found.get(key), expected.get(key)) {
                (None, None) => {}
                (Some(found), Some(expected)) => compared += point(name, found, expected, tolerance)?,
                (found, _) => {
                    let whose = if found.is_some() { "ours" } else { "theirs" };
                    return Err(format!("{name}: only {whose} has a {key}"));
                }
            }
        }
        for key in ["values", "histograms"] {
            let list = |series: &Value| series[key].as_array().cloned().unwrap_or_default();
            let (found, expected) = (list(found), list(expected));
            if found.len() != expected.len() {
                let ends = |list: &[Value]| {
                    let time = |point: Option<&Value>| point.map_or(Value::Null, |point| point[0].clone());
                    format!("{} from {} to {}", list.len(), time(list.first()), time(list.last()))
                };
                return Err(format!("{name}: {key}: {}; not {}", ends(&found), ends(&expected)));
            }
            for (found, expected) in found.iter().zip(&expected) {
                compared += point(name, found, expected, tolerance)?;
            }
        }
    }
    Ok(compared)
}

fn point(name: &str, found: &Value, expected: &Value, tolerance: Tolerance) -> Result<usize, String> {
    let same = found[0].as_f64() == expected[0].as_f64() && same_value(&found[1], &expected[1], tolerance);
    if same { Ok(1) } else { Err(format!("{name}: {found:.300}, not {expected:.300}")) }
}

/// Numbers in texts within the tolerance; histograms part by part.
fn same_value(found: &Value, expected: &Value, tolerance: Tolerance) -> bool {
    match (found, expected) {
        (Value::String(found), Value::String(expected)) => {
            found == expected
                || matches!((found.parse(), expected.parse()), (Ok(found), Ok(expected)) if close(found, expected, tolerance))
        }
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| same_value(found, expected, tolerance))
        }
        (Value::Object(found), Value::Object(expected)) => {
            found.len() == expected.len()
                && expected.iter().all(|(key, expected)| {
                    found.get(key).is_some_and(|found| same_value(found, expected, tolerance))
                })
        }
        _ => found == expected,
    }
}

fn close(found: f64, expected: f64, tolerance: Tolerance) -> bool {
    found == expected
        || found.is_nan() && expected.is_nan()
        // Next to nothing is what is left of numbers that cancel each other.
        || found.abs().max(expected.abs()) < tolerance * tolerance
        || (found - expected).abs() <= tolerance * found.abs().max(expected.abs())
}
