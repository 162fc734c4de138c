//! Reports of test runs and of coverage: JUnit's and Cobertura's XML, and LCOV's lines.

use crate::xml::{Part, Walk, attribute};
use std::collections::BTreeMap;

/// No more suites than this are told apart; the others are counted as `other`.
const MOST_SUITES: usize = 500;
/// A test that says it took longer, some thirty thousand years, is not believed.
const MOST_SECONDS: f64 = 1e12;

/// How many tests of a suite went how.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Suite {
    /// As they should.
    pub passed: u64,
    /// Not as expected.
    pub failed: u64,
    /// Not at all.
    pub errors: u64,
    /// Not run.
    pub skipped: u64,
    /// How long all of them took, in seconds.
    pub seconds: f64,
}

/// How much was run by tests: what was run and what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Covered {
    /// Run at least once.
    pub hit: u64,
    /// All there are.
    pub total: u64,
}

/// What tests cover.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Lines.
    pub lines: Covered,
    /// Branches.
    pub branches: Covered,
    /// Functions, which only LCOV counts.
    pub functions: Covered,
}

/// Reads JUnit's XML: the tests by suite. Tests are counted one by one, since the totals of many writers are wrong.
///
/// # Errors
/// What is no XML, or tells of no test.
pub fn junit(text: &str) -> Result<BTreeMap<String, Suite>, String> {
    let mut suites: BTreeMap<String, Suite> = BTreeMap::new();
    let mut walk = Walk::new(text);
    // The suites that are open, innermost last, and what is known of the test that is.
    let mut open: Vec<String> = Vec::new();
    let mut test: Option<(f64, Outcome)> = None;
    let (mut has_root, mut depth) = (false, 0_usize);
    while let Some(part) = walk.next().map_err(|error| error.to_string())? {
        match part {
            Part::Open { name, attributes, is_empty } => {
                match name {
                    "testsuites" => has_root = true,
                    "testsuite" => {
                        has_root = true;
                        if !is_empty {
                            open.push(attribute(attributes, "name").unwrap_or_default());
                        }
                    }
                    "testcase" => {
                        let seconds =
                            attribute(attributes, "time").and_then(|time| time.replace(',', "").parse().ok());
                        let seconds = seconds.filter(|seconds: &f64| (0.0..MOST_SECONDS).contains(seconds));
                        test = Some((seconds.unwrap_or(0.0), Outcome::Passed));
                        if is_empty {
                            count(&mut suites, open.last(), test.take());
                        }
                    }
                    "failure" | "error" | "skipped" => {
                        if let Some((_, outcome)) = &mut test {
                            *outcome = (*outcome).max(Outcome::of(name));
                        }
                    }
                    _ => {}
                }
                depth += usize::from(!is_empty);
            }
            Part::Close(name) => {
                depth = depth.saturating_sub(1);
                match name {
                    "testcase" => count(&mut suites, open.last(), test.take()),
                    "testsuite" => {
                        open.pop();
                    }
                    _ => {}
                }
            }
        }
    }
    if !has_root {
        return Err("it has no testsuites or testsuite element, and so is no JUnit report".to_owned());
    }
    if depth > 0 {
        return Err("it ends before its elements do".to_owned());
    }
    Ok(suites)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    Skipped,
    Failed,
    Error,
}

impl Outcome {
    fn of(element: &str) -> Self {
        match element {
            "skipped" => Self::Skipped,
            "failure" => Self::Failed,
            _ => Self::Error,
        }
    }
}

fn count(suites: &mut BTreeMap<String, Suite>, suite: Option<&String>, test: Option<(f64, Outcome)>) {
    let Some((seconds, outcome)) = test else { return };
    let name = suite.map_or("", String::as_str);
    let is_known = suites.contains_key(name) || suites.len() < MOST_SUITES;
    let suite = suites.entry(if is_known { name.to_owned() } else { "other".to_owned() }).or_default();
    suite.seconds += seconds;
    match outcome {
        Outcome::Passed => suite.passed += 1,
        Outcome::Skipped => suite.skipped += 1,
        Outcome::Failed => suite.failed += 1,
        Outcome::Error => suite.errors += 1,
    }
}

/// Reads Cobertura's XML: the totals of its root, or its rates where it gives no totals.
///
/// # Errors
/// What is no XML, or no such report.
pub fn cobertura(text: &str) -> Result<Coverage, String> {
    let mut walk = Walk::new(text);
    while let Some(part) = walk.next().map_err(|error| error.to_string())? {
        let Part::Open { name: "coverage", attributes, .. } = part else { continue };
        let number = |name: &str| attribute(attributes, name).and_then(|text| text.parse::<u64>().ok());
        let rate = |name: &str| {
            let rate = attribute(attributes, name).and_then(|text| text.parse::<f64>().ok());
            rate.filter(|rate| (0.0..=1.0).contains(rate))
        };
        let covered = |hit: &str, total: &str, of: &str| match (number(hit), number(total), rate(of)) {
            (Some(hit), Some(total), _) if hit <= total => Covered { hit, total },
            // A rate alone: out of ten thousand.
            (_, _, Some(rate)) => Covered { hit: (rate * 10_000.0).round() as u64, total: 10_000 },
            _ => Covered::default(),
        };
        let coverage = Coverage {
            lines: covered("lines-covered", "lines-valid", "line-rate"),
            branches: covered("branches-covered", "branches-valid", "branch-rate"),
            functions: Covered::default(),
        };
        if coverage.lines.total == 0 && attribute(attributes, "line-rate").is_none() {
            return Err("its coverage element tells neither line-rate nor lines-valid".to_owned());
        }
        return Ok(coverage);
    }
    Err("it has no coverage element, and so is no Cobertura report".to_owned())
}

/// Reads LCOV's tracefile: the sums over all files.
///
/// # Errors
/// A line that is not of this format, with its number.
pub fn lcov(text: &str) -> Result<Coverage, String> {
    let mut coverage = Coverage::default();
    let mut records = 0;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "end_of_record" {
            records += 1;
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            return Err(format!(
                "line {}: found {:?}, expected a line such as LF:10",
                index + 1,
                shortened(line)
            ));
        };
        let total = match key {
            "LF" => &mut coverage.lines.total,
            "LH" => &mut coverage.lines.hit,
            "BRF" => &mut coverage.branches.total,
            "BRH" => &mut coverage.branches.hit,
            "FNF" => &mut coverage.functions.total,
            "FNH" => &mut coverage.functions.hit,
            _ => continue,
        };
        let number: u64 = value
            .trim()
            .parse()
            .map_err(|_| format!("line {}: found {:?}, expected a number", index + 1, shortened(value)))?;
        *total = total.saturating_add(number);
    }
    if records == 0 {
        return Err("it has no end_of_record, and so is no LCOV tracefile".to_owned());
    }
    for (what, covered) in
        [("lines", coverage.lines), ("branches", coverage.branches), ("functions", coverage.functions)]
    {
        if covered.hit > covered.total {
            return Err(format!("of {} {what} it says that {} were run", covered.total, covered.hit));
        }
    }
    Ok(coverage)
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
