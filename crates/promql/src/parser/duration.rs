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
    Literal(f64, Span),
    Computed(DurationExpr),
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
            Self::Literal(seconds, span) => {
                let nanoseconds = (seconds * 1e9).round();
                let kind = DurationKind::Literal((nanoseconds / 1e6).trunc() as i64);
                DurationExpr { kind, span }
            }
            Self::Computed(computed) => computed,
        }
    }

    /// As a part of a computation. A literal finer than a millisecond becomes a quotient of two whole ones, which
    /// divides to the very same float: `0.0001` is one second over ten thousand.
    fn operand(self) -> DurationExpr {
        let Self::Literal(seconds, span) = self else { return self.finish() };
        let literal = |milliseconds: f64| {
            Box::new(DurationExpr { kind: DurationKind::Literal(milliseconds as i64), span: span.clone() })
        };
        let whole = |seconds: f64| {
            let milliseconds = (seconds * 1000.0).round();
            (milliseconds / 1000.0 == seconds && milliseconds.abs() < 9e15).then_some(milliseconds)
        };
        if let Some(milliseconds) = whole(seconds) {
            return *literal(milliseconds);
        }
        for exponent in 1..=12 {
            let divisor = 10_f64.powi(exponent);
            let dividend = (seconds * divisor).round();
            if dividend.abs() < 9e12 && dividend / divisor == seconds {
                let (dividend, divisor) = (literal(dividend * 1000.0), literal(divisor * 1000.0));
                let quotient = DurationKind::Binary(BinaryOp::Div, dividend, divisor);
                let quotient = Box::new(DurationExpr { kind: quotient, span: span.clone() });
                return DurationExpr { kind: DurationKind::Paren(quotient), span };
            }
        }
        // Finer than a picosecond: rounding is far below what any timestamp can show.
        *literal(seconds * 1000.0)
    }
}

impl Parser<'_> {
    /// A duration in brackets. A literal must be positive; what is computed is checked when it is.
    pub(super) fn positive_duration(&mut self) -> Parsed<DurationExpr> {
        self.duration_operators = 0;
        match self.duration(0)? {
            Reading::Literal(seconds, span) if seconds <= 0.0 => {
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
            TokenKind::LeftParen => return Ok(self.duration(0)?.finish()),
            _ => return Ok(self.duration_operand()?.finish()),
        };
        self.take()?;
        if matches!(self.peek()?.kind, TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub)) {
            let inner = self.duration(POWER)?;
            let signed = signed(negative, inner, first.span())?;
            let whole = self.duration_after(signed, 0)?.finish();
            // Printed, this needs the parentheses that only the second sign spared here.
            let span = whole.span.clone();
            return Ok(match whole.kind {
                DurationKind::Binary(..) => DurationExpr { kind: DurationKind::Paren(Box::new(whole)), span },
                _ => whole,
            });
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
            if matches!(right, Reading::Literal(0.0, _)) {
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
                return Ok(Reading::Literal(seconds, token.span()));
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
                DurationKind::Paren(Box::new(inner.operand()))
            }
            _ => return Err(self.unexpected()),
        };
        Ok(Reading::Computed(DurationExpr { kind, span: token.start..self.last_end }))
    }
}

fn signed(negative: bool, inner: Reading, sign: Span) -> Parsed<Reading> {
    Ok(match inner {
        Reading::Literal(seconds, span) => {
            Reading::Literal(if negative { -seconds } else { seconds }, sign.start..span.end)
        }
        Reading::Computed(inner) if negative => {
            let span = sign.start..inner.span.end;
            Reading::Computed(DurationExpr { kind: DurationKind::Negate(Box::new(inner)), span })
        }
        computed @ Reading::Computed(_) => computed,
    })
}
