//! The words of a filter.

use super::Comparison;
use crate::TrainingError;

/// A word of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Letters, digits and the like: a keyword, a key, a number.
    Word(String),
    /// In backticks or double quotes: a key, and where a value is wanted a text.
    Quoted(String),
    /// In single quotes.
    Text(String),
    Comparison(Comparison),
    Open,
    Close,
    Comma,
}

/// Takes a filter apart.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Where the token begins that was taken last.
    last: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, last: 0 }
    }

    /// A fault at the token taken last.
    pub(super) fn wrong(&self, expected: &str) -> TrainingError {
        let rest = self.text.get(self.last..).unwrap_or_default().trim_start();
        let found = if rest.is_empty() {
            "the end".to_owned()
        } else {
            format!("{:?}", rest.chars().take(24).collect::<String>())
        };
        let before = self.text.get(..self.text.len() - rest.len()).unwrap_or_default();
        let column = before.chars().count() + 1;
        TrainingError::Invalid(format!("filter, column {column}: found {found}, expected {expected}"))
    }

    pub(super) fn is_done(&self) -> Result<bool, TrainingError> {
        Ok(self.text.get(self.at..).unwrap_or_default().trim_start().is_empty())
    }

    pub(super) fn peek(&mut self) -> Result<Option<Token>, TrainingError> {
        let (at, last) = (self.at, self.last);
        let token = self.next();
        (self.at, self.last) = (at, last);
        token
    }

    pub(super) fn next(&mut self) -> Result<Option<Token>, TrainingError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        self.at += blanks;
        self.last = self.at;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let two = rest.get(..2).unwrap_or_default();
        let comparison = match (first, two) {
            (_, "!=" | "<>") => Some((Comparison::NotEqual, 2)),
            (_, "<=") => Some((Comparison::LessOrEqual, 2)),
            (_, ">=") => Some((Comparison::GreaterOrEqual, 2)),
            (_, "==") => Some((Comparison::Equal, 2)),
            ('=', _) => Some((Comparison::Equal, 1)),
            ('<', _) => Some((Comparison::Less, 1)),
            ('>', _) => Some((Comparison::Greater, 1)),
            _ => None,
        };
        if let Some((comparison, length)) = comparison {
            self.at += length;
            return Ok(Some(Token::Comparison(comparison)));
        }
        let single = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            self.at += 1;
            return Ok(Some(token));
        }
        if matches!(first, '`' | '"' | '\'') {
            let inner = rest.get(1..).unwrap_or_default();
            let Some(end) = inner.find(first) else { return Err(self.wrong("a closing quote")) };
            self.at += end + 2;
            let text = inner.get(..end).unwrap_or_default().to_owned();
            return Ok(Some(if first == '\'' { Token::Text(text) } else { Token::Quoted(text) }));
        }
        let is_part =
            |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | '+' | ':');
        let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.wrong("a word"));
        }
        self.at += length;
        Ok(Some(Token::Word(rest.get(..length).unwrap_or_default().to_owned())))
    }
}
