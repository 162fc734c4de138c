//! Series selectors, label sets and label lists.

use super::Fault;
use super::expression::{Parsed, Parser};
use super::quote::{go_quote_literal, unquote};
use super::token::{Token, TokenKind};
use crate::ast::{BinaryOp, Modifiers, Span, VectorSelector};
use watchfire_model::labels::is_legacy_label_name;
use watchfire_model::{Labels, METRIC_NAME, MatchOp, Matcher};

impl Parser<'_> {
    /// A selector whose name, if any, was taken already; the braces may be missing then.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<VectorSelector> {
        let mut selector = VectorSelector {
            name: None,
            matchers: Vec::new(),
            modifiers: Modifiers::default(),
            extension: None,
        };
        if name.is_none() || self.peek()?.kind == TokenKind::LeftBrace {
            self.matchers(&mut selector)?;
        }
        if let Some(token) = name {
            let name = self.text(token);
            selector.name = Some(name.to_owned());
            selector.matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        Ok(selector)
    }

    /// A selector and nothing else.
    pub(super) fn whole_selector(&mut self) -> Parsed<(VectorSelector, Span)> {
        self.bound_length()?;
        let first = self.peek()?;
        let selector = if first.kind == TokenKind::LeftBrace {
            self.selector(None)?
        } else if first.names_a_metric() {
            self.take()?;
            self.selector(Some(first))?
        } else {
            return Err(self.unexpected());
        };
        let span = first.start..self.last_end;
        self.end_of_input()?;
        Ok((selector, span))
    }

    fn matchers(&mut self, selector: &mut VectorSelector) -> Parsed<()> {
        const CONSTRUCT: &str = "label matching";
        self.expect(TokenKind::LeftBrace)?;
        while self.take_if(TokenKind::RightBrace)?.is_none() {
            self.matcher(selector)?;
            match self.peek()?.kind {
                TokenKind::Comma => {
                    self.take()?;
                }
                TokenKind::RightBrace => {}
                _ => return Err(self.unexpected_in(CONSTRUCT, "\",\" or \"}\"")),
            }
        }
        Ok(())
    }

    fn matcher(&mut self, selector: &mut VectorSelector) -> Parsed<()> {
        const CONSTRUCT: &str = "label matching";
        let label = self.peek()?;
        let name = match label.kind {
            TokenKind::Identifier => self.text(label).to_owned(),
            TokenKind::String => self.unquoted(label),
            _ => return Err(self.unexpected_in(CONSTRUCT, "identifier or \"}\"")),
        };
        self.take()?;
        let op = match self.peek()?.kind {
            TokenKind::Equal => MatchOp::Equal,
            TokenKind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            TokenKind::EqualRegex => MatchOp::Regex,
            TokenKind::NotEqualRegex => MatchOp::NotRegex,
            _ if label.kind == TokenKind::String => {
                // A name in braces is a condition as others are; more than one can hardly be met.
                selector.matchers.push(Matcher::equal(METRIC_NAME, name));
                return Ok(());
            }
            _ => return Err(self.unexpected_in(CONSTRUCT, "label matching operator")),
        };
        self.take()?;
        let Some(value) = self.take_if(TokenKind::String)? else {
            return Err(self.unexpected_in(CONSTRUCT, "string"));
        };
        let pattern = self.unquoted(value);
        let matcher = Matcher::new(name, op, pattern).map_err(|error| {
            let message = format!("error parsing regexp: {}: `{}`", error.reason, error.pattern);
            Fault::new(label.start..value.end, message)
        })?;
        selector.matchers.push(matcher);
        Ok(())
    }

    /// `(a, b, "c d",)`
    pub(super) fn grouping_labels(&mut self) -> Parsed<Vec<String>> {
        const CONSTRUCT: &str = "grouping opts";
        if self.take_if(TokenKind::LeftParen)?.is_none() {
            return Err(self.unexpected_in(CONSTRUCT, "\"(\""));
        }
        let mut labels = Vec::new();
        while self.take_if(TokenKind::RightParen)?.is_none() {
            let token = self.peek()?;
            let label = match token.kind {
                TokenKind::String => self.grouping_label(token)?,
                _ if token.names_a_label() => self.text(token).to_owned(),
                _ => String::new(),
            };
            if label.is_empty() {
                return Err(self.unexpected_in(CONSTRUCT, "label"));
            }
            self.take()?;
            labels.push(label);
            match self.peek()?.kind {
                TokenKind::Comma => {
                    self.take()?;
                }
                TokenKind::RightParen => {}
                _ => return Err(self.unexpected_in(CONSTRUCT, "\",\" or \")\"")),
            }
        }
        Ok(labels)
    }

    /// A quoted label name, which may be any UTF-8.
    fn grouping_label(&mut self, token: Token) -> Parsed<String> {
        let literal = unquote(self.text(token));
        if literal.is_label_name() || literal.as_str().is_empty() {
            return Ok(literal.as_str().to_owned());
        }
        let shown = go_quote_literal(&literal);
        Err(Fault::new(token.span(), format!("invalid label name for grouping: {shown}")))
    }

    /// The text of a string that is compared with what stores keep, which is UTF-8 always.
    fn unquoted(&self, token: Token) -> String {
        unquote(self.text(token)).as_str().to_owned()
    }

    /// The name and labels of a series, and nothing else.
    pub(super) fn whole_metric(&mut self) -> Parsed<Labels> {
        self.bound_length()?;
        let labels = self.metric(true)?;
        self.end_of_input()?;
        Ok(labels)
    }

    /// The name and labels of a series. Reads no further than the closing brace. In the notation of series a blank
    /// before the braces ends the name, since a histogram may follow.
    pub(super) fn metric(&mut self, blanks_allowed: bool) -> Parsed<Labels> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let first = self.peek()?;
        if first.names_a_metric() {
            self.take()?;
        } else if first.kind != TokenKind::LeftBrace {
            return Err(self.unexpected());
        }
        let braces_follow = if blanks_allowed {
            self.peek()?.kind == TokenKind::LeftBrace
        } else {
            self.query.get(self.last_end..).is_some_and(|rest| rest.starts_with('{'))
        };
        if first.kind == TokenKind::LeftBrace || braces_follow {
            self.label_set(&mut pairs)?;
        }
        if first.names_a_metric() {
            pairs.push((METRIC_NAME.to_owned(), self.text(first).to_owned()));
        }
        Ok(Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
    }

    fn label_set(&mut self, pairs: &mut Vec<(String, String)>) -> Parsed<()> {
        const CONSTRUCT: &str = "label set";
        self.expect(TokenKind::LeftBrace)?;
        while self.take_if(TokenKind::RightBrace)?.is_none() {
            let label = self.peek()?;
            let name = match label.kind {
                TokenKind::Identifier => self.text(label).to_owned(),
                TokenKind::String => self.unquoted(label),
                _ => return Err(self.unexpected_in(CONSTRUCT, "identifier or \"}\"")),
            };
            self.take()?;
            if self.take_if(TokenKind::Equal)?.is_some() {
                let Some(value) = self.take_if(TokenKind::String)? else {
                    return Err(self.unexpected_in(CONSTRUCT, "string"));
                };
                pairs.push((name, self.unquoted(value)));
            } else if label.kind == TokenKind::String {
                pairs.push((METRIC_NAME.to_owned(), name));
            } else {
                return Err(self.unexpected_in(CONSTRUCT, "\"=\""));
            }
            match self.peek()?.kind {
                TokenKind::Comma => {
                    self.take()?;
                }
                TokenKind::RightBrace => {}
                _ => return Err(self.unexpected_in(CONSTRUCT, "\",\" or \"}\"")),
            }
        }
        Ok(())
    }
}

/// Whether a label name may be written without quotes in `by (…)` and its like.
pub(crate) fn is_bare_grouping_label(name: &str) -> bool {
    // The words of filling are no keywords where no parenthesis follows.
    let fills = matches!(name, "fill" | "fill_left" | "fill_right");
    let names = |kind| Token { kind, start: 0, end: 0 }.names_a_label();
    is_legacy_label_name(name) && (fills || super::token::keyword(name).is_none_or(names))
}
