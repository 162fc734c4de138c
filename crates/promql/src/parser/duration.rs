//! Durations in brackets and after `offset`: literals, `step()`, `range()`, `min_of`, `max_of` and arithmetic.

use super::Fault;
use super::expression::{POWER, Parsed, Parser, precedence, right_precedence};
use super::token::{Preprocessor, TokenKind};
use crate::ast::{BinaryOp, DurationExpr, DurationKind, Span};

/// Go's durations are nanoseconds in 63 bits; a literal beyond that many seconds has none.
const LARGEST_SECONDS: f64 = 9_223_372_036.854_775;

/// How many operators one duration may have; with the nesting this bounds the height of its tree.
const MAX_OPERATORS: usize = 200;

/// A duration while it is read. A literal keeps its exact number of seconds until it is known what becomes of it.
#[derive(Debug)]
enum Reading {
    Literal(Literal, Span),
    Computed(DurationExpr),
}

/// A number of seconds, and whether it was written as a duration (`5m`) or bare (`300`).
#[derive(Clone, Copy, Debug)]
struct Literal {
    seconds: f64,
    is_duration: bool,
}

impl Reading {
    const fn span(&self) -> &Span {
        match self {
            Self::Literal(_, span) => span,
            Self::Computed(computed) => &computed.span,
        }
    }

    /// As a whole duration: milliseconds, cut off as Prometheus cuts them.
    fn finish(self) -> DurationExpr {
        match self {
            Self::Literal(literal, span) => {
                let nanoseconds = (literal.seconds * 1e9).round();
                let kind = DurationKind::Literal((nanoseconds / 1e6).trunc() as i64);
                DurationExpr { kind, span }
            }
            Self::Computed(computed) => computed,
        }
    }

    /// As a part of a computation.
    fn operand(self) -> DurationExpr {
        match self {
            Self::Literal(Literal { seconds, is_duration: false }, span) => {
                DurationExpr { kind: DurationKind::Number(seconds), span }
            }
            whole => whole.finish(),
        }
    }
}

impl Parser<'_> {
    /// A duration in brackets. A literal must be positive; what is computed is checked when it is.
    pub(super) fn positive_duration(&mut self) -> Parsed<DurationExpr> {
        self.duration_operators = 0;
        match self.duration(0)? {
            Reading::Literal(literal, span) if literal.seconds <= 0.0 => {
                Err(Fault::new(span, "duration must be greater than 0"))
            }
            other => Ok(other.finish()),
        }
    }

    /// The duration after `offset`, which ends before an operator: `x offset 5m + 2` adds to the vector. Only behind
    /// an unsigned parenthesis does it go on.
    pub(super) fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        self.duration_operators = 0;
        let first = self.peek()?;
        let negative = match first.kind {
            TokenKind::Operator(BinaryOp::Sub) => true,
            TokenKind::Operator(BinaryOp::Add) => false,
            TokenKind::LeftParen => return Ok(in_parens(self.duration(0)?.finish())),
            _ => return Ok(self.duration_operand()?.finish()),
        };
        self.take()?;
        if matches!(self.peek()?.kind, TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub)) {
            let inner = self.duration(POWER)?;
            let signed = signed(negative, inner, first.span())?;
            return Ok(in_parens(self.duration_after(signed, 0)?.finish()));
        }
        let operand = self.duration_operand()?;
        Ok(signed(negative, operand, first.span())?.finish())
    }

    fn duration(&mut self, lowest: u8) -> Parsed<Reading> {
        self.descend()?;
        let first = self.peek()?;
        let left = match first.kind {
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                self.take()?;
                let inner = self.duration(POWER)?;
                signed(first.kind == TokenKind::Operator(BinaryOp::Sub), inner, first.span())?
            }
            _ => self.duration_operand()?,
        };
        let whole = self.duration_after(left, lowest)?;
        self.ascend();
        Ok(whole)
    }

    /// The operators after a first operand, down to a precedence.
    fn duration_after(&mut self, mut left: Reading, lowest: u8) -> Parsed<Reading> {
        while let TokenKind::Operator(op) = self.peek()?.kind {
            let is_arithmetic = matches!(
                op,
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow
            );
            if !is_arithmetic || precedence(op) < lowest {
                break;
            }
            let operator = self.take()?;
            self.duration_operators += 1;
            if self.duration_operators > MAX_OPERATORS {
                let message = format!(
                    "duration expression has too many operators; at most {MAX_OPERATORS} are allowed"
                );
                return Err(Fault::new(operator.span(), message));
            }
            let right = self.duration(right_precedence(op))?;
            if matches!(right, Reading::Literal(Literal { seconds: 0.0, .. }, _)) {
                match op {
                    BinaryOp::Div => return Err(Fault::new(operator.span(), "division by zero")),
                    BinaryOp::Mod => return Err(Fault::new(operator.span(), "modulo by zero")),
                    _ => {}
                }
            }
            let span = left.span().start..right.span().end;
            let kind = DurationKind::Binary(op, Box::new(left.operand()), Box::new(right.operand()));
            left = Reading::Computed(DurationExpr { kind, span });
        }
        Ok(left)
    }

    fn duration_operand(&mut self) -> Parsed<Reading> {
        let token = self.peek()?;
        let kind = match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let seconds = self.number()?;
                if seconds.abs() > LARGEST_SECONDS {
                    return Err(Fault::new(token.span(), "duration out of range"));
                }
                let is_duration = token.kind == TokenKind::Duration;
                return Ok(Reading::Literal(Literal { seconds, is_duration }, token.span()));
            }
            TokenKind::Preprocessor(word @ (Preprocessor::Step | Preprocessor::Range)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                self.expect(TokenKind::RightParen)?;
                if word == Preprocessor::Step { DurationKind::Step } else { DurationKind::Range }
            }
            TokenKind::Identifier => {
                let word = self.text(token);
                let is_min = word.eq_ignore_ascii_case("min_of");
                if !is_min && !word.eq_ignore_ascii_case("max_of") {
                    return Err(self.unexpected());
                }
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                let first = Box::new(self.duration(0)?.operand());
                self.expect(TokenKind::Comma)?;
                let second = Box::new(self.duration(0)?.operand());
                self.expect(TokenKind::RightParen)?;
                if is_min { DurationKind::Min(first, second) } else { DurationKind::Max(first, second) }
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.duration(0)?;
                self.expect(TokenKind::RightParen)?;
                match inner {
                    // A number alone needs no parentheses.
                    Reading::Literal(literal, _) => {
                        return Ok(Reading::Literal(literal, token.start..self.last_end));
                    }
                    Reading::Computed(inner) => DurationKind::Paren(Box::new(inner)),
                }
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Reading::Computed(DurationExpr { kind, span: token.start..self.last_end }))
    }
}

/// A computation after `offset` as it must stand there to be read whole: in parentheses, unless its text begins with one.
fn in_parens(whole: DurationExpr) -> DurationExpr {
    let mut first = &whole;
    while let DurationKind::Binary(_, left, _) = &first.kind {
        first = left;
    }
    let begins_with_one = matches!(first.kind, DurationKind::Paren(_));
    let span = whole.span.clone();
    match whole.kind {
        DurationKind::Binary(..) if !begins_with_one => {
            DurationExpr { kind: DurationKind::Paren(Box::new(whole)), span }
        }
        _ => whole,
    }
}

fn signed(negative: bool, inner: Reading, sign: Span) -> Parsed<Reading> {
    Ok(match inner {
        Reading::Literal(Literal { seconds, is_duration }, span) => {
            let seconds = if negative { -seconds } else { seconds };
            Reading::Literal(Literal { seconds, is_duration }, sign.start..span.end)
        }
        Reading::Computed(inner) if negative => {
            let span = sign.start..inner.span.end;
            Reading::Computed(DurationExpr { kind: DurationKind::Negate(Box::new(inner)), span })
        }
        computed @ Reading::Computed(_) => computed,
    })
}
