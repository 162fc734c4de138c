//! The script language: lines to commands.

use super::expand::{self, Line};
use watchfire_model::{SampleValue, duration};

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {message}")]
pub struct ScriptError {
    /// The line, from one.
    pub line: usize,
    /// What was found, and what was expected.
    pub message: String,
}

/// One command.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// `clear`: forget all series.
    Clear,
    /// `load 1m` with its series.
    Load(Load),
    /// `eval …` with what is expected.
    Eval(Box<Eval>),
}

/// Series to add.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// Distance between samples in milliseconds.
    pub(super) step_ms: i64,
    /// Also add the classic histograms among them as native ones.
    pub(super) with_nhcb: bool,
    /// The series.
    pub(super) series: Vec<Line>,
}

/// When a query is asked, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Instant(i64),
    Range { start_ms: i64, end_ms: i64, step_ms: i64 },
}

/// A query and what is expected of it.
#[derive(Clone, Debug)]
pub(super) struct Eval {
    pub(super) line: usize,
    pub(super) expr: String,
    pub(super) when: When,
    pub(super) fail: Option<Vec<Pattern>>,
    pub(super) ordered: bool,
    pub(super) warnings: Annotations,
    pub(super) infos: Annotations,
    pub(super) value: Expected,
}

/// The value expected.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// These series; of an instant query, with one value each.
    Series(Vec<Line>),
    /// These series with samples from `start_ms` on, from a query that gives a range vector.
    RangeVector { start_ms: i64, step_ms: i64, series: Vec<Line> },
    /// One number.
    Scalar(f64),
    /// A text.
    String(String),
}

/// What a script expects of the annotations of one kind.
#[derive(Clone, Debug, Default)]
pub(super) enum Annotations {
    /// Nothing is said.
    #[default]
    Any,
    /// There must be none.
    None,
    /// Each must match one of these, and each of these one of them.
    These(Vec<Pattern>),
}

/// How a text is recognised.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// Any text.
    Any,
    /// This text.
    Exactly(String),
    /// A text in which this is found.
    Regex(regex::Regex),
}

impl Pattern {
    /// Whether a text is one of those meant.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(expected) => expected == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl Annotations {
    fn expect(&mut self, pattern: Pattern) {
        match self {
            Self::These(patterns) => patterns.push(pattern),
            Self::Any | Self::None => *self = Self::These(vec![pattern]),
        }
    }
}

/// Reads a script.
pub(super) fn parse(text: &str) -> Result<Vec<Command>, ScriptError> {
    let mut lines = Lines { lines: text.lines().map(clean).collect(), next: 0 };
    let mut commands = Vec::new();
    while let Some((number, line)) = lines.take() {
        if line.is_empty() {
            continue;
        }
        let word = line.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        if word == "clear" {
            commands.push(Command::Clear);
        } else if word.starts_with("load") {
            commands.push(Command::Load(parse_load(number, line, &mut lines)?));
        } else if word.starts_with("eval") {
            commands.push(Command::Eval(Box::new(parse_eval(number, line, &mut lines)?)));
        } else {
            return Err(error(number, format!("unknown command {word:?}; expected clear, load or eval")));
        }
    }
    Ok(commands)
}

/// A line without surrounding space; a comment is an empty line.
fn clean(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with('#') { "" } else { line }
}

struct Lines<'a> {
    lines: Vec<&'a str>,
    next: usize,
}

impl<'a> Lines<'a> {
    fn take(&mut self) -> Option<(usize, &'a str)> {
        let line = self.lines.get(self.next)?;
        self.next += 1;
        Some((self.next, line))
    }

    /// The next line of the block that has begun.
    fn take_in_block(&mut self) -> Option<(usize, &'a str)> {
        self.lines.get(self.next).filter(|line| !line.is_empty())?;
        self.take()
    }
}

fn error(line: usize, message: impl Into<String>) -> ScriptError {
    ScriptError { line, message: message.into() }
}

fn parse_load(number: usize, line: &str, lines: &mut Lines<'_>) -> Result<Load, ScriptError> {
    let (command, step) = next_word(line);
    let with_nhcb = match command.to_ascii_lowercase().as_str() {
        "load" => false,
        "load_with_nhcb" => true,
        _ => {
            return Err(error(
                number,
                format!("unknown command {command:?}; expected load or load_with_nhcb"),
            ));
        }
    };
    let step_ms = parse_time(number, step)?;
    let mut series = Vec::new();
    let mut start_times: Option<(usize, expand::StartTimes)> = None;
    while let Some((number, line)) = lines.take_in_block() {
        if let Some(parsed) = expand::parse_start_times(line).map_err(|reason| error(number, reason))? {
            start_times = Some((number, parsed));
            continue;
        }
        let mut parsed = expand::parse_line(line).map_err(|reason| error(number, reason))?;
        if let Some((at, times)) = start_times.take() {
            if times.labels != parsed.labels || times.offsets_ms.len() != parsed.values.len() {
                return Err(error(
                    at,
                    "start timestamps do not fit the next line; expected the same series with as many samples",
                ));
            }
            parsed.start_offsets_ms = times.offsets_ms;
        }
        series.push(parsed);
    }
    match start_times {
        Some((at, _)) => Err(error(at, "start timestamps without a series; expected it on the next line")),
        None => Ok(Load { step_ms, with_nhcb, series }),
    }
}

fn parse_eval(number: usize, line: &str, lines: &mut Lines<'_>) -> Result<Eval, ScriptError> {
    let (command, rest) = next_word(line);
    let (kind, rest) = next_word(rest);
    let (expr, when) = match kind {
        "instant" => {
            let (time_ms, expr) =
                match rest.strip_prefix("at").filter(|rest| rest.starts_with(char::is_whitespace)) {
                    Some(rest) => {
                        let (time, expr) = next_word(rest.trim_start());
                        (parse_time(number, time)?, expr)
                    }
                    None => (0, rest),
                };
            (expr, When::Instant(time_ms))
        }
        "range" => parse_range(number, rest)?,
        _ => return Err(error(number, format!("unknown eval {kind:?}; expected instant or range"))),
    };
    if expr.is_empty() {
        return Err(error(number, "no query after the time"));
    }
    let mut eval = Eval {
        line: number,
        expr: expr.to_owned(),
        when,
        fail: None,
        ordered: false,
        warnings: Annotations::Any,
        infos: Annotations::Any,
        value: Expected::Series(Vec::new()),
    };
    match command.to_ascii_lowercase().as_str() {
        "eval" => {}
        "eval_fail" => eval.fail = Some(Vec::new()),
        "eval_warn" => eval.warnings.expect(Pattern::Any),
        "eval_info" => eval.infos.expect(Pattern::Any),
        "eval_ordered" => eval.ordered = true,
        _ => return Err(error(number, format!("unknown command {command:?}; expected eval"))),
    }
    while let Some((number, line)) = lines.take_in_block() {
        parse_expectation(&mut eval, number, line)?;
    }
    let is_instant = matches!(eval.when, When::Instant(_));
    if let Expected::Series(series) = &eval.value
        && is_instant
        && series.iter().any(|line| line.values.len() > 1)
    {
        return Err(error(number, "several values for one series of an instant query; expected one"));
    }
    Ok(eval)
}

fn parse_range(number: usize, rest: &str) -> Result<(&str, When), ScriptError> {
    let mut rest = rest;
    let mut times = [0; 3];
    for (keyword, time_ms) in ["from", "to", "step"].into_iter().zip(&mut times) {
        let (word, tail) = next_word(rest);
        if word != keyword {
            return Err(error(
                number,
                format!("found {word:?} in the times of a range; expected {keyword:?}"),
            ));
        }
        let (time, tail) = next_word(tail);
        *time_ms = parse_time(number, time)?;
        rest = tail;
    }
    let [start_ms, end_ms, step_ms] = times;
    if end_ms < start_ms || step_ms <= 0 {
        return Err(error(number, "the range ends before it starts, or has no step"));
    }
    Ok((rest, When::Range { start_ms, end_ms, step_ms }))
}

fn parse_expectation(eval: &mut Eval, number: usize, line: &str) -> Result<(), ScriptError> {
    let (word, rest) = next_word(line);
    match word {
        "expect" => return parse_expect(eval, number, rest),
        "expected_fail_message" => {
            eval.fail.get_or_insert_default().push(Pattern::Exactly(rest.to_owned()));
            return Ok(());
        }
        "expected_fail_regexp" => {
            eval.fail.get_or_insert_default().push(regex_pattern(number, rest)?);
            return Ok(());
        }
        _ => {}
    }
    if let Some(value) = expand::parse_number(line) {
        eval.value = Expected::Scalar(value);
        return Ok(());
    }
    let line = expand::parse_line(line).map_err(|reason| error(number, reason))?;
    match &mut eval.value {
        Expected::Series(series) | Expected::RangeVector { series, .. } => series.push(line),
        Expected::Scalar(_) | Expected::String(_) => {
            return Err(error(number, "a series after a number or a text; expected only one of them"));
        }
    }
    Ok(())
}

fn parse_expect(eval: &mut Eval, number: usize, rest: &str) -> Result<(), ScriptError> {
    // The colon may stand right after the kind: `expect fail msg:text`.
    let (kind, rest) = next_word(rest);
    match kind {
        "fail" => eval.fail.get_or_insert_default().push(parse_pattern(number, rest)?),
        "warn" => eval.warnings.expect(parse_pattern(number, rest)?),
        "info" => eval.infos.expect(parse_pattern(number, rest)?),
        "no_warn" => eval.warnings = Annotations::None,
        "no_info" => eval.infos = Annotations::None,
        "ordered" => eval.ordered = true,
        "string" => {
            let text = crate::parser::parse(rest, crate::ParseOptions::default());
            let crate::ast::ExprKind::String(text) =
                text.map_err(|failure| error(number, failure.message))?.kind
            else {
                return Err(error(number, "expected a quoted text"));
            };
            eval.value = Expected::String(text.as_str().to_owned());
        }
        "range" => {
            let (word, rest) = next_word(rest);
            if word != "vector" {
                return Err(error(number, format!("found {word:?} after range; expected \"vector\"")));
            }
            let When::Range { start_ms, step_ms, .. } = parse_range(number, rest)?.1 else {
                return Err(error(number, "expected a range"));
            };
            eval.value = Expected::RangeVector { start_ms, step_ms, series: Vec::new() };
        }
        _ => {
            return Err(error(
                number,
                format!(
                    "unknown expectation {kind:?}; expected fail, warn, info, no_warn, no_info, ordered, string or \
                     range vector"
                ),
            ));
        }
    }
    Ok(())
}

fn parse_pattern(number: usize, rest: &str) -> Result<Pattern, ScriptError> {
    if rest.is_empty() {
        return Ok(Pattern::Any);
    }
    if let Some(text) = rest.strip_prefix("msg:") {
        return Ok(Pattern::Exactly(text.trim().to_owned()));
    }
    match rest.strip_prefix("regex:") {
        Some(regex) => regex_pattern(number, regex.trim()),
        None => Err(error(number, format!("found {rest:?}; expected msg:TEXT or regex:REGEX"))),
    }
}

fn regex_pattern(number: usize, regex: &str) -> Result<Pattern, ScriptError> {
    regex::Regex::new(regex).map(Pattern::Regex).map_err(|failure| error(number, failure.to_string()))
}

fn next_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn parse_time(number: usize, text: &str) -> Result<i64, ScriptError> {
    let text = text.trim();
    let parsed = duration::parse(text).ok().and_then(|time| i64::try_from(time.as_millis()).ok());
    let seconds = || text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e12);
    parsed
        .or_else(|| seconds().map(|seconds| (seconds * 1000.0).round() as i64))
        .ok_or_else(|| error(number, format!("found the time {text:?}; expected a duration such as 5m")))
}

/// One value of a series line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// The value.
    pub(super) value: SampleValue,
    /// Whether the script says what the counter reset hint of this histogram is.
    pub(super) hint_given: bool,
}
