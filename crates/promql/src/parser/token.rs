//! Tokens, keywords, and how error texts name them.

use super::quote::{go_quote, go_quote_prefix};
use crate::ast::{AggregateOp, BinaryOp};
use std::ops::Range;

/// Words that are neither operators nor aggregations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// Words that stand for a property of the query when a `(` follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preprocessor {
    Start,
    End,
    Step,
    Range,
}

/// What a token is. Its text is looked up in the query by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    EndOfInput,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    /// `=`
    Equal,
    /// `=~`, only inside braces.
    EqualRegex,
    /// `!~`, only inside braces.
    NotEqualRegex,
    At,
    Number,
    Duration,
    String,
    Identifier,
    /// An identifier with a colon in it.
    MetricIdentifier,
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Preprocessor(Preprocessor),
}

/// A token with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Words that Prometheus's lexer knows because durations are computed with them.
fn is_of_durations(word: &str) -> bool {
    ["min_of", "max_of"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

impl Token {
    pub(crate) const fn span(self) -> Range<usize> {
        self.start..self.end
    }

    /// The token as error texts name it, such as `identifier "foo"` or `<op:+>`.
    pub(crate) fn description(self, query: &str) -> String {
        let text = query.get(self.span()).unwrap_or("");
        match self.kind {
            TokenKind::EndOfInput => "end of input".to_owned(),
            TokenKind::Number => format!("number {}", shortened(text)),
            TokenKind::Duration => format!("duration {}", shortened(text)),
            TokenKind::String => format!("string {}", shortened(text)),
            TokenKind::Identifier if is_of_durations(text) => go_quote(text),
            TokenKind::Identifier => format!("identifier {}", go_quote(text)),
            TokenKind::MetricIdentifier => format!("metric identifier {}", go_quote(text)),
            TokenKind::Operator(_) | TokenKind::At | TokenKind::EqualRegex | TokenKind::NotEqualRegex => {
                format!("<op:{text}>")
            }
            TokenKind::Aggregate(_) => format!("<aggr:{text}>"),
            TokenKind::Keyword(_) => format!("<{text}>"),
            _ => go_quote(text),
        }
    }

    /// Whether this token alone may be a metric name.
    pub(crate) const fn names_a_metric(self) -> bool {
        match self.kind {
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Aggregate(_)
            | TokenKind::Preprocessor(_)
            | TokenKind::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless) => true,
            TokenKind::Keyword(keyword) => matches!(
                keyword,
                Keyword::By | Keyword::Without | Keyword::Offset | Keyword::Anchored | Keyword::Smoothed
            ),
            _ => false,
        }
    }

    /// Whether this token alone may be a label name in `by (…)` and its like.
    pub(crate) const fn names_a_label(self) -> bool {
        match self.kind {
            TokenKind::Identifier
            | TokenKind::MetricIdentifier
            | TokenKind::Aggregate(_)
            | TokenKind::Preprocessor(_)
            | TokenKind::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2) => true,
            TokenKind::Keyword(keyword) => {
                !matches!(keyword, Keyword::Without | Keyword::Fill | Keyword::FillLeft | Keyword::FillRight)
            }
            _ => false,
        }
    }

    /// Whether an expression may begin here.
    pub(crate) const fn begins_an_expression(self) -> bool {
        self.names_a_metric()
            || matches!(
                self.kind,
                TokenKind::Number
                    | TokenKind::Duration
                    | TokenKind::String
                    | TokenKind::LeftParen
                    | TokenKind::LeftBrace
                    | TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

/// Long texts are cut after ten characters.
fn shortened(text: &str) -> String {
    if text.len() > 10 { format!("{}...", go_quote_prefix(text, 10)) } else { go_quote(text) }
}

const LONGEST_WORD: usize = 12;

/// What a word means, in any case; `None` for a plain identifier.
pub(crate) fn keyword(word: &str) -> Option<TokenKind> {
    let mut buffer = [0_u8; LONGEST_WORD];
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let kind = match &*lower {
        b"and" => TokenKind::Operator(BinaryOp::And),
        b"or" => TokenKind::Operator(BinaryOp::Or),
        b"unless" => TokenKind::Operator(BinaryOp::Unless),
        b"atan2" => TokenKind::Operator(BinaryOp::Atan2),
        b"sum" => TokenKind::Aggregate(AggregateOp::Sum),
        b"avg" => TokenKind::Aggregate(AggregateOp::Avg),
        b"count" => TokenKind::Aggregate(AggregateOp::Count),
        b"min" => TokenKind::Aggregate(AggregateOp::Min),
        b"max" => TokenKind::Aggregate(AggregateOp::Max),
        b"group" => TokenKind::Aggregate(AggregateOp::Group),
        b"stddev" => TokenKind::Aggregate(AggregateOp::Stddev),
        b"stdvar" => TokenKind::Aggregate(AggregateOp::Stdvar),
        b"topk" => TokenKind::Aggregate(AggregateOp::Topk),
        b"bottomk" => TokenKind::Aggregate(AggregateOp::Bottomk),
        b"count_values" => TokenKind::Aggregate(AggregateOp::CountValues),
        b"quantile" => TokenKind::Aggregate(AggregateOp::Quantile),
        b"limitk" => TokenKind::Aggregate(AggregateOp::Limitk),
        b"limit_ratio" => TokenKind::Aggregate(AggregateOp::LimitRatio),
        b"offset" => TokenKind::Keyword(Keyword::Offset),
        b"smoothed" => TokenKind::Keyword(Keyword::Smoothed),
        b"anchored" => TokenKind::Keyword(Keyword::Anchored),
        b"by" => TokenKind::Keyword(Keyword::By),
        b"without" => TokenKind::Keyword(Keyword::Without),
        b"on" => TokenKind::Keyword(Keyword::On),
        b"ignoring" => TokenKind::Keyword(Keyword::Ignoring),
        b"group_left" => TokenKind::Keyword(Keyword::GroupLeft),
        b"group_right" => TokenKind::Keyword(Keyword::GroupRight),
        b"fill" => TokenKind::Keyword(Keyword::Fill),
        b"fill_left" => TokenKind::Keyword(Keyword::FillLeft),
        b"fill_right" => TokenKind::Keyword(Keyword::FillRight),
        b"bool" => TokenKind::Keyword(Keyword::Bool),
        b"start" => TokenKind::Preprocessor(Preprocessor::Start),
        b"end" => TokenKind::Preprocessor(Preprocessor::End),
        b"step" => TokenKind::Preprocessor(Preprocessor::Step),
        b"range" => TokenKind::Preprocessor(Preprocessor::Range),
        b"inf" | b"nan" => TokenKind::Number,
        _ => return None,
    };
    Some(kind)
}
