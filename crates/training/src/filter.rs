//! MLflow's filters: `metrics.loss < 0.5 and params.lr = "0.001" and tags.team LIKE "nl%"`.

mod lexer;

use crate::TrainingError;
use lexer::{Lexer, Token};

/// A filter has at most so many bytes.
const MAX_LENGTH: usize = 10_000;
/// A filter has at most so many conditions, and a list so many values.
const MAX_PARTS: usize = 200;

/// What a condition or an order looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The last value of a metric.
    Metric(String),
    /// A parameter.
    Param(String),
    /// A tag.
    Tag(String),
    /// A property of the run itself.
    Attribute(Attribute),
}

/// A property that every run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// Its id.
    RunId,
    /// Its name.
    RunName,
    /// Where it stands, in capitals.
    Status,
    /// Who began it.
    UserId,
    /// When it began, in milliseconds since the Unix epoch.
    StartTime,
    /// When it ended, in milliseconds since the Unix epoch.
    EndTime,
    /// Where its files lie.
    ArtifactUri,
    /// For how long it ran, in milliseconds.
    Duration,
}

/// What is true of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Compared with a number.
    Number(Comparison, f64),
    /// Compared with a text.
    Text(Comparison, String),
    /// Like a pattern with `%` and `_`.
    Like {
        /// The pattern.
        pattern: String,
        /// Whether capitals count.
        is_exact: bool,
    },
    /// One of a list, or none of it.
    In {
        /// The list.
        values: Vec<String>,
        /// Whether it shall be none of it.
        is_negated: bool,
    },
    /// Missing, or there.
    Null {
        /// Whether it shall be there.
        is_negated: bool,
    },
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether two values that stand so satisfy it; those that cannot be ordered are only unequal.
    pub fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match self {
            Self::Equal => order == Some(Equal),
            Self::NotEqual => order != Some(Equal),
            Self::Less => order == Some(Less),
            Self::LessOrEqual => matches!(order, Some(Less | Equal)),
            Self::Greater => order == Some(Greater),
            Self::GreaterOrEqual => matches!(order, Some(Greater | Equal)),
        }
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What it looks at.
    pub subject: Subject,
    /// What shall be true of it.
    pub test: Test,
}

/// The value of a subject.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl Test {
    /// Whether it is true; what is missing satisfies only `IS NULL`.
    pub fn holds(&self, value: Option<Value<'_>>) -> bool {
        match (self, value) {
            (Self::Null { is_negated }, value) => value.is_some() == *is_negated,
            (Self::Number(comparison, wanted), Some(Value::Number(found))) => {
                comparison.holds(found.partial_cmp(wanted))
            }
            (Self::Text(comparison, wanted), Some(Value::Text(found))) => {
                comparison.holds(Some(found.cmp(wanted.as_str())))
            }
            (Self::Like { pattern, is_exact: true }, Some(Value::Text(found))) => is_like(found, pattern),
            (Self::Like { pattern, is_exact: false }, Some(Value::Text(found))) => {
                is_like(&found.to_lowercase(), &pattern.to_lowercase())
            }
            (Self::In { values, is_negated }, Some(Value::Text(found))) => {
                values.iter().any(|value| value == found) != *is_negated
            }
            _ => false,
        }
    }
}

/// SQL's pattern: `%` for any text, `_` for one character. It goes back to the last `%` only, so that no pattern is slow.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut rule) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(rule) {
            Some('%') => {
                retry = Some((at, rule + 1));
                rule += 1;
            }
            Some(wanted) if *wanted == '_' || text.get(at) == Some(wanted) => (at, rule) = (at + 1, rule + 1),
            _ => {
                let Some((from, after)) = retry else { return false };
                retry = Some((from + 1, after));
                (at, rule) = (from + 1, after);
            }
        }
    }
    pattern.iter().skip(rule).all(|left| *left == '%')
}

/// Reads a filter; an empty one has no conditions. All of them shall be true.
///
/// # Errors
/// What stands where something else should.
pub fn parse(text: &str) -> Result<Vec<Condition>, TrainingError> {
    if text.len() > MAX_LENGTH {
        return Err(TrainingError::Invalid(format!("the filter is longer than {MAX_LENGTH} bytes")));
    }
    let mut lexer = Lexer::new(text);
    let mut conditions = Vec::new();
    if lexer.peek()?.is_none() {
        return Ok(conditions);
    }
    loop {
        let subject = subject(&mut lexer)?;
        let test = test(&mut lexer, &subject)?;
        conditions.push(Condition { subject, test });
        if conditions.len() > MAX_PARTS {
            return Err(lexer.wrong(&format!("{MAX_PARTS} conditions at most")));
        }
        match lexer.next()? {
            None => return Ok(conditions),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") => {}
            Some(_) => return Err(lexer.wrong("AND or the end")),
        }
    }
}

/// Reads what an `order_by` names, and whether the largest shall come first.
///
/// # Errors
/// What stands where something else should.
pub fn parse_order(text: &str) -> Result<(Subject, bool), TrainingError> {
    if text.len() > MAX_LENGTH {
        return Err(TrainingError::Invalid(format!("the order is longer than {MAX_LENGTH} bytes")));
    }
    let mut lexer = Lexer::new(text);
    let subject = subject(&mut lexer)?;
    match lexer.next()? {
        None => Ok((subject, false)),
        Some(Token::Word(word)) if lexer.is_done()? && word.eq_ignore_ascii_case("asc") => {
            Ok((subject, false))
        }
        Some(Token::Word(word)) if lexer.is_done()? && word.eq_ignore_ascii_case("desc") => {
            Ok((subject, true))
        }
        Some(_) => Err(lexer.wrong("ASC, DESC or the end")),
    }
}

fn subject(lexer: &mut Lexer<'_>) -> Result<Subject, TrainingError> {
    let expected = "metrics.KEY, params.KEY, tags.KEY or an attribute such as start_time";
    let Some(Token::Word(first) | Token::Quoted(first)) = lexer.next()? else {
        return Err(lexer.wrong(expected));
    };
    // `metrics.a.b` comes as one word; a quoted key as a word that ends with a dot, and the key.
    let (kind, key) = match first.split_once('.') {
        Some((kind, "")) => match lexer.next()? {
            Some(Token::Quoted(key) | Token::Text(key)) => (kind.to_owned(), key),
            _ => return Err(lexer.wrong("a key")),
        },
        Some((kind, key)) => (kind.to_owned(), key.to_owned()),
        None => ("attributes".to_owned(), first),
    };
    match kind.to_ascii_lowercase().as_str() {
        "metric" | "metrics" => Ok(Subject::Metric(key)),
        "param" | "params" | "parameter" | "parameters" => Ok(Subject::Param(key)),
        "tag" | "tags" => Ok(Subject::Tag(key)),
        "attribute" | "attributes" | "attr" | "run" => match attribute(&key) {
            Some(attribute) => Ok(Subject::Attribute(attribute)),
            None => Err(lexer.wrong(
                "one of the attributes run_id, run_name, status, user_id, start_time, end_time, artifact_uri, duration",
            )),
        },
        _ => Err(lexer.wrong(expected)),
    }
}

fn attribute(key: &str) -> Option<Attribute> {
    Some(match key.to_ascii_lowercase().as_str() {
        "run_id" => Attribute::RunId,
        "run_name" | "name" | "run name" => Attribute::RunName,
        "status" => Attribute::Status,
        "user_id" | "user" => Attribute::UserId,
        "start_time" | "created" => Attribute::StartTime,
        "end_time" => Attribute::EndTime,
        "artifact_uri" => Attribute::ArtifactUri,
        "duration" => Attribute::Duration,
        _ => return None,
    })
}

impl Subject {
    /// Whether its values are numbers.
    pub const fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Metric(_)
                | Self::Attribute(Attribute::StartTime | Attribute::EndTime | Attribute::Duration)
        )
    }
}

fn test(lexer: &mut Lexer<'_>, subject: &Subject) -> Result<Test, TrainingError> {
    let expected = "=, !=, <, <=, >, >=, LIKE, ILIKE, IN, NOT IN or IS NULL";
    let comparison = match lexer.next()? {
        Some(Token::Comparison(comparison)) => comparison,
        Some(Token::Word(word)) => return word_test(lexer, subject, &word.to_ascii_lowercase()),
        _ => return Err(lexer.wrong(expected)),
    };
    match (lexer.next()?, subject.is_number()) {
        (Some(Token::Word(word)), true) => match word.parse() {
            Ok(number) => Ok(Test::Number(comparison, number)),
            Err(_) => Err(lexer.wrong("a number")),
        },
        (Some(Token::Text(text) | Token::Quoted(text)), true) => match text.parse() {
            Ok(number) => Ok(Test::Number(comparison, number)),
            Err(_) => Err(lexer.wrong("a number")),
        },
        (Some(Token::Text(text) | Token::Quoted(text)), false) => Ok(Test::Text(comparison, text)),
        (_, true) => Err(lexer.wrong("a number")),
        (_, false) => Err(lexer.wrong("a text in quotes")),
    }
}

fn word_test(lexer: &mut Lexer<'_>, subject: &Subject, word: &str) -> Result<Test, TrainingError> {
    let is_word = |token: Option<Token>, wanted: &str| matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
    match word {
        "is" => {
            let mut next = lexer.next()?;
            let mut is_negated = false;
            if is_word(next.clone(), "not") {
                is_negated = true;
                next = lexer.next()?;
            }
            if is_word(next, "null") { Ok(Test::Null { is_negated }) } else { Err(lexer.wrong("NULL")) }
        }
        _ if subject.is_number() => Err(lexer.wrong("=, !=, <, <=, > or >=, for this is a number")),
        "like" | "ilike" => match lexer.next()? {
            Some(Token::Text(pattern) | Token::Quoted(pattern)) => {
                Ok(Test::Like { pattern, is_exact: word == "like" })
            }
            _ => Err(lexer.wrong("a pattern in quotes")),
        },
        "in" => Ok(Test::In { values: list(lexer)?, is_negated: false }),
        "not" => {
            if is_word(lexer.next()?, "in") {
                Ok(Test::In { values: list(lexer)?, is_negated: true })
            } else {
                Err(lexer.wrong("IN"))
            }
        }
        _ => Err(lexer.wrong("a comparison")),
    }
}

fn list(lexer: &mut Lexer<'_>) -> Result<Vec<String>, TrainingError> {
    let mut values = Vec::new();
    if lexer.next()? != Some(Token::Open) {
        return Err(lexer.wrong("("));
    }
    loop {
        match lexer.next()? {
            Some(Token::Text(value) | Token::Quoted(value)) if values.len() < MAX_PARTS => values.push(value),
            _ => return Err(lexer.wrong(&format!("a text in quotes, {MAX_PARTS} at most"))),
        }
        match lexer.next()? {
            Some(Token::Comma) => {}
            Some(Token::Close) => return Ok(values),
            _ => return Err(lexer.wrong(", or )")),
        }
    }
}

#[cfg(test)]
mod tests;
